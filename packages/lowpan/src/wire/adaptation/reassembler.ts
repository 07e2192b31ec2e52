import { type Instant, type Machine, NEVER } from "@isthmus/machine";
import { type LinkAddress, linkAddressKey } from "../mac/link-address.js";
import { WireError } from "../wire-error.js";
import type { ContextTable } from "./context-table.js";
import { decompressFirst, MAX_UNFRAGMENTED_LENGTH } from "./datagram.js";
import { decodeFragment, FIRST_FRAGMENT_LENGTH, type FragmentHeader, SUBSEQUENT_FRAGMENT_LENGTH } from "./fragment.js";
import { completeChecksum, type ElidedChecksum, interfaceIdentifiers } from "./header-compression.js";

/** Bounds of a {@link Reassembler}. */
export interface ReassemblerOptions {
  /** Datagrams under way at most; one more drops the oldest. Default 16 (32 KiB of buffers). */
  readonly maxDatagrams?: number;
  /** Milliseconds from a datagram's first fragment until it is given up. Default and most: 60 s (RFC 4944 5.3). */
  readonly timeoutMs?: number;
}

/** What became of fragments. */
export interface ReassemblyCounters {
  /** Datagrams put together. */
  completed: number;
  /** Datagrams given up for want of time, and for want of room. */
  expired: number;
  evicted: number;
  /** Fragments that had come before. */
  duplicates: number;
  /** Datagrams begun anew because a fragment overlapped what was there. */
  overlaps: number;
}

const MAX_TIMEOUT_MS = 60_000;

/** A datagram of which not all fragments have come. */
interface Reassembly {
  readonly buffer: Uint8Array;
  /** Start and end of each fragment, in turn. */
  readonly ranges: number[];
  readonly expiresAt: Instant;
  receivedLength: number;
  elidedChecksum: ElidedChecksum | undefined;
}

/** Puts fragments together (RFC 4944 5.3), whatever their order, in bounded memory and time. */
export class Reassembler implements Machine {
  readonly counters: ReassemblyCounters = { completed: 0, expired: 0, evicted: 0, duplicates: 0, overlaps: 0 };
  readonly #contexts: ContextTable;
  readonly #maxDatagrams: number;
  readonly #timeoutMs: number;
  /** In the order in which they began, so the first is the first to expire. */
  readonly #reassemblyByKey = new Map<string, Reassembly>();
  readonly #scratch = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);

