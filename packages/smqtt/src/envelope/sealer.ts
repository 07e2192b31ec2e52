import { encodeCbor } from "./cbor.js";
import { ContentKey, MAX_COUNTER } from "./content-key.js";
import { ALGORITHM } from "./cose-parameters.js";
import type { CryptoBackend } from "./crypto-backend.js";
import { keyIdOfContentKey } from "./key-id.js";
import { sign1 } from "./sign1.js";
import { encodeWrapPayload, wrapContext, type WrapHeader } from "./wrap-message.js";
import { type Certificate, permitsPublish } from "../authority/certificate.js";
import type { RandomBytes } from "../random.js";
import { type Suite, type SuitePublisher, WrapError } from "../suites/suite.js";

/** External data of the publisher's signature on a wrap. */
export const WRAP_AAD = encodeCbor("ISTHMUS-SMQTT-V01-WRAP");

/** An epoch never outlasts the UTC hour: that is how finely keys expire. */
const EPOCH_SECONDS = 3600;
/** Content keys kept at a time. */
const MAX_CONTENT_KEYS = 4096;

/** With what a publisher seals. */
export interface SealerOptions {
  readonly suite: Suite;
  /** Asked at each new wrap, so that a newer bundle counts from then on. */
  readonly publisher: () => SuitePublisher;
  /** The certificate at hand, parsed and as the authority signed it; asked for at each new wrap. */
  readonly certificate: () => { readonly certificate: Certificate; readonly bytes: Uint8Array };
  /** Ed25519 private key that the certificate belongs to. */
  readonly signingSecret: Uint8Array;
  readonly crypto: CryptoBackend;
  readonly random: RandomBytes;
  /** AEAD of the messages. Default `A256GCM`. */
  readonly algorithm?: "A256GCM" | "ChaCha20/Poly1305";
  /** Whether each message carries an Ed25519 countersignature. Default false. */
  readonly countersign?: boolean;
  /** Seconds that a content key is used, cut at the end of the hour. Default 3,600. */
  readonly epochSeconds?: number;
  /** Messages that a content key seals. Default 2^32 - 1, the most. */
  readonly messageLimit?: number;
}

/**
 * Gives a publisher the content key for what it is about to publish: one per scope (which the suite defines) and
 * epoch, made and wrapped when first needed.
 */
export class Sealer {
  readonly #options: SealerOptions;
  /** By topic and policy: what {@link current} looks up for each message. */
  readonly #keyByTarget = new Map<string, ContentKey>();
  readonly #keyByScope = new Map<string, ContentKey>();
  /** Wraps under way, so that many messages at once make one key. */
  readonly #renewalByScope = new Map<string, Promise<ContentKey>>();
  #generation = 0;

  constructor(options: SealerOptions) {
    const { messageLimit = MAX_COUNTER, epochSeconds = EPOCH_SECONDS } = options;
    if (!(messageLimit >= 1 && messageLimit <= MAX_COUNTER))
      throw new RangeError(`a limit of ${messageLimit} messages`);
    if (!(epochSeconds >= 1 && epochSeconds <= EPOCH_SECONDS)) throw new RangeError(`an epoch of ${epochSeconds} s`);
    this.#options = options;
  }

  /** The key for this target when there is one that may still be used: the path of almost every message. */
  current(topic: string, policy: string | undefined, now: number): ContentKey | undefined {
    this.#dropOlderGeneration();
    const key = this.#keyByTarget.get(targetName(topic, policy));
    return key?.isUsable(now) ? key : undefined;
  }

  /**
   * The key for this target, made and wrapped when there is none. Its wrap is to be published before any message
   * under it.
   *
   * @throws WrapError when the suite cannot wrap for the target, or the certificate does not permit it.
   */
  async obtain(topic: string, policy: string | undefined, now: number): Promise<ContentKey> {
    const { suite, publisher } = this.#options;
    const { certificate } = this.#options.certificate();
    // Readers would refuse it: better the publisher learns.
    if (!permitsPublish(certificate, topic, now))
      throw new WrapError(`"${topic}" is not for this certificate to publish`);
    this.#dropOlderGeneration();
    const scope = suite.scope(publisher(), { topic, policy, time: now });
    const key = await this.#keyOfScope(scope, topic, policy, now);
    if (publisher().generation !== this.#generation) return this.obtain(topic, policy, now); // rotated meanwhile
    this.#remember(this.#keyByTarget, targetName(topic, policy), key);
    return key;
  }

  async #keyOfScope(scope: string, topic: string, policy: string | undefined, now: number): Promise<ContentKey> {
    const known = this.#keyByScope.get(scope);
    if (known?.isUsable(now)) return known;
    const underWay = this.#renewalByScope.get(scope);
    if (underWay !== undefined) return underWay;
    const { generation } = this.#options.publisher();
    const renewal = this.#renew(topic, policy, now)
      .then((key) => {
        // Before the renewal is forgotten: whoever comes in between finds one or the other.
        if (generation === this.#generation) this.#remember(this.#keyByScope, scope, key);
        return key;
      })
      .finally(() => this.#renewalByScope.delete(scope));
    this.#renewalByScope.set(scope, renewal);
    return renewal;
  }

  /** Forgets all keys: the next message of each target is under a new one. */
  rotate(): void {
    this.#keyByScope.clear();
    this.#keyByTarget.clear();
  }

  async #renew(topic: string, policy: string | undefined, now: number): Promise<ContentKey> {
    const { suite, signingSecret, crypto, random } = this.#options;
    const { certificate, bytes: certificateBytes } = this.#options.certificate();
    const { algorithm = "A256GCM", countersign = false, epochSeconds = EPOCH_SECONDS } = this.#options;
    const publisher = this.#options.publisher();
    const created = Math.floor(now);
    const endOfHour = (Math.floor(created / EPOCH_SECONDS) + 1) * EPOCH_SECONDS;
    const header: WrapHeader = {
      suite: suite.name,
      generation: publisher.generation,
      created,
      expires: Math.min(created + epochSeconds, endOfHour),
      algorithm: ALGORITHM[algorithm],
      isCountersigned: countersign,
      certificate: certificateBytes,
    };
    const { contentKey, wrap } = await suite.wrap(
      publisher,
      { topic, policy, time: created },
      wrapContext(header),
      random,
    );
    const payload = encodeWrapPayload(header, wrap);
    return new ContentKey({
      contentKey,
      keyId: keyIdOfContentKey(certificate.id, contentKey, payload),
      algorithm: header.algorithm,
      expires: header.expires,
      messageLimit: this.#options.messageLimit ?? MAX_COUNTER,
      wrapMessage: sign1(crypto, signingSecret, certificate.id, payload, WRAP_AAD),
      countersigningSecret: countersign ? signingSecret : undefined,
      crypto,
    });
  }

  /** After a rotation of the suite nothing more is sealed under keys of the older generation. */
  #dropOlderGeneration(): void {
    const { generation } = this.#options.publisher();
    if (generation !== this.#generation) this.rotate();
    this.#generation = generation;
  }

  #remember(keys: Map<string, ContentKey>, name: string, key: ContentKey): void {
    if (keys.size >= MAX_CONTENT_KEYS && !keys.has(name)) keys.clear(); // each will be wrapped anew when it is needed
    keys.set(name, key);
  }
}

/** U+0000 is in no topic. */
function targetName(topic: string, policy: string | undefined): string {
  return policy === undefined ? topic : `${topic}\0${policy}`;
}
