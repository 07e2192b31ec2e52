import {
  answerTopic,
  bundleTopic,
  CoseError,
  exportDevice,
  importDevice,
  Membership,
  type PassphraseKey,
  type PlainClient,
  type PlainSubscription,
  renewOver,
  secureRandomBytes,
} from "@isthmus/smqtt";
import { nodeCrypto, replacePrivately } from "@isthmus/smqtt/node";
import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import type { KeyFileOptions } from "./smqtt-options.js";

/** How often it is looked whether the keys are due, and what part of their time is left then. */
const CHECK_MS = 3_600_000;
const RENEWAL_SHARE = 1 / 3;

/** Keeps the hub's own membership: hears the authority's word, renews in time, and writes both to the device file. */
export class MembershipKeeper {
  readonly membership: Membership;
  readonly #file: string;
  readonly #key: PassphraseKey;
  readonly #client: PlainClient;
  readonly #log: Logger;
  #following: PlainSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  /** The last of the writes that are under way; it never fails. */
  #saved: Promise<void> = Promise.resolve();

  private constructor(membership: Membership, file: string, key: PassphraseKey, client: PlainClient, log: Logger) {
    this.membership = membership;
    this.#file = file;
    this.#key = key;
    this.#client = client;
    this.#log = log;
  }

  /** @throws PassphraseError, CoseError for a file that is none; Error of code ENOENT. */
  static async open({ file, passphrase }: KeyFileOptions, client: PlainClient, log: Logger): Promise<MembershipKeeper> {
    const { device, key } = await importDevice(new Uint8Array(await readFile(file)), passphrase, nodeCrypto);
    const membership = await Membership.restore(device, nodeCrypto);
    const keeper = new MembershipKeeper(membership, file, key, client, log);
    await keeper.#follow();
    return keeper;
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#following?.close();
    await this.#work;
    await this.#saved;
  }

  async #follow(): Promise<void> {
    const { authorityKey, certificate } = this.membership;
    this.#following = await this.#client.subscribe([bundleTopic(authorityKey), answerTopic(certificate.id)], {
      qos: 1,
    });
    this.#work = this.#listen(this.#following);
    this.#timer = setInterval(() => void this.renewIfDue(), CHECK_MS).unref();
    void this.renewIfDue();
  }

  async #listen(subscription: PlainSubscription): Promise<void> {
    const bundle = bundleTopic(this.membership.authorityKey);
    for await (const { topic, payload } of subscription) {
      try {
        const isNews = topic === bundle ? this.membership.update(payload) : await this.membership.renew(payload);
        if (isNews) await this.#save();
      } catch (error) {
        // Anyone may write to these topics; only what the authority signed counts.
        if (!(error instanceof CoseError)) this.#log.error({ file: this.#file, err: error }, "membership not kept");
      }
    }
  }

  /** Asks the authority for fresh keys when the time of these is running out. What fails is logged, and tried again. */
  async renewIfDue(now: number = Date.now() / 1000, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { from, until } = this.membership.certificate.validity;
    if (!this.membership.needsRenewal && until - now > (until - from) * RENEWAL_SHARE) return;
    try {
      await renewOver(this.#client, this.membership, options);
      await this.#save();
      this.#log.info({ until: new Date(this.membership.certificate.validity.until * 1000) }, "hub's keys renewed");
    } catch (error) {
      this.#log.warn({ err: error, until: new Date(until * 1000) }, "hub's keys not renewed");
    }
  }

  /** One after the other: news may come while the answer to a renewal, or its retained copy, is being written. */
  #save(): Promise<void> {
    const saved = this.#saved.then(() =>
      replacePrivately(this.#file, exportDevice(this.membership.file, this.#key, secureRandomBytes)),
    );
    this.#saved = saved.catch(() => undefined);
    return saved;
  }
}
