/** How often something took how long. Cheap enough for once per batch, not for once per message. */
export class Histogram {
  /** Upper bounds of the buckets, ascending; what is above them all is counted in none. */
  readonly bounds: readonly number[];
  /** Observations in each bucket alone, not in those below. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count++;
    this.sum += value;
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }
}
