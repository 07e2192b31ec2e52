import type { Instant } from "@isthmus/machine";

/** The message was not answered yet. */
export const NO_REPLY = -1;

/**
 * What a {@link DeduplicationTable} knows of each message, without an object per message. The fields of a slot stand
 * together, for a table of any size is read from memory rather than from a cache:
 *
 *    0        8        16      20         24           28     32
 *  | expires | reply  | peer  | message  | length of  | next  |
 *  | at      | at     | id    | id       | reply      | slot  |
 */
export class DeduplicationEntries {
  readonly #doubles: Float64Array;
  readonly #integers: Int32Array;

  constructor(capacity: number) {
    const bytes = new ArrayBuffer(capacity * 32);
    this.#doubles = new Float64Array(bytes);
    this.#integers = new Int32Array(bytes);
  }

  get sizeBytes(): number {
    return this.#doubles.byteLength;
  }

  expiresAt(slot: number): Instant {
    return this.#doubles[slot * 4] as number; // Callers stay within the capacity: here and below.
  }

  /** Where in all that was ever written the reply stands. */
  replyAt(slot: number): number {
    return this.#doubles[slot * 4 + 1] as number;
  }

  peerId(slot: number): number {
    return (this.#integers[slot * 8 + 4] as number) >>> 0;
  }

  messageId(slot: number): number {
    return this.#integers[slot * 8 + 5] as number;
  }

  replyLength(slot: number): number {
    return this.#integers[slot * 8 + 6] as number;
  }

  /** The next slot of the chain; -1 ends it. */
  next(slot: number): number {
    return this.#integers[slot * 8 + 7] as number;
  }

  /** A message that is not answered yet. */
  set(slot: number, peerId: number, messageId: number, expiresAt: Instant): void {
    this.#doubles[slot * 4] = expiresAt;
    this.#doubles[slot * 4 + 1] = NO_REPLY;
    this.#integers[slot * 8 + 4] = peerId;
    this.#integers[slot * 8 + 5] = messageId;
    this.#integers[slot * 8 + 6] = 0;
  }

  setReply(slot: number, at: number, length: number): void {
    this.#doubles[slot * 4 + 1] = at;
    this.#integers[slot * 8 + 6] = length;
  }

  setNext(slot: number, next: number): void {
    this.#integers[slot * 8 + 7] = next;
  }

  expire(slot: number): void {
    this.#doubles[slot * 4] = Number.NEGATIVE_INFINITY;
  }

  /** Takes over slot `from` of `other`, all but its place in a chain. */
  copy(slot: number, other: DeduplicationEntries, from: number): void {
    this.set(slot, other.peerId(from), other.messageId(from), other.expiresAt(from));
    this.setReply(slot, other.replyAt(from), other.replyLength(from));
  }
}
