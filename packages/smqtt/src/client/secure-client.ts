import { decodeUtf8, encodeUtf8, toHex } from "@isthmus/bytes";
import { answerTopic, bundleTopic } from "../authority/exchange-topics.js";
import type { Certificate } from "../authority/certificate.js";
import type { Membership } from "../authority/membership.js";
import type { ContentKey } from "../envelope/content-key.js";
import { CoseError } from "../envelope/cose-parameters.js";
import { type CryptoBackend, nobleCrypto } from "../envelope/crypto-backend.js";
import { OpenError, type OpenFailure } from "../envelope/open-error.js";
import { Opener, type OpenerOptions } from "../envelope/opener.js";
import { Sealer, type SealerOptions } from "../envelope/sealer.js";
import { type RandomBytes, secureRandomBytes } from "../random.js";
import type { SuiteRegistry } from "../suites/registry.js";
import type { PlainClient, PlainMessage, PlainSubscription, QoS } from "./plain-client.js";
import { SecureSubscription } from "./secure-subscription.js";
import { WrapFetcher } from "./wrap-fetcher.js";
import { WrapPublisher } from "./wrap-publisher.js";

/** How to secure a client. */
export interface SecureOptions {
  /** Who this device is and what the authority gave it. */
  readonly membership: Membership;
  readonly suites: SuiteRegistry;
  /** The suite to publish with. Default `kp-abe`. What comes in may be of any suite of the registry. */
  readonly suite?: string;
  /** Default in plain TypeScript; `nodeCrypto` of `@isthmus/smqtt/node` is much faster. */
  readonly crypto?: CryptoBackend;
  /** Default the platform's. */
  readonly random?: RandomBytes;
  /** Wall clock, Unix seconds. Default the system's. */
  readonly now?: () => number;
  /** Which messages bring their wrap along, some 1 KB: those to be retained (default), all, or none. */
  readonly inlineWrap?: "retained" | "always" | "never";
  /** How long to wait for the wrap of a message that brought none. Default 10,000. */
  readonly wrapTimeoutMs?: number;
  /** Bytes of messages of one subscription that may wait for their wraps; more are dropped. Default 4 MiB. */
  readonly pendingLimitBytes?: number;
  /** Whether to take newer bundles and keys that the authority publishes to the broker. Default true. */
  readonly followAuthority?: boolean;
  /** Hears when the authority has renewed the membership or said something new: time to store `membership.file`. */
  readonly onMembershipChanged?: () => void;
  /** Hears of every message that did not open, and why. For logs: nothing of it may go back to whoever sent it. */
  readonly onRefused?: (failure: OpenFailure, topic: string) => void;
  readonly sealing?: Pick<SealerOptions, "algorithm" | "countersign" | "epochSeconds" | "messageLimit">;
  readonly opening?: Pick<
    OpenerOptions,
    | "clockSkewSeconds"
    | "lateSeconds"
    | "maxKeys"
    | "replayWindow"
    | "maxWrapBytes"
    | "unwrapBurst"
    | "unwrapsPerSecond"
  >;
}

/** How to publish a message sealed. */
export interface SecurePublishOptions {
  readonly qos?: QoS;
  readonly retain?: boolean;
  /** Who may read, in the policy language; `cp-abe` needs it. */
  readonly policy?: string;
  /** Of the payload; authenticated, and readable by anyone. */
  readonly contentType?: string;
}

/** A message that was opened. */
export interface SecureMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly contentType: string | undefined;
  readonly retain: boolean;
  readonly qos: QoS;
  /** Who sealed it, by the authority's word. */
  readonly publisher: Certificate;
  /** Unix seconds: when the epoch began in which it was sealed. */
  readonly epoch: number;
  /** Whether the publisher signed this very message. */
  readonly isCountersigned: boolean;
  /** The message as the client below gave it: its payload is the envelope. */
  readonly sealed: PlainMessage;
  /** The payload as text. @throws Utf8Error. */
  text(): string;
}

const DEFAULTS = { suite: "kp-abe", wrapTimeoutMs: 10_000, pendingLimitBytes: 4 * 1024 * 1024, keepSeconds: 86_400 };

