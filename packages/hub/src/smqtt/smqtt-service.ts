import {
  AuthorityService,
  createSuiteRegistry,
  isSealed,
  MessageSealer,
  secureRandomBytes,
  type WrapStore,
} from "@isthmus/smqtt";
import { AuthorityFile, createWorkerSuites, nodeCrypto, type WorkerSuites } from "@isthmus/smqtt/node";
import type { HubContext } from "../hub-context.js";
import { EnrolmentRelay } from "./enrolment-relay.js";
import { ExchangeClient } from "./exchange-client.js";
import { MembershipKeeper } from "./membership-keeper.js";
import type { SealingGate } from "./sealing-gate.js";
import type { KeyFileOptions, SealingRule, SmqttOptions, SmqttSealingOptions } from "./smqtt-options.js";

/** The hub's own part in Secure MQTT, loaded when it has one. What takes milliseconds is done by worker threads. */
export class SmqttService {
  readonly relay: EnrolmentRelay;
  readonly #context: HubContext;
  readonly #client: ExchangeClient;
  readonly #workers: WorkerSuites;
  readonly #cryptography;
  readonly #sealers = new Map<SealingRule, MessageSealer>();
  #authority: AuthorityService | undefined;
  #keeper: MembershipKeeper | undefined;

  constructor(context: HubContext, options: SmqttOptions) {
    this.#context = context;
    this.#client = new ExchangeClient(context);
    this.relay = new EnrolmentRelay(this.#client, options.enrolment);
    this.#workers = createWorkerSuites(options.workers);
    this.#cryptography = {
      suites: createSuiteRegistry(this.#workers.suites),
      crypto: nodeCrypto,
      random: secureRandomBytes,
      now: () => Date.now() / 1000,
    };
  }

  /** Answers requests for enrolment from now on. @throws PassphraseError; Error of code ENOENT. */
  async openAuthority({ file, passphrase }: KeyFileOptions): Promise<void> {
    const { log } = this.#context;
    const authority = await AuthorityFile.open(file, passphrase, this.#cryptography);
    this.#authority = await AuthorityService.start(this.#client, {
      change: async (action) => authority.change(action),
      onRequest: (outcome) => log.info({ outcome }, "smqtt request"),
      onFailure: (error) => log.error({ err: error, file }, "smqtt request not answered"),
    });
    log.info({ file, topic: this.#authority.topic }, "smqtt authority");
  }

  /** Seals from now on. @throws PassphraseError, CoseError, RangeError for a suite that there is not. */
  async openSealing({ keys, rules }: SmqttSealingOptions, gate: SealingGate): Promise<void> {
    const { log } = this.#context;
    this.#keeper = await MembershipKeeper.open(keys, this.#client, log);
    const { certificate, readableSuites } = this.#keeper.membership;
    for (const rule of rules) this.#sealers.set(rule, this.#sealerOf(rule, this.#keeper));
    if (readableSuites.length > 0) {
      log.warn({ suites: readableSuites, file: keys.file }, "the hub's keys can read what it seals: they need not");
    }
    log.info({ device: certificate.name, rules: rules.length }, "smqtt sealing");
    gate.open({
      isSealed,
      sealerOf: (rule) => {
        const sealer = this.#sealers.get(rule);
        if (sealer === undefined) throw new RangeError(`no rule for ${rule.filter}`);
        return sealer;
      },
    });
  }

  async close(): Promise<void> {
    await this.#authority?.close();
    await this.#keeper?.close();
    await Promise.all([...this.#sealers.values()].map(async (sealer) => sealer.close()));
    await this.#workers.close();
  }

  #sealerOf({ suite, policy, countersign = false }: SealingRule, { membership }: MembershipKeeper): MessageSealer {
    const chosen = suite ?? (policy === undefined ? "kp-abe" : "cp-abe");
    membership.publisher(chosen); // now, and not with the first message
    return new MessageSealer(this.#wraps(), {
      ...this.#cryptography,
      membership,
      suite: chosen,
      sealing: { countersign },
    });
  }

  #wraps(): WrapStore {
    return {
      put: async (topic, wrap) => this.#client.publish(topic, wrap, { qos: 1, retain: true }),
      get: async (topic) => this.#client.retained(topic),
      watch: async (filter) => this.#client.subscribe(filter),
    };
  }
}