  /** @throws RangeError when the timeout is above 60 s. */
  constructor(contexts: ContextTable, options: ReassemblerOptions = {}) {
    this.#contexts = contexts;
    this.#maxDatagrams = options.maxDatagrams ?? 16;
    this.#timeoutMs = options.timeoutMs ?? MAX_TIMEOUT_MS;
    if (this.#timeoutMs > MAX_TIMEOUT_MS) throw new RangeError(`${this.#timeoutMs} ms are more than ${MAX_TIMEOUT_MS}`);
  }

  /** Datagrams under way. */
  get size(): number {
    return this.#reassemblyByKey.size;
  }

  /**
   * Takes the fragment from `at` to `end`; returns the packet when it was the last one missing.
   *
   * @param source the frame's source, or the originator of its mesh header; `destination` likewise.
   * @throws WireError when the fragment is malformed: what was received before stays.
   */
  receive(
    now: Instant,
    source: LinkAddress,
    destination: LinkAddress,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): Uint8Array | undefined {
    const header = decodeFragment(bytes, at, end);
    const key = `${linkAddressKey(source)}>${linkAddressKey(destination)}#${header.datagramTag}/${header.datagramSize}`;
    if (header.datagramOffset > 0) {
      const part = bytes.subarray(at + SUBSEQUENT_FRAGMENT_LENGTH, end);
      return this.#add(now, key, header, part, undefined);
    }
    const iids = interfaceIdentifiers(source, destination);
    return this.#add(now, key, header, ...this.#decompress(bytes, at + FIRST_FRAGMENT_LENGTH, end, iids, header));
  }

  nextDeadline(): Instant {
    for (const { expiresAt } of this.#reassemblyByKey.values()) return expiresAt;
    return NEVER;
  }

  handleTimeout(now: Instant): void {
    for (const [key, { expiresAt }] of this.#reassemblyByKey) {
      if (expiresAt > now) return;
      this.#reassemblyByKey.delete(key);
      this.counters.expired++;
    }
  }

  #decompress(
    bytes: Uint8Array,
    at: number,
    end: number,
    iids: Uint8Array,
    { datagramSize }: FragmentHeader,
  ): [Uint8Array, ElidedChecksum | undefined] {
    const scratch = this.#scratch;
    const headers = decompressFirst(bytes, at, end, iids, this.#contexts, scratch, datagramSize);
    const length = headers.length + end - headers.end;
    if (length > datagramSize) {
      throw new WireError("fragment", `a first fragment of ${length} octets in a datagram of ${datagramSize}`);
    }
    scratch.set(bytes.subarray(headers.end, end), headers.length);
    return [scratch.subarray(0, length), headers.elidedChecksum];
  }

  #add(
    now: Instant,
    key: string,
    header: FragmentHeader,
    part: Uint8Array,
    elidedChecksum: ElidedChecksum | undefined,
  ): Uint8Array | undefined {
    const start = header.datagramOffset;
    const end = start + part.length;
    requireFit(header, part);
    const reassembly = this.#reassemblyFor(now, key, header.datagramSize, start, end);
    if (reassembly === undefined) return undefined;
    reassembly.buffer.set(part, start);
    reassembly.ranges.push(start, end);
    reassembly.receivedLength += part.length;
    reassembly.elidedChecksum ??= elidedChecksum;
    if (reassembly.receivedLength < header.datagramSize) return undefined;
    this.#reassemblyByKey.delete(key);
    this.counters.completed++;
    if (reassembly.elidedChecksum !== undefined) completeChecksum(reassembly.buffer, reassembly.elidedChecksum);
    return reassembly.buffer;
  }

  /** Where the range goes; undefined when it has come before. */
  #reassemblyFor(now: Instant, key: string, size: number, start: number, end: number): Reassembly | undefined {
    const known = this.#reassemblyByKey.get(key);
    if (known !== undefined && known.expiresAt > now) {
      const relation = relationTo(known.ranges, start, end);
      if (relation === "apart") return known;
      if (relation === "same") {
        this.counters.duplicates++;
        return undefined;
      }
      // RFC 4944 5.3: what a different fragment overlaps is discarded, and the new one may begin afresh.
      this.counters.overlaps++;
    }
    this.#reassemblyByKey.delete(key);
    this.#makeRoom();
    const reassembly: Reassembly = {
      buffer: new Uint8Array(size),
      ranges: [],
      expiresAt: now + this.#timeoutMs,
      receivedLength: 0,
      elidedChecksum: undefined,
    };
    this.#reassemblyByKey.set(key, reassembly);
    return reassembly;
  }

  #makeRoom(): void {
    if (this.#reassemblyByKey.size < this.#maxDatagrams) return;
    for (const oldest of this.#reassemblyByKey.keys()) {
      this.#reassemblyByKey.delete(oldest);
      this.counters.evicted++;
      return;
    }
  }
}

function requireFit({ datagramSize, datagramOffset }: FragmentHeader, part: Uint8Array): void {
  const end = datagramOffset + part.length;
  if (part.length === 0) throw new WireError("fragment", "a fragment without content");
  if (end > datagramSize) throw new WireError("fragment", `a fragment up to ${end} in a datagram of ${datagramSize}`);
  if (end < datagramSize && part.length % 8 !== 0) {
    throw new WireError("fragment", `a fragment of ${part.length} octets that is not the last`);
  }
}

function relationTo(ranges: readonly number[], start: number, end: number): "apart" | "same" | "overlapping" {
  for (let i = 0; i < ranges.length; i += 2) {
    // Ranges come in pairs.
    const rangeStart = ranges[i] as number;
    const rangeEnd = ranges[i + 1] as number;
    if (rangeStart === start && rangeEnd === end) return "same";
    if (start < rangeEnd && end > rangeStart) return "overlapping";
  }
  return "apart";
}
