import { type Instant, NEVER } from "@isthmus/machine";
import { clockNow } from "./clock.js";

/** setTimeout holds 31 bits of milliseconds; a longer wait is cut into turns. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The one timer of a driver, armed for the earliest deadline that its endpoint announced. */
export class WakeTimer {
  readonly #handleTimeout: (now: Instant) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #deadline: Instant = NEVER;

  constructor(handleTimeout: (now: Instant) => void) {
    this.#handleTimeout = handleTimeout;
  }

  /** Sees to it that the endpoint is woken at `deadline`, or before. */
  wake(deadline: Instant): void {
    if (deadline >= this.#deadline) return;
    clearTimeout(this.#timer);
    this.#deadline = deadline;
    const delayMs = Math.min(Math.max(0, Math.ceil(deadline - clockNow())), LONGEST_TIMEOUT_MS);
    this.#timer = setTimeout(() => this.#fire(), delayMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#deadline = Number.NEGATIVE_INFINITY;
  }

  #fire(): void {
    const now = clockNow();
    const deadline = this.#deadline;
    this.#deadline = NEVER;
    if (now < deadline) this.wake(deadline);
    else this.#handleTimeout(now);
  }
}
