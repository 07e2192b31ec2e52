import type { PublishPacket, SubscriptionRequest } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { parseSharedFilter } from "../topics/shared-filter.js";
import { parseTopicFilter, type TopicFilter } from "../topics/topic-filter.js";
import { topicMatches } from "../topics/topic-matches.js";
import type { TopicName } from "../topics/topic-name.js";
import type { Subscription } from "./subscription.js";

/** One topic filter that the client has subscribed to, and who reads it. */
export interface SubscriptionRecord {
  readonly request: SubscriptionRequest;
  /** The properties of its SUBSCRIBE, one object for all filters of one packet. */
  readonly properties: Properties;
  /** What its topics are matched with: of a shared subscription the filter inside of it. */
  readonly matcher: TopicFilter;
  readonly subscribers: Set<Subscription>;
  /** Whether the server has granted it, so that it is to be made again when the server has lost it. */
  isGranted: boolean;
}

/** What a client is subscribed to, and which of its readers get a message. */
export class SubscriptionTable {
  readonly #recordByFilter = new Map<string, SubscriptionRecord>();
  readonly #recordsByIdentifier = new Map<number, Set<SubscriptionRecord>>();
  /** Records without a wildcard by topic: most are found in one step. */
  readonly #recordsByTopic = new Map<string, Set<SubscriptionRecord>>();
  readonly #wildcardRecords = new Set<SubscriptionRecord>();

  get(topicFilter: string): SubscriptionRecord | undefined {
    return this.#recordByFilter.get(topicFilter);
  }

  records(): Iterable<SubscriptionRecord> {
    return this.#recordByFilter.values();
  }

  /**
   * Adds `subscription` to the readers of a filter. A filter that is subscribed to again takes the new options, as it does
   * on the server. [MQTT-3.8.4-3]
   *
   * @throws TopicSyntaxError when the filter is none.
   */
  add(request: SubscriptionRequest, properties: Properties, subscription: Subscription): SubscriptionRecord {
    const { topicFilter } = request;
    const matcher = parseSharedFilter(topicFilter)?.topicFilter ?? parseTopicFilter(topicFilter);
    const earlier = this.#recordByFilter.get(topicFilter);
    const subscribers = new Set(earlier?.subscribers).add(subscription);
    if (earlier) this.remove(earlier);
    const record = { request, properties, matcher, subscribers, isGranted: earlier?.isGranted ?? false };
    this.#recordByFilter.set(topicFilter, record);
    for (const index of this.#indexesOf(record)) index.add(record);
    return record;
  }

  remove(record: SubscriptionRecord): void {
    this.#recordByFilter.delete(record.request.topicFilter);
    for (const index of this.#indexesOf(record)) index.delete(record);
    const [identifier] = record.properties.subscriptionIdentifiers ?? [];
    if (identifier !== undefined && this.#recordsByIdentifier.get(identifier)?.size === 0) {
      this.#recordsByIdentifier.delete(identifier);
    }
    if (this.#recordsByTopic.get(record.matcher)?.size === 0) this.#recordsByTopic.delete(record.matcher);
  }

  /**
   * The subscriptions that get a message.
   *
   * By its subscription identifiers, if it carries known ones: a server that sends a copy for each of several
   * overlapping subscriptions then feeds each copy to its own. Else by its topic.
   */
  subscribersOf({ topic, properties }: PublishPacket): ReadonlySet<Subscription> {
    const subscribers = new Set<Subscription>();
    for (const identifier of properties?.subscriptionIdentifiers ?? []) {
      addMatching(subscribers, this.#recordsByIdentifier.get(identifier) ?? [], topic);
    }
    if (subscribers.size > 0) return subscribers;
    for (const record of this.#recordsByTopic.get(topic) ?? []) addAll(subscribers, record.subscribers);
    addMatching(subscribers, this.#wildcardRecords, topic);
    return subscribers;
  }

  #indexesOf({ matcher, properties }: SubscriptionRecord): Set<SubscriptionRecord>[] {
    const [identifier] = properties.subscriptionIdentifiers ?? [];
    const isWildcard = /[+#]/.test(matcher);
    const indexes = [isWildcard ? this.#wildcardRecords : getOrAdd(this.#recordsByTopic, matcher)];
    if (identifier !== undefined) indexes.push(getOrAdd(this.#recordsByIdentifier, identifier));
    return indexes;
  }
}

function addMatching(subscribers: Set<Subscription>, records: Iterable<SubscriptionRecord>, topic: string): void {
  for (const record of records) {
    // The decoder lets only topic names through.
    if (topicMatches(record.matcher, topic as TopicName)) addAll(subscribers, record.subscribers);
  }
}

function addAll<T>(target: Set<T>, items: Iterable<T>): void {
  for (const item of items) target.add(item);
}

function getOrAdd<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let set = map.get(key);
  if (!set) {
    set = new Set();
    map.set(key, set);
  }
  return set;
}
