import type { Transport } from "../transport/transport.js";

/** A slice up to this many bytes is copied to its neighbours; a larger one is sent from where it lies. */
const COPY_LIMIT = 2048;
const SMALL_BUFFER = 2048;
const LARGE_BUFFER = 32 * 1024;
const SLAB_BYTES = 256 * 1024;
/** Free buffers kept of each size. */
const MAX_FREE = 128;
const NOTHING = new Uint8Array(0);

/**
 * The memory that the outboxes of one server share, so that a connection at rest holds none.
 *
 * Frames are gathered in a borrowed buffer and, when they leave, copied to a slab: the buffer goes back at once,
 * and the slab is freed when the last write from it is done.
 */
export class OutboxMemory {
  readonly #freeSmall: Uint8Array[] = [];
  readonly #freeLarge: Uint8Array[] = [];
  #slab: Uint8Array = new Uint8Array(0);
  #slabUsed = 0;

  borrow(minBytes: number): Uint8Array {
    if (minBytes <= SMALL_BUFFER) return this.#freeSmall.pop() ?? new Uint8Array(SMALL_BUFFER);
    if (minBytes <= LARGE_BUFFER) return this.#freeLarge.pop() ?? new Uint8Array(LARGE_BUFFER);
    return new Uint8Array(minBytes);
  }

  giveBack(buffer: Uint8Array): void {
    if (buffer.length > LARGE_BUFFER) return;
    const free = buffer.length === SMALL_BUFFER ? this.#freeSmall : this.#freeLarge;
    if (free.length < MAX_FREE) free.push(buffer);
  }

  /** A lasting copy of the first `length` bytes of `buffer`. */
  copy(buffer: Uint8Array, length: number): Uint8Array {
    if (this.#slabUsed + length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_BYTES, length));
      this.#slabUsed = 0;
    }
    const copy = this.#slab.subarray(this.#slabUsed, this.#slabUsed + length);
    copy.set(buffer.length === length ? buffer : buffer.subarray(0, length));
    this.#slabUsed += length;
    return copy;
  }
}

/**
 * What one connection is to send at the end of the turn, gathered into as few writes as possible: small frames in one
 * buffer, large ones by reference, neighbouring slices of one buffer as one.
 */
export class Outbox {
  /** Where {@link reserve} makes room. It may be another buffer after each call. */
  staging: Uint8Array = NOTHING;
  readonly #memory: OutboxMemory;
  #staged = 0;
  #segments: Uint8Array[] = [];
  /** Bytes in `#segments`. */
  #sealed = 0;
  /** A slice that the next one may extend. */
  #tail: Uint8Array | undefined;
  #tailStart = 0;
  #tailEnd = 0;

  constructor(memory: OutboxMemory) {
    this.#memory = memory;
  }

  /** Bytes that wait for {@link flush}. */
  get pendingBytes(): number {
    return this.#sealed + this.#staged + (this.#tailEnd - this.#tailStart);
  }

  /** Makes room for `size` bytes at the end: write them to {@link staging} from the returned offset on. */
  reserve(size: number): number {
    if (this.#tail !== undefined) this.#sealTail();
    const at = this.#staged;
    if (at + size > this.staging.length) return this.#reserveElsewhere(size);
    this.#staged = at + size;
    return at;
  }

  /** Adds `source[start..end]`, which must not change until it is sent. */
  append(source: Uint8Array, start: number, end: number): void {
    if (this.#tail === source && this.#tailEnd === start) {
      this.#tailEnd = end;
      return;
    }
    if (this.#tail !== undefined) this.#sealTail();
    this.#tail = source;
    this.#tailStart = start;
    this.#tailEnd = end;
  }

  /** Hands all that waits to `transport`. @returns false when it is congested. */
  flush(transport: Transport): boolean {
    if (this.#tail !== undefined && this.#staged === 0 && this.#segments.length === 0) {
      const only = view(this.#tail, this.#tailStart, this.#tailEnd);
      this.#dropTail();
      return transport.write(only);
    }
    const segments = this.take();
    const [first] = segments;
    if (first === undefined) return true;
    return segments.length === 1 ? transport.write(first) : transport.writeAll(segments);
  }

  /** Removes and returns all that waits, to be written later. */
  take(): Uint8Array[] {
    if (this.#tail !== undefined) this.#sealTail();
    this.#sealStaging();
    const segments = this.#segments;
    this.#segments = [];
    this.#sealed = 0;
    return segments;
  }

  /** Forgets all that waits: the connection is gone. */
  clear(): void {
    this.#dropTail();
    this.#segments = [];
    this.#sealed = 0;
    this.#staged = 0;
    this.#releaseStaging();
  }

  #reserveElsewhere(size: number): number {
    const { staging } = this;
    // A small buffer that is full grows into a large one; a large one is sealed.
    if (this.#staged > 0 && staging.length < LARGE_BUFFER && this.#staged + size <= LARGE_BUFFER) {
      this.staging = this.#memory.borrow(LARGE_BUFFER);
      this.staging.set(staging.subarray(0, this.#staged));
      this.#memory.giveBack(staging);
    } else {
      this.#sealStaging();
      this.staging = this.#memory.borrow(size);
    }
    const at = this.#staged;
    this.#staged = at + size;
    return at;
  }

  #sealTail(): void {
    const source = this.#tail;
    if (source === undefined) return;
    const start = this.#tailStart;
    const end = this.#tailEnd;
    this.#dropTail();
    if (end - start > COPY_LIMIT) {
      this.#sealStaging();
      this.#push(view(source, start, end));
      return;
    }
    const at = this.reserve(end - start);
    this.staging.set(view(source, start, end), at);
  }

  #sealStaging(): void {
    if (this.#staged > 0) this.#push(this.#memory.copy(this.staging, this.#staged));
    this.#staged = 0;
    this.#releaseStaging();
  }

  #releaseStaging(): void {
    if (this.staging !== NOTHING) this.#memory.giveBack(this.staging);
    this.staging = NOTHING;
  }

  #push(segment: Uint8Array): void {
    this.#segments.push(segment);
    this.#sealed += segment.length;
  }

  #dropTail(): void {
    this.#tail = undefined;
    this.#tailStart = this.#tailEnd = 0;
  }
}

function view(source: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === source.length ? source : source.subarray(start, end);
}
