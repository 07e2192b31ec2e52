/** What the pacer needs of the browser. */
export interface FrameClock {
  /** Calls back before the next picture is painted, with the time in milliseconds. */
  requestFrame(callback: (now: number) => void): void;
}

/**
 * Has changes shown once per animation frame at the most, and no more often than every `intervalMs`: a thousand
 * messages are one change, and eyes do not follow more.
 */
export class Pacer {
  readonly #clock: FrameClock;
  readonly #intervalMs: number;
  readonly #show: (now: number) => void;
  #isAsked = false;
  #shownAt = -Infinity;

  constructor(clock: FrameClock, intervalMs: number, show: (now: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#show = show;
  }

  /** Something has changed. */
  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#await();
  }

  #await(): void {
    this.#clock.requestFrame((now) => {
      if (now - this.#shownAt < this.#intervalMs) {
        this.#await();
        return;
      }
      this.#isAsked = false;
      this.#shownAt = now;
      this.#show(now);
    });
  }
}
