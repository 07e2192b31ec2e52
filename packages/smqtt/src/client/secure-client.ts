import { encodeUtf8 } from "@isthmus/bytes";
import { answerTopic, bundleTopic } from "../authority/exchange-topics.js";
import { CoseError } from "../envelope/cose-parameters.js";
import { OpenError, type OpenFailure } from "../envelope/open-error.js";
import { MessageOpener, type OpenedMessage, type OpeningOptions } from "./message-opener.js";
import { MessageSealer, type SealingOptions, type SealOptions } from "./message-sealer.js";
import type { PlainClient, PlainMessage, PlainSubscription, QoS } from "./plain-client.js";
import { SecureSubscription } from "./secure-subscription.js";
import { brokerWrapStore } from "./wrap-store.js";

/** How to secure a client. */
export interface SecureOptions extends SealingOptions, OpeningOptions {
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
}

/** How to publish a message sealed. */
export interface SecurePublishOptions extends SealOptions {
  readonly qos?: QoS;
}

/** A message that was opened. */
export interface SecureMessage extends OpenedMessage {
  readonly topic: string;
  readonly retain: boolean;
  readonly qos: QoS;
  /** The message as the client below gave it: its payload is the envelope. */
  readonly sealed: PlainMessage;
}

const DEFAULTS = { wrapTimeoutMs: 10_000, pendingLimitBytes: 4 * 1024 * 1024 };

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
  readonly #sealer: MessageSealer;
  readonly #opener: MessageOpener;
  readonly #subscriptions = new Set<SecureSubscription>();
  #following: Promise<PlainSubscription> | undefined;
  /** Whether nothing is left to do before a message can be published. */
  #isFollowing = false;
  /** Topic to the last message of it that waits for its key. */
  readonly #turnByTopic = new Map<string, Promise<void>>();

  constructor(client: PlainClient, options: SecureOptions) {
    this.#client = client;
    this.#options = options;
    const wraps = brokerWrapStore(client, options.wrapTimeoutMs ?? DEFAULTS.wrapTimeoutMs);
    const { lateSeconds } = options.opening ?? {};
    this.#sealer = new MessageSealer(wraps, {
      ...options,
      ...(lateSeconds !== undefined && options.keepWrapSeconds === undefined && { keepWrapSeconds: lateSeconds }),
    });
    this.#opener = new MessageOpener(wraps, options);
  }

  /**
   * Publishes a message sealed. The first of an epoch is preceded by its wrap; the others cost microseconds.
   *
   * An empty payload with `retain` clears the topic's retained message, as ever, and goes out as it is.
   *
   * @throws WrapError when nobody could be given the key, or the certificate does not permit the topic.
   */
  async publish(topic: string, payload: string | Uint8Array, options: SecurePublishOptions = {}): Promise<unknown> {
    const bytes = typeof payload === "string" ? encodeUtf8(payload) : payload;
    const waiting = this.#turnByTopic.get(topic);
    if (waiting === undefined && this.#isFollowing) {
      const message = messageOf(bytes, options) ?? this.#sealer.sealNow(topic, bytes, options);
      if (message !== undefined) return this.#client.publish(topic, message, deliveryOf(options));
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
      await this.#follow();
      const message = messageOf(bytes, options) ?? (await this.#sealer.seal(topic, bytes, options));
      // Sent, not acknowledged: the next one need not wait for that.
      return { sent: this.#client.publish(topic, message, deliveryOf(options)) };
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

  /** Subscribes: the messages that open come out, the others are left out and told to `onRefused`. */
  async subscribe(
    filters: string | readonly string[],
    { qos = 0 }: { readonly qos?: QoS } = {},
  ): Promise<SecureSubscription> {
    await this.#follow();
    const { pendingLimitBytes = DEFAULTS.pendingLimitBytes, onRefused } = this.#options;
    const subscription = new SecureSubscription(await this.#client.subscribe(filters, { qos }), {
      open: (message) => this.#open(message),
      fetchKey: async ({ payload }) => this.#opener.fetchKey(payload),
      keyOf: ({ payload }) => this.#opener.keyOf(payload),
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
    await this.#sealer.close();
    await (await this.#following)?.close();
  }

  #open(message: PlainMessage): SecureMessage {
    const { topic, payload, retain, qos } = message;
    return { ...this.#opener.openNow(topic, payload, retain), topic, retain, qos, sealed: message };
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
          this.#opener.retry();
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

/** What goes out as it is: an empty retained message clears the topic's. */
function messageOf(bytes: Uint8Array, { retain = false }: SecurePublishOptions): Uint8Array | undefined {
  return retain && bytes.length === 0 ? bytes : undefined;
}

function deliveryOf({ qos = 0, retain = false }: SecurePublishOptions): { qos: QoS; retain: boolean } {
  return { qos, retain };
}
