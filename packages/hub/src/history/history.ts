import {
  decodeMessage,
  type Delivery,
  encodeMessage,
  type Message,
  type Receiver,
  type Store,
} from "@isthmus/exchange";
import { DeadlineQueue } from "@isthmus/machine";
import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import type { HubContext, HubPart } from "../hub-context.js";
import { HISTORY_DEFAULTS, type HistoryOptions } from "./history-options.js";
import { type HistoryRecord, TopicHistory } from "./topic-history.js";

const SWEEP_MS = 10_000;

/** Which of the kept messages are asked for. */
export interface HistoryQuery {
  /** A topic filter. */
  readonly filter: string;
  /** Milliseconds since 1970, both included. Default: from the oldest, to the newest. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** The newest so many of what is left. Default: all. */
  readonly last?: number | undefined;
  /** Only what came after the record of this number. */
  readonly after?: number | undefined;
}

/** A kept message. */
export interface HistoryEntry {
  /** Counts up over all topics: where a reader can go on. */
  readonly number: number;
  readonly message: Message;
}

/** What is known of a topic besides its messages. */
export interface HistorySummary {
  readonly topic: string;
  /** Messages kept. */
  readonly kept: number;
  /** Messages that were kept once and are gone: what is kept does not begin at the beginning. */
  readonly dropped: number;
}

/**
 * Keeps what was published to the topics of its rules, within its bounds, in the store of the hub: a message that was
 * acknowledged is in the history too. Without a store it lives as long as the hub.
 */
export class History implements HubPart, Receiver {
  readonly isOnline = true;
  readonly #context: HubContext;
  readonly #options: Required<HistoryOptions>;
  readonly #records: RecordTable;
  /** In the order of their last message, the oldest first. */
  readonly #historyByTopic = new Map<string, TopicHistory>();
  /** Topics by their oldest record: the first of all is the first to go. */
  readonly #oldestFirst = new DeadlineQueue<TopicHistory>();
  #sizeBytes = 0;
  #nextNumber = 1;
  #sweepTimer: NodeJS.Timeout | undefined;

  /** @throws TopicSyntaxError for a rule whose filter is none. */
  constructor(context: HubContext, options: HistoryOptions) {
    this.#context = context;
    this.#options = { ...HISTORY_DEFAULTS, ...options };
    const { store } = context.exchange;
    this.#records = store === undefined ? new MemoryRecords() : new StoredRecords(store);
    for (const { filter } of options.rules) {
      const receiver = { receiver: this, filter: parseTopicFilter(filter), qos: 2 } as const;
      context.exchange.subscribe({ ...receiver, noLocal: false, retainAsPublished: true });
    }
    this.#load();
  }

