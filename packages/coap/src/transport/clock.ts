import type { Instant } from "@isthmus/machine";

/**
 * The clock of all transports of a process: monotonic, in milliseconds, and about as far as the wall clock when the
 * process started, so that what follows it (the sequence of notifications) goes on growing after a restart.
 */
export function clockNow(): Instant {
  return TIME_ORIGIN + performance.now();
}

/** Reading it costs more than reading the clock. */
const TIME_ORIGIN = performance.timeOrigin;
