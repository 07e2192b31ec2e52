/** Bytes taken from the engine at a time; larger arrays are made by themselves. */
const SLAB_BYTES = 65_536;
const MAX_FROM_SLAB = 8192;

/**
 * Cuts arrays from larger ones: for messages of some hundred bytes several times cheaper than an array each. A slab
 * stays as long as one of its pieces.
 */
export class Slab {
  #bytes = new Uint8Array(0);
  #offset = 0;

  /** `length` bytes that nobody else has. */
  take(length: number): Uint8Array {
    if (length > MAX_FROM_SLAB) return new Uint8Array(length);
    if (this.#offset + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }
}
