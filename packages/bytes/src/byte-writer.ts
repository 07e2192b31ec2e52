import { writeUint16 } from "./byte-access.js";
import { writeUtf8 } from "./utf8.js";

/**
 * Appends big-endian integers and byte runs to a buffer that grows by doubling.
 *
 * Values are checked: a number that does not fit its field is the caller's error (RangeError), never truncated.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes to allocate at first; writing more grows the buffer. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    checkUnsigned(value, 0xff);
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  uint16(value: number): this {
    checkUnsigned(value, 0xffff);
    const at = this.#grow(2);
    writeUint16(this.#bytes, at, value);
    return this;
  }

  uint32(value: number): this {
    checkUnsigned(value, 0xffff_ffff);
    const at = this.#grow(4);
    writeUint16(this.#bytes, at, value >>> 16);
    writeUint16(this.#bytes, at + 2, value & 0xffff);
    return this;
  }

  /** Replaces four bytes that were written before, as a length that is known only now. @throws RangeError */
  replaceUint32(offset: number, value: number): this {
    checkUnsigned(value, 0xffff_ffff);
    if (offset < 0 || offset + 4 > this.#length) throw new RangeError(`${offset} is not within what was written`);
    writeUint16(this.#bytes, offset, value >>> 16);
    writeUint16(this.#bytes, offset + 2, value & 0xffff);
    return this;
  }

  append(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** The UTF-8 of `text`, behind its length in 32 bits. @throws Utf8Error when it has none. */
  text32(text: string): this {
    const at = this.#grow(4 + 3 * text.length);
    this.#length = at;
    const end = writeUtf8(this.#bytes, at + 4, text);
    this.#length = end;
    return this.replaceUint32(at, end - at - 4);
  }

  /** The bytes written so far, as a view; what is written later may or may not show in it. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the bytes written so far. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(count: number): number {
    const at = this.#length;
    const length = at + count;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.view());
      this.#bytes = larger;
    }
    this.#length = length;
    return at;
  }
}

function checkUnsigned(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${value} is not an integer from 0 to ${max}`);
  }
}
