import { byteAt, encodeUtf8 } from "@isthmus/bytes";
import type { Route } from "./route.js";

/** A topic that was seen: its name and bytes side by side, and the route that was last compiled for it. */
export class Topic {
  readonly name: string;
  /** The UTF-8 bytes of the name, owned by the topic. */
  readonly bytes: Uint8Array;
  /** Counts up from topic to topic: what somebody remembers of topics may be laid out by it. */
  readonly number: number;
  /** The compiled route, current while its version is that of the subscription index. */
  route: Route | undefined;

  constructor(name: string, bytes: Uint8Array, number = 0) {
    this.name = name;
    this.number = number;
    this.bytes = bytes;
  }

  /** Whether `bytes[start..end]` is this topic's name. */
  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.bytes;
    const length = end - start;
    if (own.length !== length) return false;
    // From the end: the topics of one publisher mostly share their beginning.
    for (let i = length - 1; i >= 0; i--) if (own[i] !== bytes[start + i]) return false;
    return true;
  }
}

/** A longer name is not remembered: the table would hold gigabytes of such. */
const LONGEST_REMEMBERED_BYTES = 1024;

/** Topics that share a place in the table. */
const WAYS = 4;

/**
 * The topics in use, found by the bytes of their name: a known topic costs no string and no allocation.
 *
 * Bounded: a cache of sets of four. Within a set a topic that is used moves forward, and a new one takes the place of
 * the last, which costs that one no more than compiling its route again.
 */
export class TopicTable {
  readonly #slots: (Topic | undefined)[];
  readonly #setMask: number;
  #nextNumber = 0;
  readonly #parse: (bytes: Uint8Array, start: number, end: number) => string;

  /**
   * @param parse decodes and checks a name; what it throws passes through {@link intern}.
   * @param capacity topics remembered at the most, rounded up to a power of two.
   */
  constructor(parse: (bytes: Uint8Array, start: number, end: number) => string, capacity = 32_768) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(WAYS, capacity)));
    this.#slots = new Array<Topic | undefined>(size).fill(undefined);
    this.#setMask = size / WAYS - 1;
    this.#parse = parse;
  }

  /** The topic of this name. */
  internName(name: string): Topic {
    const bytes = encodeUtf8(name);
    return this.intern(bytes, 0, bytes.length);
  }

  /** The topic whose name is `bytes[start..end]`. */
  intern(bytes: Uint8Array, start: number, end: number): Topic {
    const slots = this.#slots;
    const first = (hashBytes(bytes, start, end) & this.#setMask) * WAYS;
    const last = first + WAYS - 1;
    let slot = first;
    for (; slot <= last; slot++) {
      const known = slots[slot];
      if (known === undefined) break;
      if (!known.equals(bytes, start, end)) continue;
      if (slot > first) {
        slots[slot] = slots[slot - 1];
        slots[slot - 1] = known;
      }
      return known;
    }
    const topic = new Topic(this.#parse(bytes, start, end), bytes.slice(start, end), this.#nextNumber++);
    if (topic.bytes.length <= LONGEST_REMEMBERED_BYTES) slots[Math.min(slot, last)] = topic;
    return topic;
  }
}

/** FNV-1a, its high half folded in so that the low bits depend on every byte. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ byteAt(bytes, i), 0x01000193);
  return hash ^ (hash >>> 15);
}
