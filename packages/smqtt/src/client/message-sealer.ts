import type { Membership } from "../authority/membership.js";
import type { ContentKey } from "../envelope/content-key.js";
import { type CryptoBackend, nobleCrypto } from "../envelope/crypto-backend.js";
import { Sealer, type SealerOptions } from "../envelope/sealer.js";
import { type RandomBytes, secureRandomBytes } from "../random.js";
import type { SuiteRegistry } from "../suites/registry.js";
import { WrapPublisher } from "./wrap-publisher.js";
import type { WrapStore } from "./wrap-store.js";

/** How a device seals. */
export interface SealingOptions {
  /** Who this device is and what the authority gave it. */
  readonly membership: Membership;
  readonly suites: SuiteRegistry;
  /** The suite to publish with. Default `kp-abe`. */
  readonly suite?: string;
  /** Default in plain TypeScript; `nodeCrypto` of `@isthmus/smqtt/node` is much faster. */
  readonly crypto?: CryptoBackend;
  /** Default the platform's. */
  readonly random?: RandomBytes;
  /** Wall clock, Unix seconds. Default the system's. */
  readonly now?: () => number;
  /** Which messages bring their wrap along, some 1 KB: those to be retained (default), all, or none. */
  readonly inlineWrap?: "retained" | "always" | "never";
  /** Seconds after its epoch that a wrap stays retained. Default 86,400. */
  readonly keepWrapSeconds?: number;
  readonly sealing?: Pick<SealerOptions, "algorithm" | "countersign" | "epochSeconds" | "messageLimit">;
}

/** How to seal a message. */
export interface SealOptions {
  /** Whether the message is to be retained: readers take it again, and never an older one after it. */
  readonly retain?: boolean;
  /** Who may read, in the policy language; `cp-abe` needs it. */
  readonly policy?: string;
  /** Of the payload; authenticated, and readable by anyone. */
  readonly contentType?: string;
}

export const SEALING_DEFAULTS = { suite: "kp-abe", keepWrapSeconds: 86_400, inlineWrap: "retained" } as const;

/**
 * Seals messages for whatever carries them: MQTT, CoAP, HTTP. The bytes are the same, and open the same.
 *
 * @example
 * const sealer = new MessageSealer(wraps, { membership, suites });
 * await fetch(`${hub}/topics/house/door`, { method: "PUT", body: await sealer.seal("house/door", payload) });
 */
export class MessageSealer {
  readonly #options: SealingOptions;
  readonly #now: () => number;
  readonly #sealer: Sealer;
  readonly #wraps: WrapPublisher;

  /** @throws RangeError for a suite that the registry does not have. */
  constructor(store: WrapStore, options: SealingOptions) {
    const { membership, suites, suite = SEALING_DEFAULTS.suite } = options;
    const chosen = suites.get(suite);
    if (chosen === undefined) throw new RangeError(`no suite "${suite}"; there are ${[...suites.keys()].join(", ")}`);
    this.#options = options;
    this.#now = options.now ?? (() => Date.now() / 1000);
    this.#sealer = new Sealer({
      ...options.sealing,
      suite: chosen,
      publisher: () => membership.publisher(suite),
      certificate: () => ({ certificate: membership.certificate, bytes: membership.certificateBytes }),
      signingSecret: membership.identity.signingSecret,
      crypto: options.crypto ?? nobleCrypto,
      random: options.random ?? secureRandomBytes,
    });
    const { keepWrapSeconds = SEALING_DEFAULTS.keepWrapSeconds } = options;
    this.#wraps = new WrapPublisher(store, membership.certificate.id, this.#now, keepWrapSeconds);
  }

  /** The sealed message when its key is at hand and its wrap where readers look for it: the path of almost every one. */
  sealNow(topic: string, payload: Uint8Array, options: SealOptions = {}): Uint8Array | undefined {
    const key = this.#sealer.current(topic, options.policy, this.#now());
    return key !== undefined && this.#wraps.isPublished(key) ? this.#seal(key, topic, payload, options) : undefined;
  }

  /**
   * The sealed message, its key made and wrapped when there is none.
   *
   * Calls for one topic that overlap may settle in another order than they were made in.
   *
   * @throws WrapError when nobody could be given the key, or the certificate does not permit the topic.
   */
  async seal(topic: string, payload: Uint8Array, options: SealOptions = {}): Promise<Uint8Array> {
    await this.prepare(topic, options.policy);
    // The epoch may have ended, or the key have been used up, while the wrap was stored.
    return this.sealNow(topic, payload, options) ?? this.seal(topic, payload, options);
  }

  /** Resolves when {@link sealNow} would seal. @throws WrapError as {@link seal}. */
  async prepare(topic: string, policy: string | undefined): Promise<void> {
    const now = this.#now();
    const key = this.#sealer.current(topic, policy, now) ?? (await this.#sealer.obtain(topic, policy, now));
    if (!this.#wraps.isPublished(key)) await this.#wraps.publish(key);
  }

  async close(): Promise<void> {
    await this.#wraps.close();
  }

  #seal(key: ContentKey, topic: string, payload: Uint8Array, { retain = false, contentType }: SealOptions): Uint8Array {
    const { inlineWrap = SEALING_DEFAULTS.inlineWrap } = this.#options;
    const isInline = inlineWrap === "always" || (inlineWrap === "retained" && retain);
    const isPlain = !retain && !isInline && contentType === undefined;
    return key.seal(topic, payload, isPlain ? undefined : { contentType, isRetained: retain, inlineWrap: isInline });
  }
}
