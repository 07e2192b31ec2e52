import { byteAt, readUint16, readUint32 } from "./byte-access.js";

/** A read went past the end: the input is cut short, or a length field in it lies. */
export class ShortReadError extends Error {
  override readonly name = "ShortReadError";
  /** Bytes that the read asked for. */
  readonly needed: number;
  /** Bytes that were left. */
  readonly available: number;

  constructor(needed: number, available: number) {
    super(`need ${needed} bytes, ${available} left`);
    this.needed = needed;
    this.available = available;
  }
}

/**
 * Reads big-endian integers and byte runs from a window of an array, each read checked against the window's end.
 *
 * Every method throws {@link ShortReadError} rather than reading zeros past the end.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Exclusive end of the window. */
  readonly end: number;
  #offset: number;

  /** @throws RangeError when the window is not within `bytes`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    if (start < 0 || end > bytes.length || start > end) {
      throw new RangeError(`window ${start}..${end} is not within ${bytes.length} bytes`);
    }
    this.bytes = bytes;
    this.end = end;
    this.#offset = start;
  }

  /** Index in `bytes` of the next byte to be read. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left in the window. */
  get remaining(): number {
    return this.end - this.#offset;
  }

  uint8(): number {
    return byteAt(this.bytes, this.#advance(1));
  }

  uint16(): number {
    return readUint16(this.bytes, this.#advance(2));
  }

  uint32(): number {
    return readUint32(this.bytes, this.#advance(4));
  }

  /** The next `length` bytes as a view: it shares memory with `bytes`. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** The error of a read past the end: a protocol's reader overrides it with an error of its own. */
  protected shortRead(needed: number, available: number): Error {
    return new ShortReadError(needed, available);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length < 0 || start + length > this.end) throw this.shortRead(length, this.end - start);
    this.#offset = start + length;
    return start;
  }
}
