import type { Scheduled } from "@isthmus/machine";

/** Where one kept message stands in the store. */
export interface HistoryRecord {
  /** Counts up over all topics, in the order of publication. */
  readonly number: number;
  /** Counts up from 1 within the topic. */
  readonly ordinal: number;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  /** Bytes at rest. */
  readonly sizeBytes: number;
}

/** What is kept of one topic: which records, not what they hold. */
export class TopicHistory {
  readonly topic: string;
  readonly maxMessages: number;
  readonly maxAgeMs: number;
  /** Its place in the order of what goes first, by its oldest record. */
  place: Scheduled<TopicHistory> | undefined;
  #records: HistoryRecord[] = [];
  /** Records before this index are gone. */
  #head = 0;
  #nextOrdinal = 1;

  constructor(topic: string, maxMessages: number, maxAgeMs: number) {
    this.topic = topic;
    this.maxMessages = maxMessages;
    this.maxAgeMs = maxAgeMs;
  }

  get size(): number {
    return this.#records.length - this.#head;
  }

  get first(): HistoryRecord | undefined {
    return this.#records[this.#head];
  }

  get last(): HistoryRecord | undefined {
    return this.size === 0 ? undefined : this.#records.at(-1);
  }

  /** Messages of the topic that were kept once and are gone. */
  get droppedCount(): number {
    return this.#nextOrdinal - 1 - this.size;
  }

  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  add(record: HistoryRecord): void {
    this.#records.push(record);
    this.#nextOrdinal = record.ordinal + 1;
  }

  /** Removes the oldest record. */
  shift(): HistoryRecord | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#head++;
    // What is gone leaves the array when it is the greater part of it.
    if (this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Whether the oldest record is beyond the bounds at `now`, in milliseconds since 1970. */
  isOverfull(now: number): boolean {
    const { first } = this;
    if (first === undefined) return false;
    return this.size > this.maxMessages || now - first.publishedAt > this.maxAgeMs;
  }

  /** The records, oldest first. */
  records(): readonly HistoryRecord[] {
    return this.#records.slice(this.#head);
  }
}
