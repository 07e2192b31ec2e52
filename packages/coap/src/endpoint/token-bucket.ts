import type { Instant } from "@isthmus/machine";

/** How many requests a peer may make. */
export interface RequestRate {
  /** In the long run. */
  readonly perSecond: number;
  /** At once, after a pause. */
  readonly burst: number;
}

/** Lets through so many things a second, and a burst after a pause. */
export class TokenBucket {
  readonly #rate: RequestRate;
  #tokens: number;
  #filledAt: Instant;

  constructor(now: Instant, rate: RequestRate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = now;
  }

  /** Takes one. @returns 0, or in how many milliseconds there will be one. */
  take(now: Instant): number {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000);
    this.#filledAt = now;
    if (this.#tokens < 1) return ((1 - this.#tokens) * 1_000) / perSecond;
    this.#tokens--;
    return 0;
  }
}
