import type { RandomSource } from "@isthmus/machine";

/** Numbers drawn at a time: a call for each would cost more than all else in a request. */
const BATCH = 1_024;

/** Unpredictable numbers from the platform (Web Crypto): message ids and tokens that nobody guesses. */
export class StrongRandom implements RandomSource {
  readonly #batch = new Uint32Array(BATCH);
  #used = BATCH;

  nextUint32(): number {
    if (this.#used === BATCH) {
      crypto.getRandomValues(this.#batch);
      this.#used = 0;
    }
    return this.#batch[this.#used++] ?? 0;
  }
}
