import type { Instant } from "./instant.js";

/** Answers in a row, each soon after the one before, that make the next question likely to come soon as well. */
const STREAK = 16;

/**
 * Notices that somebody plays ping-pong: sends one message, waits for what comes of it and sends the next.
 *
 * Both sides then spend most of the time on being woken up, and a driver that looks for input for a moment before it
 * sleeps spares them that. It is so for one exchange between at most two partners, never for the messages of many that
 * happen to come close together, nor for somebody who sends now and then.
 */
export class PingPong {
  readonly #pollMs: number;
  /** The two partners that the last answers were for. */
  #latest: unknown;
  #other: unknown;
  #lastAnswerAt: Instant = 0;
  #streak = 0;

  /** @param pollMs how long to look for input, in milliseconds: about what waking up takes. 0 never does. */
  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  /**
   * A lone message of `partner` was answered at `now`.
   *
   * @returns until when to look for input: `now` when nothing is likely to come soon.
   */
  handleAnswered(partner: unknown, now: Instant): Instant {
    const isSoon = now - this.#lastAnswerAt < 2 * this.#pollMs;
    this.#lastAnswerAt = now;
    this.#streak = isSoon && (partner === this.#latest || partner === this.#other) ? this.#streak + 1 : 0;
    if (partner !== this.#latest) {
      this.#other = this.#latest;
      this.#latest = partner;
    }
    return this.#streak < STREAK ? now : now + this.#pollMs;
  }
}
