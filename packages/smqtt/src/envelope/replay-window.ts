/**
 * Which counters of one content key were seen: the highest, and a bit for each of the `size` below it.
 *
 * A counter further behind is taken for seen. (The sliding window of RFC 6479.)
 */
export class ReplayWindow {
  readonly #size: number;
  /** Bit of counter c: c mod size. Bits of counters above the highest are clear. */
  readonly #bits: Uint32Array;
  #highest = -1;

  /** @param size counters remembered below the highest; a multiple of 32. */
  constructor(size = 1024) {
    if (size <= 0 || size % 32 !== 0) throw new RangeError(`a window of ${size} is no multiple of 32`);
    this.#size = size;
    this.#bits = new Uint32Array(size / 32);
  }

  /** Whether `counter` was accepted before, or is too old to tell. */
  hasSeen(counter: number): boolean {
    if (counter > this.#highest) return false;
    if (counter <= this.#highest - this.#size) return true;
    return this.#bit(counter);
  }

  /** Remembers `counter`; call it only for what was authentic. */
  accept(counter: number): void {
    if (counter > this.#highest) {
      if (counter - this.#highest >= this.#size) this.#bits.fill(0);
      else for (let passed = this.#highest + 1; passed < counter; passed++) this.#clear(passed);
      this.#highest = counter;
    }
    const bit = counter % this.#size;
    this.#bits[bit >> 5] = (this.#bits[bit >> 5] ?? 0) | (1 << (bit & 31));
  }

  #bit(counter: number): boolean {
    const bit = counter % this.#size;
    return (((this.#bits[bit >> 5] ?? 0) >> (bit & 31)) & 1) === 1;
  }

  #clear(counter: number): void {
    const bit = counter % this.#size;
    this.#bits[bit >> 5] = (this.#bits[bit >> 5] ?? 0) & ~(1 << (bit & 31));
  }
}
