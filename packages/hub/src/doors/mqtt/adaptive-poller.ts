/** Answers in a row, each soon after the one before, that make the next one likely to come soon as well. */
const STREAK = 16;

/**
 * Keeps the event loop awake for a moment after each answer, while a client plays ping-pong with the hub.
 *
 * Somebody who sends one message, waits for what comes of it and sends the next spends most of the time on the two
 * sides being woken up. While that goes on, the loop looks for input for a moment before it sleeps. It does so for one
 * exchange between at most two connections, never for the packets of many that happen to come close together, nor for
 * a client that sends now and then: a hub at rest stays at rest.
 */
export class AdaptivePoller {
  readonly #pollMs: number;
  /** The two connections that the last answers were for. */
  #latest: unknown;
  #other: unknown;
  #lastAnswerAt = 0;
  #streak = 0;
  #pollUntil = 0;
  #isPolling = false;

  /** @param pollMs how long to look for input, in milliseconds: about what waking up takes. 0 never does. */
  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  /** A lone packet of `connection` was answered at `now`, on the monotonic clock in milliseconds. */
  handleAnswered(connection: unknown, now: number): void {
    const isSoon = now - this.#lastAnswerAt < 2 * this.#pollMs;
    this.#lastAnswerAt = now;
    this.#streak = isSoon && (connection === this.#latest || connection === this.#other) ? this.#streak + 1 : 0;
    if (connection !== this.#latest) {
      this.#other = this.#latest;
      this.#latest = connection;
    }
    if (this.#streak < STREAK) return;
    this.#pollUntil = now + this.#pollMs;
    if (this.#isPolling) return;
    this.#isPolling = true;
    setImmediate(this.#poll);
  }

  // A turn of the event loop with something immediate to do looks for input without waiting for it.
  readonly #poll = (): void => {
    if (performance.now() < this.#pollUntil) setImmediate(this.#poll);
    else this.#isPolling = false;
  };
}
