import type { Instant } from "@isthmus/machine";
import { copyBytes, viewBytes } from "../codec/byte-slices.js";
import { DeduplicationEntries, NO_REPLY } from "./deduplication-entries.js";

/** Bounds of what an endpoint remembers of the messages that it got. */
export interface DeduplicationLimits {
  /** Messages remembered; a power of two. Beyond it the oldest are forgotten before their lifetime is over. */
  readonly maxEntries: number;
  /** Bytes of replies kept to be sent again; a power of two. Beyond it the oldest are overwritten. */
  readonly maxReplyBytes: number;
}

/** Which message it is in a {@link DeduplicationTable}; it stays valid when the table grows or forgets. */
export type EntryId = number;

/** The message is not in the table. */
export const UNKNOWN_ENTRY: EntryId = -1;

const OVERWRITTEN = Number.NEGATIVE_INFINITY;
const INITIAL_ENTRIES = 64;
const INITIAL_REPLY_BYTES = 1_024;

/**
 * Remembers which messages came, by peer and message id, and what they were answered with (RFC 7252 4.5).
 *
 * Messages expire in nearly the order in which they came, so both tables are rings: entries in typed arrays with a
 * hash chain through them, replies one after the other in a byte array. A message costs no object, expiry no timer,
 * and the memory is what the limits say, however many messages come.
 */
export class DeduplicationTable {
  readonly #limits: DeduplicationLimits;
  #capacity: number;
  /** One slot per entry, at `id % capacity`. */
  #entries: DeduplicationEntries;
  /** Slot of the first entry of each chain, by hash; -1 when there is none. */
  #buckets: Int32Array;
  /** Ids count up and never repeat: entries live from `#oldest` to before `#newest`. */
  #oldest = 0;
  #newest = 0;
  #replies: Uint8Array;
  /** Bytes of replies ever written; those within the last `#replies.length` are still there. */
  #written = 0;
  /** Up to where the ring may be written without touching a reply that is still wanted. */
  #safeUntil = 0;
  #evictions = 0;

  constructor(limits: DeduplicationLimits) {
    for (const [name, value] of Object.entries(limits)) {
      if (value < 256 || value > 2 ** 30 || (value & (value - 1)) !== 0) {
        throw new RangeError(`${name} is ${value}, not a power of two from 256 to 2^30`);
      }
    }
    this.#limits = limits;
    this.#capacity = Math.min(INITIAL_ENTRIES, limits.maxEntries);
    this.#entries = new DeduplicationEntries(this.#capacity);
    this.#buckets = new Int32Array(this.#capacity).fill(-1);
    this.#replies = new Uint8Array(Math.min(INITIAL_REPLY_BYTES, limits.maxReplyBytes));
    this.#safeUntil = this.#replies.length;
  }

  /** Messages remembered, expired ones that were not yet swept out among them. */
  get size(): number {
    return this.#newest - this.#oldest;
  }

  /** Messages forgotten before their lifetime was over, for lack of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Bytes that the table takes now. */
  get sizeBytes(): number {
    return this.#entries.sizeBytes + this.#buckets.byteLength + this.#replies.length;
  }

  /** The message that came from this peer with this id and has not expired, or {@link UNKNOWN_ENTRY}. */
  find(now: Instant, peerId: number, messageId: number): EntryId {
    let newer = this.#newest;
    for (
      let slot = this.#buckets[this.#bucket(peerId, messageId)] as number;
      slot >= 0;
      slot = this.#entries.next(slot)
    ) {
      const id = this.#idAt(slot);
      // A chain leads from newer to older entries; this slot has been given to a newer one, so the chain is over.
      if (id >= newer) break;
      if (this.#entries.messageId(slot) === messageId && this.#entries.peerId(slot) === peerId) {
        return this.#entries.expiresAt(slot) > now ? id : UNKNOWN_ENTRY;
      }
      newer = id;
    }
    return UNKNOWN_ENTRY;
  }

