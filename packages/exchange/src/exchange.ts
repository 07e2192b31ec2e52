import { decodeUtf8 } from "@isthmus/bytes";
import type { FrameRun } from "./frame-run.js";
import { decodeMessage, encodeMessage, SharedMemory } from "./message-codec.js";
import { MessageLog } from "./message-log.js";
import type { Message } from "./message.js";
import { RetainedTable } from "./retained-table.js";
import type { Route, SharedGroup } from "./route.js";
import type { Store } from "./store.js";
import type { Receiver, Subscription } from "./subscription.js";
import { SubscriptionIndex } from "./subscription-index.js";
import { type Topic, TopicTable } from "./topic-table.js";

export interface ExchangeOptions {
  /** Where retained messages and durable queues are kept; without one they live as long as the process. */
  readonly store?: Store | undefined;
  /** Decodes and checks the name of a topic that was not seen lately; its error passes to the publisher. */
  readonly parseTopic?: (bytes: Uint8Array, start: number, end: number) => string;
  /** Topics whose routes are remembered. Default 32,768. */
  readonly topicCacheSize?: number;
  /** Retained messages kept at the most; a new topic beyond it is delivered but not retained. Default 1,000,000. */
  readonly maxRetainedMessages?: number;
  /** Bytes of retained messages kept at the most: topics, payloads and properties. Default 256 MiB. */
  readonly maxRetainedBytes?: number;
  /** What goes at these limits: the message that comes (`drop-newest`, the default), or those set longest ago. */
  readonly retainedFullPolicy?: "drop-newest" | "drop-oldest";
  /** Whether the last value of a topic is not to be written to the store: it is old after a restart. Default: never. */
  readonly isVolatile?: (topic: string) => boolean;
  /** Called with each message that the limits kept from being retained, or that had to go for one that came. */
  readonly onRetainedRefused?: (message: Message) => void;
}

/**
 * The space of topics: who publishes and who subscribes meet here, whatever protocol brought them.
 *
 * It knows no protocol and does no I/O of its own; topics and filters are checked by the doors before they come in.
 */
export class Exchange {
  readonly topics: TopicTable;
  readonly retained: RetainedTable;
  /** The durable messages; undefined without a store. */
  readonly log: MessageLog | undefined;
  readonly store: Store | undefined;
  readonly #subscriptions = new SubscriptionIndex();
  readonly #options: Required<Pick<ExchangeOptions, "maxRetainedMessages" | "maxRetainedBytes">> & ExchangeOptions;

  constructor(options: ExchangeOptions = {}) {
    this.#options = { maxRetainedMessages: 1_000_000, maxRetainedBytes: 256 * 1024 * 1024, ...options };
    this.topics = new TopicTable(options.parseTopic ?? decodeUtf8, options.topicCacheSize);
    this.store = options.store;
    this.retained = new RetainedTable(options.retainedFullPolicy === "drop-oldest");
    if (this.store === undefined) return;
    this.log = new MessageLog(this.store);
    this.#loadRetained(this.store);
  }

  /** Number of subscriptions. */
  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** How many of them are shared. */
  get sharedSubscriptionCount(): number {
    return this.#subscriptions.sharedSize;
  }

  /** @returns true when the receiver had no subscription on this filter and share name yet. */
  subscribe(subscription: Subscription): boolean {
    return this.#subscriptions.add(subscription);
  }

  /** @returns false when there was no such subscription. */
  unsubscribe(receiver: Receiver, filter: string, shareName?: string): boolean {
    return this.#subscriptions.remove(receiver, filter, shareName);
  }

  /** Compiles every route again before its next use: what receivers may get has changed. */
  forgetRoutes(): void {
    this.#subscriptions.renewVersion();
  }

