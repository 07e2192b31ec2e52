import { type ReceivedMessage, TopicEntry, type TopicLimits } from "./topic-entry.js";

/** What the page keeps at the most. */
export interface TableLimits extends TopicLimits {
  /** Topics; beyond, those that were silent for longest are forgotten. */
  readonly topics: number;
  /** Bytes of all that is kept; the same. */
  readonly bytes: number;
}

export const TABLE_DEFAULTS: TableLimits = {
  topics: 5000,
  bytes: 32 * 1024 * 1024,
  messages: 60,
  newestBytes: 64 * 1024,
  earlierBytes: 1024,
};

/** All topics that the page knows, with their newest messages. */
export class TopicTable {
  readonly #limits: TableLimits;
  /** In the order of their newest messages: the first was silent for longest. */
  readonly #entryByTopic = new Map<string, TopicEntry>();
  #keptBytes = 0;
  #revision = 0;
  #forgottenTopics = 0;

  constructor(limits: Partial<TableLimits> = {}) {
    this.#limits = { ...TABLE_DEFAULTS, ...limits };
  }

  get size(): number {
    return this.#entryByTopic.size;
  }

  /** Changes when a topic comes or goes. */
  get revision(): number {
    return this.#revision;
  }

  /** Topics that were forgotten to keep the bounds. */
  get forgottenTopics(): number {
    return this.#forgottenTopics;
  }

  get(topic: string): TopicEntry | undefined {
    return this.#entryByTopic.get(topic);
  }

  entries(): IterableIterator<TopicEntry> {
    return this.#entryByTopic.values();
  }

  /**
   * Takes a message; an empty one that is retained clears the topic (MQTT 5.0 3.3.1.3).
   *
   * @param isOfOld see {@link KeptMessage.isOfOld}
   */
  receive(message: ReceivedMessage, receivedAt: number, isOfOld = false): void {
    const { topic } = message;
    const known = this.#entryByTopic.get(topic);
    if (known !== undefined) {
      this.#keptBytes -= known.keptBytes;
      this.#entryByTopic.delete(topic);
    }
    if (message.retain && message.payload.length === 0) {
      if (known !== undefined) this.#revision++;
      return;
    }
    if (known === undefined) this.#revision++;
    const entry = known ?? new TopicEntry(topic, this.#limits);
    entry.receive(message, receivedAt, isOfOld);
    this.#entryByTopic.set(topic, entry);
    this.#keptBytes += entry.keptBytes;
    this.#keepBounds();
  }

  /** Called once a second. */
  updateRates(elapsedMs: number): void {
    for (const entry of this.#entryByTopic.values()) entry.updateRate(elapsedMs);
  }

  clear(): void {
    this.#entryByTopic.clear();
    this.#keptBytes = 0;
    this.#forgottenTopics = 0;
    this.#revision++;
  }

  #keepBounds(): void {
    const { topics, bytes } = this.#limits;
    for (const [topic, { keptBytes }] of this.#entryByTopic) {
      const isWithin = this.#entryByTopic.size <= topics && this.#keptBytes <= bytes;
      // The newest message is shown whatever its size.
      if (isWithin || this.#entryByTopic.size === 1) return;
      this.#entryByTopic.delete(topic);
      this.#keptBytes -= keptBytes;
      this.#forgottenTopics++;
      this.#revision++;
    }
  }
}
