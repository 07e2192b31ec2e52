import { PingPong } from "@isthmus/machine";

/** Keeps the event loop awake for a moment after each answer, while a client plays ping-pong with the hub. */
export class AdaptivePoller {
  readonly #pingPong: PingPong;
  #pollUntil = 0;
  #isPolling = false;

  /** @param pollMs how long to look for input, in milliseconds: about what waking up takes. 0 never does. */
  constructor(pollMs: number) {
    this.#pingPong = new PingPong(pollMs);
  }

  /** A lone packet of `connection` was answered at `now`, on the monotonic clock in milliseconds. */
  handleAnswered(connection: unknown, now: number): void {
    const pollUntil = this.#pingPong.handleAnswered(connection, now);
    if (pollUntil === now) return;
    this.#pollUntil = pollUntil;
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