  /** The current route of `topic`: the one it carries unless a subscription has changed since. */
  route(topic: Topic): Route {
    const { route } = topic;
    if (route !== undefined && route.version === this.#subscriptions.version) return route;
    return (topic.route = this.#subscriptions.compile(topic.name));
  }

  /**
   * Delivers `message` to all whose filters match, and keeps it as the topic's last value if it says so.
   *
   * @returns how many receivers it was for.
   */
  publish(topic: Topic, message: Message): number {
    if (message.retain) this.#retain(message);
    const route = this.route(topic);
    for (const delivery of route.deliveries) {
      const due = delivery.receiver === message.origin.receiver ? delivery.whenOwn : delivery;
      if (due !== undefined) due.receiver.deliver(message, due);
    }
    for (const group of route.shared) deliverToMember(group, message);
    return route.deliveries.length + route.shared.length;
  }

  /** The same for consecutive QoS 0 messages that are not retained. */
  publishRun(run: FrameRun): number {
    const route = this.route(run.topic);
    for (const delivery of route.deliveries) {
      const due = delivery.receiver === run.origin.receiver ? delivery.whenOwn : delivery;
      if (due === undefined || due.receiver.forward?.(run, due) === true) continue;
      for (const message of run.messages()) due.receiver.deliver(message, due);
    }
    for (const group of route.shared) for (const message of run.messages()) deliverToMember(group, message);
    return route.deliveries.length + route.shared.length;
  }

  /** Publishes what the caller holds as a message alone, without a topic at hand. */
  publishMessage(message: Message): number {
    return this.publish(this.topics.internName(message.topic), message);
  }

  /** Removes the last value of `topic`. @returns false when there was none. */
  clearRetained(topic: string): boolean {
    if (this.retained.delete(topic) === undefined) return false;
    this.store?.delete("retained", [topic]);
    return true;
  }

  /**
   * The last values whose topics match `filter`, found while they are asked for; those that have expired at `now`
   * (milliseconds since 1970) are removed instead.
   */
  *retainedMatching(filter: string, now: number): Generator<Message, void, undefined> {
    for (const message of this.scanRetained(filter, now)) if (message !== undefined) yield message;
  }

  /** The same, and undefined where whoever has others to serve stops for a while, see {@link RetainedTable.scan}. */
  *scanRetained(filter: string, now: number): Generator<Message | undefined, void, undefined> {
    for (const message of this.retained.scan(filter)) {
      if (message === undefined || message.expiresAt > now) yield message;
      else this.clearRetained(message.topic);
    }
  }

  /** Ends the turn's batch: undefined when nothing has to be waited for, see {@link Store.commit}. */
  commit(): Promise<void> | undefined {
    return this.store?.commit();
  }

  #loadRetained(store: Store): void {
    const memory = new SharedMemory();
    const mustSort = this.#options.retainedFullPolicy === "drop-oldest";
    const unsorted: Message[] = [];
    for (const [, value] of store.range("retained", [])) {
      const message = decodeMessage(value, memory);
      if (mustSort) unsorted.push(message);
      else this.retained.set(message);
    }
    for (const message of unsorted.sort(byAge)) this.retained.set(message);
  }

  #retain(message: Message): void {
    if (message.payloadBytes === 0) {
      this.clearRetained(message.topic);
      return;
    }
    if (!this.#isRoomFor(message) && !this.#makeRoomFor(message)) {
      this.#options.onRetainedRefused?.(message);
      return;
    }
    this.retained.set(message.detach());
    if (this.#options.isVolatile?.(message.topic) === true) return;
    this.store?.put("retained", [message.topic], encodeMessage(message));
  }

  /** @returns false when there is no room even so, or the message that comes is the one to go. */
  #makeRoomFor(message: Message): boolean {
    if (message.sizeBytes > this.#options.maxRetainedBytes) return false;
    for (let topic = this.retained.oldest; topic !== undefined; topic = this.retained.oldest) {
      const dropped = this.retained.get(topic);
      this.clearRetained(topic);
      if (dropped !== undefined) this.#options.onRetainedRefused?.(dropped);
      if (this.#isRoomFor(message)) return true;
    }
    return false;
  }

  #isRoomFor(message: Message): boolean {
    const { maxRetainedMessages, maxRetainedBytes } = this.#options;
    const { size, sizeBytes } = this.retained;
    // The common case first: no look-up of what would be replaced.
    if (size < maxRetainedMessages && sizeBytes + message.sizeBytes <= maxRetainedBytes) return true;
    const replaced = this.retained.get(message.topic);
    if (replaced === undefined) return false;
    return sizeBytes - replaced.sizeBytes + message.sizeBytes <= maxRetainedBytes;
  }
}

function deliverToMember(group: SharedGroup, message: Message): void {
  const member = group.pick(undefined, message.topic);
  member?.receiver.deliver(message, member);
}

function byAge(a: Message, b: Message): number {
  return a.publishedAt - b.publishedAt;
}
