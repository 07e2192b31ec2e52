import type { Instant } from "@isthmus/machine";

/** Bounds of a {@link DuplicateFilter}. */
export interface DuplicateFilterOptions {
  /** Milliseconds after which the same number is a new frame. Default 2,000: numbers have 8 bits and come round. */
  readonly lifetimeMs?: number;
  /** Senders remembered at most; the one heard of least recently is forgotten. Default 256. */
  readonly maxSenders?: number;
}

/** Tells frames that were sent again because their acknowledgement was lost: by sender and sequence number. */
export class DuplicateFilter {
  readonly #lifetimeMs: number;
  readonly #maxSenders: number;
  /** The sender heard of least recently comes first. */
  readonly #lastBySender = new Map<string, { readonly sequenceNumber: number; readonly at: Instant }>();

  constructor(options: DuplicateFilterOptions = {}) {
    this.#lifetimeMs = options.lifetimeMs ?? 2_000;
    this.#maxSenders = options.maxSenders ?? 256;
  }

  /** Remembers the frame; true when it is the one that was heard of this sender last, and not long ago. */
  isDuplicate(now: Instant, sender: string, sequenceNumber: number): boolean {
    const last = this.#lastBySender.get(sender);
    this.#lastBySender.delete(sender);
    this.#lastBySender.set(sender, { sequenceNumber, at: now });
    if (this.#lastBySender.size > this.#maxSenders) this.#forgetOldest();
    return last !== undefined && last.sequenceNumber === sequenceNumber && now - last.at < this.#lifetimeMs;
  }

  #forgetOldest(): void {
    for (const sender of this.#lastBySender.keys()) {
      this.#lastBySender.delete(sender);
      return;
    }
  }
}
