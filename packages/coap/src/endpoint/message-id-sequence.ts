import type { Instant } from "@isthmus/machine";

/** 64 segments of 1,024 ids: exhaustion is felt for a 64th of a lifetime, and what is kept is half a kilobyte. */
const SEGMENT_BITS = 10;
const SEGMENTS = 64;

/**
 * The message ids for one peer: consecutive from a random start, and none used again within its lifetime
 * (RFC 7252 4.4), which allows 65,536 messages per EXCHANGE_LIFETIME.
 */
export class MessageIdSequence {
  #next: number;
  /** When the ids of each segment are free again; made when the first segment is used up. */
  #freeAt: Float64Array | undefined;
  /** Latest lifetime end of an id of the segment that is being used. */
  #currentFreeAt: Instant = Number.NEGATIVE_INFINITY;

  /** @param start a random number; its low 16 bits are the first id. */
  constructor(start: number) {
    this.#next = start & 0xffff;
  }

  /**
   * When the next id may be used: in the past, or at once, unless ids are exhausted.
   *
   * Only the first id of a segment has to wait.
   */
  availableAt(): Instant {
    if ((this.#next & ((1 << SEGMENT_BITS) - 1)) !== 0) return Number.NEGATIVE_INFINITY;
    return this.#freeAt?.[this.#next >>> SEGMENT_BITS] ?? Number.NEGATIVE_INFINITY;
  }

  /** The next id, which is in use until `freeAt`. The caller has seen to {@link availableAt}. */
  take(freeAt: Instant): number {
    const id = this.#next;
    if (freeAt > this.#currentFreeAt) this.#currentFreeAt = freeAt;
    this.#next = (id + 1) & 0xffff;
    if (this.#next >>> SEGMENT_BITS !== id >>> SEGMENT_BITS) {
      this.#freeAt ??= new Float64Array(SEGMENTS).fill(Number.NEGATIVE_INFINITY);
      this.#freeAt[id >>> SEGMENT_BITS] = this.#currentFreeAt;
      this.#currentFreeAt = Number.NEGATIVE_INFINITY;
    }
    return id;
  }
}
