import type { Instant } from "@isthmus/machine";

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

const NO_REPLY = -1;
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
  // One slot per entry, at `id % capacity`.
  #peerId: Uint32Array;
  #messageId: Uint16Array;
  #expiresAt: Float64Array;
  #replyAt: Float64Array;
  #replyLength: Uint32Array;
  /** Slot of the next entry in the chain; -1 ends it. */
  #next: Int32Array;
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
    this.#peerId = new Uint32Array(this.#capacity);
    this.#messageId = new Uint16Array(this.#capacity);
    this.#expiresAt = new Float64Array(this.#capacity);
    this.#replyAt = new Float64Array(this.#capacity);
    this.#replyLength = new Uint32Array(this.#capacity);
    this.#next = new Int32Array(this.#capacity);
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
    return this.#capacity * (4 + 2 + 8 + 8 + 4 + 4 + 4) + this.#replies.length;
  }

  /** The message that came from this peer with this id and has not expired, or {@link UNKNOWN_ENTRY}. */
  find(now: Instant, peerId: number, messageId: number): EntryId {
    const mask = this.#capacity - 1;
    let slot = this.#buckets[hash(peerId, messageId) & mask] as number; // Within the mask.
    while (slot >= 0) {
      if (this.#messageId[slot] === messageId && this.#peerId[slot] === peerId) {
        return (this.#expiresAt[slot] as number) > now ? this.#idAt(slot) : UNKNOWN_ENTRY;
      }
      slot = this.#next[slot] as number; // A chain holds slots.
    }
    return UNKNOWN_ENTRY;
  }

  /** Remembers a message that {@link find} did not find, until `expiresAt`. */
  add(now: Instant, peerId: number, messageId: number, expiresAt: Instant): EntryId {
    this.#sweep(now);
    if (this.size === this.#capacity) this.#makeRoom();
    const id = this.#newest++;
    const slot = id & (this.#capacity - 1);
    this.#peerId[slot] = peerId;
    this.#messageId[slot] = messageId;
    this.#expiresAt[slot] = expiresAt;
    this.#replyAt[slot] = NO_REPLY;
    this.#link(slot);
    return id;
  }

  /** Keeps `reply` as what the message is answered with, in place of what there was. */
  setReply(id: EntryId, reply: Uint8Array): void {
    if (id < this.#oldest || reply.length > this.#limits.maxReplyBytes) return;
    const slot = id & (this.#capacity - 1);
    this.#replyAt[slot] = this.#writeReply(reply);
    this.#replyLength[slot] = reply.length;
  }

  /**
   * What the message was answered with, as a view that is valid until the next {@link setReply}.
   *
   * @returns undefined when there is no answer yet; "overwritten" when there was one and its room is taken.
   */
  reply(id: EntryId): Uint8Array | "overwritten" | undefined {
    if (id < this.#oldest) return "overwritten";
    const slot = id & (this.#capacity - 1);
    const at = this.#replyAt[slot] as number; // Within the mask.
    if (at === NO_REPLY) return undefined;
    if (at < this.#written - this.#replies.length) return "overwritten";
    const start = at % this.#replies.length;
    return this.#replies.subarray(start, start + (this.#replyLength[slot] as number));
  }

  /** Forgets the message, so that it counts as new when it comes again. */
  forget(id: EntryId): void {
    if (id >= this.#oldest) this.#expiresAt[id & (this.#capacity - 1)] = Number.NEGATIVE_INFINITY;
  }

  /** Drops what has expired at the old end. Two at a time keep up with one that is added. */
  #sweep(now: Instant): void {
    for (let count = 0; count < 2 && this.#oldest < this.#newest; count++) {
      const slot = this.#oldest & (this.#capacity - 1);
      if ((this.#expiresAt[slot] as number) > now) return;
      this.#dropOldest();
    }
  }

  #makeRoom(): void {
    if (this.#capacity < this.#limits.maxEntries) {
      this.#growEntries();
    } else {
      this.#dropOldest();
      this.#evictions++;
    }
  }

  #dropOldest(): void {
    const slot = this.#oldest & (this.#capacity - 1);
    this.#unlink(slot);
    this.#oldest++;
  }

  #link(slot: number): void {
    const bucket = hash(this.#peerId[slot] as number, this.#messageId[slot] as number) & (this.#capacity - 1);
    this.#next[slot] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = slot;
  }

  #unlink(slot: number): void {
    const bucket = hash(this.#peerId[slot] as number, this.#messageId[slot] as number) & (this.#capacity - 1);
    const after = this.#next[slot] as number;
    let at = this.#buckets[bucket] as number;
    if (at === slot) {
      this.#buckets[bucket] = after;
      return;
    }
    while (at >= 0) {
      const next = this.#next[at] as number;
      if (next === slot) {
        this.#next[at] = after;
        return;
      }
      at = next;
    }
  }

  #idAt(slot: number): EntryId {
    // Ids of live entries are less than a capacity apart: only one of them falls on this slot.
    const distance = (slot - this.#oldest) & (this.#capacity - 1);
    return this.#oldest + distance;
  }

  #growEntries(): void {
    const old = this.#capacity;
    const capacity = old * 2;
    const peerId = new Uint32Array(capacity);
    const messageId = new Uint16Array(capacity);
    const expiresAt = new Float64Array(capacity);
    const replyAt = new Float64Array(capacity);
    const replyLength = new Uint32Array(capacity);
    for (let id = this.#oldest; id < this.#newest; id++) {
      const from = id & (old - 1);
      const to = id & (capacity - 1);
      peerId[to] = this.#peerId[from] as number;
      messageId[to] = this.#messageId[from] as number;
      expiresAt[to] = this.#expiresAt[from] as number;
      replyAt[to] = this.#replyAt[from] as number;
      replyLength[to] = this.#replyLength[from] as number;
    }
    this.#capacity = capacity;
    this.#peerId = peerId;
    this.#messageId = messageId;
    this.#expiresAt = expiresAt;
    this.#replyAt = replyAt;
    this.#replyLength = replyLength;
    this.#next = new Int32Array(capacity);
    this.#buckets = new Int32Array(capacity).fill(-1);
    for (let id = this.#oldest; id < this.#newest; id++) this.#link(id & (capacity - 1));
  }

  /** Appends to the ring, never around its end, so that a reply is one view; returns where it was written. */
  #writeReply(reply: Uint8Array): number {
    if (this.#replies.length < this.#limits.maxReplyBytes && this.#endOf(reply) > this.#safeUntil) {
      this.#growReplies(reply);
    }
    const at = this.#endOf(reply) - reply.length;
    this.#replies.set(reply, at % this.#replies.length);
    this.#written = at + reply.length;
    return at;
  }

  /** Where `reply` will end: right after what was written, or, when it does not fit there, after the next turn. */
  #endOf(reply: Uint8Array): number {
    const size = this.#replies.length;
    const start = this.#written % size;
    const skipped = start + reply.length > size ? size - start : 0;
    return this.#written + skipped + reply.length;
  }

  /** Doubles the ring, unless enough of what it holds has been forgotten meanwhile. */
  #growReplies(reply: Uint8Array): void {
    let oldestWanted = this.#written;
    for (let id = this.#oldest; id < this.#newest; id++) {
      const at = this.#replyAt[id & (this.#capacity - 1)] as number;
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
      const from = this.#replyAt[slot] as number;
      if (from === NO_REPLY) continue;
      if (from < this.#written - old.length) {
        this.#replyAt[slot] = OVERWRITTEN;
        continue;
      }
      const start = from % old.length;
      const length = this.#replyLength[slot] as number;
      larger.set(old.subarray(start, start + length), end);
      this.#replyAt[slot] = end;
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
