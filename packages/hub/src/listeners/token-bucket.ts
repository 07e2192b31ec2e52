/** Allows `rate` a second on average, and as many at once. */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #at: number;

  /** @param now in milliseconds, as in all calls. */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#at = now;
  }

  /** Takes `count`, which may leave a debt. @returns milliseconds until there is none; 0 for none. */
  spend(count: number, now: number): number {
    this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#at) * this.#rate) / 1000) - count;
    this.#at = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / this.#rate;
  }

  /** Whether it holds all that it can, so that nothing is lost by forgetting it. */
  isFull(now: number): boolean {
    return this.#tokens + ((now - this.#at) * this.#rate) / 1000 >= this.#rate;
  }
}
