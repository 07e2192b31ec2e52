/**
 * A point on a monotonic clock, in milliseconds. Its zero is the driver's choice: only differences mean anything.
 *
 * Machines never read a clock. Each input carries `now`, and it never goes backwards.
 */
export type Instant = number;

/** The deadline of a machine that waits for nothing but input. */
export const NEVER: Instant = Number.POSITIVE_INFINITY;

/** The sooner of two deadlines. */
export function earliest(a: Instant, b: Instant): Instant {
  return a < b ? a : b;
}

/**
 * What every sans-I/O protocol machine of isthmus shares: it is told the time, and it tells when it next wants to be.
 *
 * The driver arms one timer for {@link nextDeadline} after each input and calls {@link handleTimeout} at that time.
 * Calling it early is harmless; a machine does what is due and no more.
 */
export interface Machine {
  /** When {@link handleTimeout} is next due, or {@link NEVER}. */
  nextDeadline(): Instant;
  /** Does all that is due at `now`. */
  handleTimeout(now: Instant): void;
}