  /** Bytes of all that is kept. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async open(): Promise<void> {
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweepTimer);
    for (const { filter } of this.#options.rules) this.#context.exchange.unsubscribe(this, filter);
  }

  deliver(message: Message, _delivery: Delivery): void {
    const value = encodeMessage(message);
    // What would not fit alone must not push everything else out.
    if (value.length > this.#options.maxBytes) return;
    const history = this.#historyByTopic.get(message.topic) ?? this.#addTopic(message.topic);
    if (history === undefined) return;
    const { nextOrdinal: ordinal } = history;
    const number = this.#nextNumber++;
    this.#records.put(number, ordinal, value);
    this.#add(history, { number, ordinal, publishedAt: message.publishedAt, sizeBytes: value.length });
    this.#trim(history);
  }

  /** The topics that match `filter`, in no order. */
  summaries(filter: string): HistorySummary[] {
    return this.#matching(filter).map((history) => ({
      topic: history.topic,
      kept: history.size,
      dropped: history.droppedCount,
    }));
  }

  /**
   * The kept messages that are asked for, oldest first, over all topics. Found while they are asked for: what is gone by
   * then is not among them, and neither is what has expired.
   */
  *read(query: HistoryQuery): Generator<HistoryEntry, void, undefined> {
    const { from = 0, to = Number.POSITIVE_INFINITY, last, after = 0 } = query;
    const matching = this.#matching(query.filter).flatMap((history) =>
      history.records().filter(({ number, publishedAt }) => number > after && publishedAt >= from && publishedAt <= to),
    );
    matching.sort((a, b) => a.number - b.number);
    for (const { number, ordinal } of last === undefined ? matching : matching.slice(-last)) {
      const value = this.#records.get(number, ordinal);
      if (value === undefined) continue;
      const message = decodeMessage(value);
      if (message.expiresAt > this.#context.clock.epoch) yield { number, message };
    }
  }

  #matching(filter: string): TopicHistory[] {
    const parsed = parseTopicFilter(filter);
    const alone = this.#historyByTopic.get(filter);
    // A filter without wildcards is the topic that it matches.
    if (!/[+#]/.test(filter)) return alone === undefined ? [] : [alone];
    return [...this.#historyByTopic.values()].filter(({ topic }) => topicMatches(parsed, parseTopicName(topic)));
  }

  #load(): void {
    for (const [number, ordinal, value] of this.#records.all()) {
      const { topic, publishedAt } = decodeMessage(value);
      this.#nextNumber = number + 1;
      const history = this.#historyByTopic.get(topic) ?? this.#addTopic(topic);
      // The rules have changed since.
      if (history === undefined) this.#records.delete(number, ordinal);
      else this.#add(history, { number, ordinal, publishedAt, sizeBytes: value.length });
    }
    this.#sweep();
  }

  /** @returns undefined when no rule is about the topic. */
  #addTopic(topic: string): TopicHistory | undefined {
    const name = parseTopicName(topic);
    const rules = this.#options.rules.filter(({ filter }) => topicMatches(parseTopicFilter(filter), name));
    if (rules.length === 0) return undefined;
    if (this.#historyByTopic.size >= this.#options.maxTopics) this.#removeStalest();
    const maxMessages = Math.max(...rules.map((rule) => rule.maxMessages ?? Number.POSITIVE_INFINITY));
    const maxAgeMs = Math.max(...rules.map((rule) => rule.maxAgeMs ?? Number.POSITIVE_INFINITY));
    return new TopicHistory(topic, maxMessages, maxAgeMs);
  }

  #add(history: TopicHistory, record: HistoryRecord): void {
    this.#historyByTopic.delete(history.topic);
    this.#historyByTopic.set(history.topic, history);
    history.add(record);
    this.#sizeBytes += record.sizeBytes;
    if (history.size === 1) history.place = this.#oldestFirst.add(history, record.number);
  }

  /** Drops what is beyond the bounds: the topic's own, and then those of all. */
  #trim(history: TopicHistory): void {
    while (history.isOverfull(this.#context.clock.epoch)) this.#removeFirst(history);
    while (this.#sizeBytes > this.#options.maxBytes) {
      const oldest = this.#oldestFirst.takeDue(Number.POSITIVE_INFINITY);
      if (oldest === undefined) return;
      this.#removeFirst(oldest);
    }
  }

  #removeFirst(history: TopicHistory): void {
    const record = history.shift();
    if (record === undefined) return;
    this.#records.delete(record.number, record.ordinal);
    this.#sizeBytes -= record.sizeBytes;
    if (history.place !== undefined) this.#oldestFirst.cancel(history.place);
    const { first } = history;
    history.place = first === undefined ? undefined : this.#oldestFirst.add(history, first.number);
  }

  /** Makes room for another topic: the one goes to which nothing was published for the longest time. */
  #removeStalest(): void {
    const [stalest] = this.#historyByTopic.values();
    if (stalest === undefined) return;
    while (stalest.size > 0) this.#removeFirst(stalest);
    this.#historyByTopic.delete(stalest.topic);
    this.#context.log.warn(
      { topic: stalest.topic, reason: `${this.#options.maxTopics} topics are kept` },
      "history dropped",
    );
  }

  #sweep(): void {
    this.#context.clock.tick();
    for (const history of this.#historyByTopic.values()) this.#trim(history);
    this.#context.flushScheduler.arm();
  }
}

/** Where the records are. */
interface RecordTable {
  get(number: number, ordinal: number): Uint8Array | undefined;
  put(number: number, ordinal: number, value: Uint8Array): void;
  delete(number: number, ordinal: number): void;
  /** In the order of their numbers. */
  all(): Iterable<readonly [number: number, ordinal: number, value: Uint8Array]>;
}

class StoredRecords implements RecordTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(number: number, ordinal: number): Uint8Array | undefined {
    return this.#store.get("history", [number, ordinal]);
  }

  put(number: number, ordinal: number, value: Uint8Array): void {
    this.#store.put("history", [number, ordinal], value);
  }

  delete(number: number, ordinal: number): void {
    this.#store.delete("history", [number, ordinal]);
  }

  *all(): Generator<readonly [number, number, Uint8Array], void, undefined> {
    for (const [[number, ordinal], value] of this.#store.range("history", [])) {
      yield [Number(number), Number(ordinal), value];
    }
  }
}

class MemoryRecords implements RecordTable {
  readonly #valueByNumber = new Map<number, Uint8Array>();

  get(number: number): Uint8Array | undefined {
    return this.#valueByNumber.get(number);
  }

  put(number: number, _ordinal: number, value: Uint8Array): void {
    this.#valueByNumber.set(number, value);
  }

  delete(number: number): void {
    this.#valueByNumber.delete(number);
  }

  all(): [] {
    return [];
  }
}
