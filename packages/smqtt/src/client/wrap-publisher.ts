import { toHex } from "@isthmus/bytes";
import type { ContentKey } from "../envelope/content-key.js";
import { CoseError } from "../envelope/cose-parameters.js";
import { WRAP_TOPIC_PREFIX } from "../envelope/key-id.js";
import { parseSign1 } from "../envelope/sign1.js";
import { parseWrapPayload } from "../envelope/wrap-message.js";
import type { PlainSubscription } from "./plain-client.js";
import type { WrapStore } from "./wrap-store.js";

/** Publishes the wraps of a publisher's keys before their first message, and clears them when nobody needs them. */
export class WrapPublisher {
  readonly #store: WrapStore;
  readonly #publisherId: Uint8Array;
  readonly #now: () => number;
  /** Seconds after its expiry that a wrap stays. */
  readonly #keepSeconds: number;
  readonly #publishedByKey = new WeakMap<ContentKey, Promise<void>>();
  readonly #published = new WeakSet<ContentKey>();
  /** Topic of each own wrap on the broker, to when its key expires. */
  readonly #expiresByTopic = new Map<string, number>();
  #inventory: Promise<PlainSubscription | undefined> | undefined;

  constructor(store: WrapStore, publisherId: Uint8Array, now: () => number, keepSeconds: number) {
    this.#store = store;
    this.#publisherId = publisherId;
    this.#now = now;
    this.#keepSeconds = keepSeconds;
  }

  /** Whether the broker is known to have the wrap of `key`. */
  isPublished(key: ContentKey): boolean {
    return this.#published.has(key);
  }

  /** Resolves when the broker has the wrap of `key`. */
  async publish(key: ContentKey): Promise<void> {
    const published = this.#publishedByKey.get(key) ?? this.#publishOnce(key);
    this.#publishedByKey.set(key, published);
    try {
      await published;
      this.#published.add(key);
    } catch (cause) {
      this.#publishedByKey.delete(key); // the next message tries again
      throw cause;
    }
  }

  async close(): Promise<void> {
    await (await this.#inventory)?.close();
  }

  async #publishOnce(key: ContentKey): Promise<void> {
    this.#inventory ??= this.#takeInventory();
    await this.#store.put(key.wrapTopic, key.wrapMessage);
    this.#expiresByTopic.set(key.wrapTopic, key.expires);
    await this.#clearExpired();
  }

  /** What earlier runs of this publisher left on the broker comes in here. */
  async #takeInventory(): Promise<PlainSubscription | undefined> {
    const subscription = await this.#store.watch?.(`${WRAP_TOPIC_PREFIX}/${toHex(this.#publisherId)}/+`);
    if (subscription !== undefined) void this.#note(subscription);
    return subscription;
  }

  async #note(subscription: PlainSubscription): Promise<void> {
    try {
      for await (const { topic, payload } of subscription) {
        if (payload.length === 0) this.#expiresByTopic.delete(topic);
        else this.#expiresByTopic.set(topic, expiryOf(payload));
      }
    } catch {
      // The connection is gone for good; whoever publishes next will hear it.
    }
  }

  async #clearExpired(): Promise<void> {
    for (const [topic, expires] of this.#expiresByTopic) {
      if (expires + this.#keepSeconds >= this.#now()) continue;
      this.#expiresByTopic.delete(topic);
      await this.#store.put(topic, new Uint8Array(0));
    }
  }
}

/** When the key of a wrap message expires; what is none is done with. */
function expiryOf(wrapMessage: Uint8Array): number {
  try {
    return parseWrapPayload(parseSign1(wrapMessage).payload).expires;
  } catch (cause) {
    if (!(cause instanceof CoseError)) throw cause;
    return 0;
  }
}
