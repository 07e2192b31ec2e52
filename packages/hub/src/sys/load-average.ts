/** Over how many minutes each average looks back, as a Unix load average does. */
export const LOAD_MINUTES = [1, 5, 15] as const;

/** What a count grows by in a minute, as three moving averages that forget at different speeds. */
export class LoadAverage {
  readonly averages: [oneMinute: number, fiveMinutes: number, fifteenMinutes: number] = [0, 0, 0];
  #count = 0;

  /** Takes the count as it is now, `elapsedMs` after the time before. */
  update(count: number, elapsedMs: number): void {
    const perMinute = ((count - this.#count) * 60_000) / elapsedMs;
    this.#count = count;
    for (const [at, minutes] of LOAD_MINUTES.entries()) {
      const kept = Math.exp(-elapsedMs / (minutes * 60_000));
      this.averages[at as 0 | 1 | 2] = perMinute + kept * (this.averages[at as 0 | 1 | 2] - perMinute);
    }
  }
}