/**
 * Seals what a client publishes and opens what it receives.
 *
 * @param client `connect()` of `@isthmus/mqtt`, `fromMqttJs(…)`, or anything of the shape.
 * @example
 * const secured = secure(await connect("mqtt://hub"), { membership, suites });
 * await secured.publish("house/kitchen/temperature", "21.5", { retain: true });
 * for await (const message of await secured.subscribe("house/#")) console.log(message.publisher.name, message.text());
 */
export function secure(client: PlainClient, options: SecureOptions): SecureClient {
  return new SecureClient(client, options);
}

/** Made by {@link secure}. */
export class SecureClient {
  readonly #client: PlainClient;
  readonly #options: SecureOptions;
  readonly #now: () => number;
  readonly #sealer: Sealer;
  readonly #opener: Opener;
  readonly #wraps: WrapPublisher;
  readonly #fetcher: WrapFetcher;
  readonly #subscriptions = new Set<SecureSubscription>();
  #following: Promise<PlainSubscription> | undefined;
  /** Whether nothing is left to do before a message can be published. */
  #isFollowing = false;
  /** Topic to the last message of it that waits for its key. */
  readonly #turnByTopic = new Map<string, Promise<void>>();

  constructor(client: PlainClient, options: SecureOptions) {
    const { membership, suites, suite = DEFAULTS.suite, crypto = nobleCrypto } = options;
    const chosen = suites.get(suite);
    if (chosen === undefined) throw new RangeError(`no suite "${suite}"; there are ${[...suites.keys()].join(", ")}`);
    this.#client = client;
    this.#options = options;
    this.#now = options.now ?? (() => Date.now() / 1000);
    this.#sealer = new Sealer({
      ...options.sealing,
      suite: chosen,
      publisher: () => membership.publisher(suite),
      certificate: () => ({ certificate: membership.certificate, bytes: membership.certificateBytes }),
      signingSecret: membership.identity.signingSecret,
      crypto,
      random: options.random ?? secureRandomBytes,
    });
    this.#opener = new Opener({
      ...options.opening,
      suites,
      reader: (name) => membership.reader(name),
      authorityKey: membership.authorityKey,
      revoked: () => membership.revoked,
      crypto,
    });
    const keepSeconds = options.opening?.lateSeconds ?? DEFAULTS.keepSeconds;
    this.#wraps = new WrapPublisher(client, membership.certificate.id, this.#now, keepSeconds);
    const timeoutMs = options.wrapTimeoutMs ?? DEFAULTS.wrapTimeoutMs;
    this.#fetcher = new WrapFetcher(client, this.#opener, this.#now, timeoutMs);
  }

  /**
   * Publishes a message sealed. The first of an epoch is preceded by its wrap; the others cost microseconds.
   *
   * An empty payload with `retain` clears the topic's retained message, as ever, and goes out as it is.
   *
   * @throws WrapError when nobody could be given the key, or the certificate does not permit the topic.
   */
  async publish(topic: string, payload: string | Uint8Array, options: SecurePublishOptions = {}): Promise<unknown> {
    const { qos = 0, retain = false, policy } = options;
    const bytes = typeof payload === "string" ? encodeUtf8(payload) : payload;
    const waiting = this.#turnByTopic.get(topic);
    if (waiting === undefined && this.#isFollowing) {
      if (retain && bytes.length === 0) return this.#client.publish(topic, bytes, { qos, retain });
      const key = this.#sealer.current(topic, policy, this.#now());
      if (key !== undefined && this.#wraps.isPublished(key)) return this.#send(key, topic, bytes, options);
    }
    return this.#publishInTurn(waiting ?? Promise.resolve(), topic, bytes, options);
  }

  /** Behind the messages of the topic that wait for their key: what was published first goes out first. */
  async #publishInTurn(
    waiting: Promise<unknown>,
    topic: string,
    bytes: Uint8Array,
    options: SecurePublishOptions,
  ): Promise<unknown> {
    const turn = waiting.then(async () => {
      const { qos = 0, retain = false, policy } = options;
      await this.#follow();
      if (retain && bytes.length === 0) return { sent: this.#client.publish(topic, bytes, { qos, retain }) };
      const now = this.#now();
      const key = this.#sealer.current(topic, policy, now) ?? (await this.#sealer.obtain(topic, policy, now));
      if (!this.#wraps.isPublished(key)) await this.#wraps.publish(key);
      // Sent, not acknowledged: the next one need not wait for that.
      return { sent: this.#send(key, topic, bytes, options) };
    });
    const settled = turn.then(
      () => undefined,
      () => undefined, // told to whoever published it
    );
    this.#turnByTopic.set(topic, settled);
    try {
      return await (
        await turn
      ).sent;
    } finally {
      if (this.#turnByTopic.get(topic) === settled) this.#turnByTopic.delete(topic);
    }
  }

  #send(
    key: ContentKey,
    topic: string,
    bytes: Uint8Array,
    { qos = 0, retain = false, contentType }: SecurePublishOptions,
  ): Promise<unknown> {
    const { inlineWrap = "retained" } = this.#options;
    const isInline = inlineWrap === "always" || (inlineWrap === "retained" && retain);
    const isPlain = !retain && !isInline && contentType === undefined;
    const extras = isPlain ? undefined : { contentType, isRetained: retain, inlineWrap: isInline };
    return this.#client.publish(topic, key.seal(topic, bytes, extras), { qos, retain });
  }

  /** Subscribes: the messages that open come out, the others are left out and told to `onRefused`. */
  async subscribe(
    filters: string | readonly string[],
    { qos = 0 }: { readonly qos?: QoS } = {},
  ): Promise<SecureSubscription> {
    await this.#follow();
    const { pendingLimitBytes = DEFAULTS.pendingLimitBytes, onRefused } = this.#options;
    const subscription = new SecureSubscription(await this.#client.subscribe(filters, { qos }), {
      open: (message) => this.#open(message),
      fetchKey: async ({ payload }) => {
        const { keyId, inlineWrap } = this.#opener.inspect(payload);
        return this.#fetcher.fetch(keyId, inlineWrap);
      },
      keyOf: ({ payload }) => toHex(this.#opener.inspect(payload).keyId),
      onRefused: (failure, topic) => onRefused?.(failure, topic),
      pendingLimitBytes,
    });
    this.#subscriptions.add(subscription);
    void subscription.done.then(() => this.#subscriptions.delete(subscription));
    return subscription;
  }

  /** Ends the subscriptions made here. The client itself stays as it is. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map(async (subscription) => subscription.close()));
    await this.#wraps.close();
    await (await this.#following)?.close();
  }

  #open(message: PlainMessage): SecureMessage {
    const { topic, payload, retain, qos } = message;
    const opened = this.#opener.open(topic, payload, retain, this.#now());
    return { ...opened, topic, retain, qos, sealed: message, text: () => decodeUtf8(opened.payload) };
  }

  /** Subscribes, once, to what the authority has to say. */
  async #follow(): Promise<void> {
    if (this.#options.followAuthority === false) {
      this.#isFollowing = true;
      return;
    }
    const { authorityKey, certificate } = this.#options.membership;
    this.#following ??= this.#client
      .subscribe([bundleTopic(authorityKey), answerTopic(certificate.id)], { qos: 1 })
      .then((subscription) => {
        void this.#listen(subscription);
        return subscription;
      });
    await this.#following;
    this.#isFollowing = true;
  }

  async #listen(subscription: PlainSubscription): Promise<void> {
    const { membership } = this.#options;
    try {
      for await (const { topic, payload } of subscription) {
        try {
          const isBundle = topic === bundleTopic(membership.authorityKey);
          const isNews = isBundle ? membership.update(payload) : await membership.renew(payload);
          if (!isNews) continue;
          this.#fetcher.retry();
          this.#options.onMembershipChanged?.();
        } catch (cause) {
          // Anyone may write to these topics; only what the authority signed counts.
          if (!(cause instanceof CoseError || cause instanceof OpenError)) throw cause;
        }
      }
    } catch {
      // The connection is gone for good; publish and subscribe will say so.
    }
  }
}
