import type { Identity } from "../../access/access.js";
import type { Clock } from "../../clock.js";

/** The longest that a timer of Node waits; for more it would not wait at all. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What to say to whom it ends. */
export const CREDENTIALS_EXPIRED = "the credentials have expired";

/**
 * Calls `handleExpiry` once the credentials of `identity` no longer hold, and not before this returns.
 *
 * @returns what calls that off
 */
export function watchExpiry({ expiresAt }: Identity, clock: Clock, handleExpiry: () => void): () => void {
  if (expiresAt === undefined) return () => undefined;
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    timer = setTimeout(check, Math.min(Math.max(leftMs, 0), MAX_TIMER_MS)).unref();
  };
  // By the clock of the day: it may have been set meanwhile, and a timer may be early.
  const check = (): void => {
    const leftMs = expiresAt - clock.tick().epoch;
    if (leftMs > 0) wait(leftMs);
    else handleExpiry();
  };
  wait(expiresAt - clock.tick().epoch);
  return () => clearTimeout(timer);
}
