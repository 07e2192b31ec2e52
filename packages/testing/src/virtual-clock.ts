import type { Instant } from "@isthmus/machine";

/** A clock that moves only when told to: time in tests costs nothing and is the same in each run. */
export class VirtualClock {
  #now: Instant;

  constructor(start: Instant = 0) {
    this.#now = start;
  }

  get now(): Instant {
    return this.#now;
  }

  /** @throws RangeError when `instant` lies in the past. */
  advanceTo(instant: Instant): void {
    if (instant < this.#now) throw new RangeError(`${instant} lies before ${this.#now}`);
    this.#now = instant;
  }

  advanceBy(milliseconds: number): void {
    this.advanceTo(this.#now + milliseconds);
  }
}
