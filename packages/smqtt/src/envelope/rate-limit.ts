/** Buckets kept; beyond, those that are full again are dropped, then all. */
const MAX_BUCKETS = 4096;

/** A token bucket per name: `burst` at once, `perSecond` in the long run. */
export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #bucketByName = new Map<string, { tokens: number; at: number }>();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Takes one token of `name` at `now` (seconds); false when there is none. */
  take(name: string, now: number): boolean {
    const tokens = this.#tokensOf(name, now);
    if (tokens < 1) return false;
    if (this.#bucketByName.size >= MAX_BUCKETS) this.#dropFull(now);
    this.#bucketByName.set(name, { tokens: tokens - 1, at: now });
    return true;
  }

  #tokensOf(name: string, now: number): number {
    const bucket = this.#bucketByName.get(name);
    if (bucket === undefined) return this.#burst;
    // A wall clock may be set back: then nothing is refilled.
    return Math.min(this.#burst, bucket.tokens + Math.max(0, now - bucket.at) * this.#perSecond);
  }

  #dropFull(now: number): void {
    for (const name of this.#bucketByName.keys()) {
      if (this.#tokensOf(name, now) >= this.#burst) this.#bucketByName.delete(name);
    }
    if (this.#bucketByName.size >= MAX_BUCKETS) this.#bucketByName.clear();
  }
}