  /** Remembers a message that {@link find} did not find, until `expiresAt`. */
  add(now: Instant, peerId: number, messageId: number, expiresAt: Instant): EntryId {
    this.#sweep(now);
    if (this.size === this.#capacity) this.#makeRoom();
    const id = this.#newest++;
    const slot = id & (this.#capacity - 1);
    this.#entries.set(slot, peerId, messageId, expiresAt);
    this.#link(slot);
    return id;
  }

  /** Keeps `reply` as what the message is answered with, in place of what there was. */
  setReply(id: EntryId, reply: Uint8Array): void {
    if (id < this.#oldest || reply.length > this.#limits.maxReplyBytes) return;
    const slot = id & (this.#capacity - 1);
    this.#entries.setReply(slot, this.#writeReply(reply), reply.length);
  }

  /**
   * What the message was answered with, as a view that is valid until the next {@link setReply}.
   *
   * @returns undefined when there is no answer yet; "overwritten" when there was one and its room is taken.
   */
  reply(id: EntryId): Uint8Array | "overwritten" | undefined {
    if (id < this.#oldest) return "overwritten";
    const slot = id & (this.#capacity - 1);
    const at = this.#entries.replyAt(slot);
    if (at === NO_REPLY) return undefined;
    if (at < this.#written - this.#replies.length) return "overwritten";
    const start = this.#place(at);
    return viewBytes(this.#replies, start, start + this.#entries.replyLength(slot));
  }

  /** Forgets the message, so that it counts as new when it comes again. */
  forget(id: EntryId): void {
    if (id >= this.#oldest) this.#entries.expire(id & (this.#capacity - 1));
  }

  /**
   * Forgets what has expired at the old end. Two at a time keep up with one that is added. Chains are left as they are:
   * whoever walks one stops where the entries are no longer older.
   */
  #sweep(now: Instant): void {
    for (let count = 0; count < 2 && this.#oldest < this.#newest; count++) {
      const slot = this.#oldest & (this.#capacity - 1);
      if (this.#entries.expiresAt(slot) > now) return;
      this.#oldest++;
    }
  }

  #makeRoom(): void {
    if (this.#capacity < this.#limits.maxEntries) {
      this.#growEntries();
    } else {
      this.#oldest++;
      this.#evictions++;
    }
  }

  #link(slot: number): void {
    const bucket = this.#bucket(this.#entries.peerId(slot), this.#entries.messageId(slot));
    this.#entries.setNext(slot, this.#buckets[bucket] as number); // A bucket is within the mask.
    this.#buckets[bucket] = slot;
  }

  #bucket(peerId: number, messageId: number): number {
    return hash(peerId, messageId) & (this.#capacity - 1);
  }

  #idAt(slot: number): EntryId {
    // Ids of live entries are less than a capacity apart: only one of them falls on this slot.
    const distance = (slot - this.#oldest) & (this.#capacity - 1);
    return this.#oldest + distance;
  }

  #growEntries(): void {
    const old = this.#entries;
    const oldCapacity = this.#capacity;
    const capacity = oldCapacity * 2;
    this.#capacity = capacity;
    this.#entries = new DeduplicationEntries(capacity);
    for (let id = this.#oldest; id < this.#newest; id++) {
      this.#entries.copy(id & (capacity - 1), old, id & (oldCapacity - 1));
    }
    this.#buckets = new Int32Array(capacity).fill(-1);
    for (let id = this.#oldest; id < this.#newest; id++) this.#link(id & (capacity - 1));
  }

  /** Appends to the ring, never around its end, so that a reply is one view; returns where it was written. */
  #writeReply(reply: Uint8Array): number {
    if (this.#replies.length < this.#limits.maxReplyBytes && this.#endOf(reply) > this.#safeUntil) {
      this.#growReplies(reply);
    }
    const at = this.#endOf(reply) - reply.length;
    copyBytes(this.#replies, this.#place(at), reply);
    this.#written = at + reply.length;
    return at;
  }

  /** Where in the ring the byte number `at` stands: its size is a power of two. */
  #place(at: number): number {
    return at & (this.#replies.length - 1);
  }

  /** Where `reply` will end: right after what was written, or, when it does not fit there, after the next turn. */
  #endOf(reply: Uint8Array): number {
    const size = this.#replies.length;
    const start = this.#place(this.#written);
    const skipped = start + reply.length > size ? size - start : 0;
    return this.#written + skipped + reply.length;
  }

  /** Doubles the ring, unless enough of what it holds has been forgotten meanwhile. */
  #growReplies(reply: Uint8Array): void {
    let oldestWanted = this.#written;
    for (let id = this.#oldest; id < this.#newest; id++) {
      const at = this.#entries.replyAt(id & (this.#capacity - 1));
      if (at >= 0 && at < oldestWanted) oldestWanted = at;
    }
    this.#safeUntil = Math.max(oldestWanted, this.#written - this.#replies.length) + this.#replies.length;
    // A quarter at least, lest this search be made for each reply.
    if (this.#safeUntil - this.#endOf(reply) >= this.#replies.length / 4) return;
    this.#layOutReplies(
      Math.min(this.#limits.maxReplyBytes, 2 ** Math.ceil(Math.log2(this.#replies.length + reply.length))),
    );
  }

  /** Moves the replies that are wanted to a ring of `size` bytes, one after the other. */
  #layOutReplies(size: number): void {
    const old = this.#replies;
    const larger = new Uint8Array(size);
    let end = 0;
    for (let id = this.#oldest; id < this.#newest; id++) {
      const slot = id & (this.#capacity - 1);
      const from = this.#entries.replyAt(slot);
      const length = this.#entries.replyLength(slot);
      if (from === NO_REPLY) continue;
      if (from < this.#written - old.length) {
        this.#entries.setReply(slot, OVERWRITTEN, length);
        continue;
      }
      const start = from & (old.length - 1);
      larger.set(old.subarray(start, start + length), end);
      this.#entries.setReply(slot, end, length);
      end += length;
    }
    this.#replies = larger;
    this.#written = end;
    this.#safeUntil = size;
  }
}

function hash(peerId: number, messageId: number): number {
  // Message ids of one peer are consecutive: multiplying by an odd constant spreads the pairs over the buckets.
  const mixed = Math.imul(peerId, 0x9e3779b1) ^ Math.imul(messageId, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
