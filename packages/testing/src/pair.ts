import type { Instant, Machine } from "@isthmus/machine";
import { type LinkOptions, SimLink } from "./sim-link.js";
import { VirtualClock } from "./virtual-clock.js";

/** One side of a {@link Pair}: a machine, and what it wants sent since it was last asked. */
export interface Endpoint<T> extends Machine {
  receive(now: Instant, item: T): void;
  /** Removes and returns what is to be sent, in order. */
  takeTransmits(): T[];
}

export interface PairOptions {
  /** Both directions are made alike; the second one is seeded with `seed + 1`. */
  readonly link: LinkOptions;
  /** Steps after which {@link Pair.run} gives up, so that two machines which never rest fail the test. */
  readonly maxSteps?: number;
}

/** Drives two machines over a simulated link on a virtual clock until both rest. */
export class Pair<T> {
  readonly clock = new VirtualClock();
  readonly left: Endpoint<T>;
  readonly right: Endpoint<T>;
  readonly toRight: SimLink<T>;
  readonly toLeft: SimLink<T>;
  readonly #maxSteps: number;
  readonly #seed: number;

  constructor(left: Endpoint<T>, right: Endpoint<T>, options: PairOptions) {
    this.left = left;
    this.right = right;
    this.toRight = new SimLink(options.link);
    this.toLeft = new SimLink({ ...options.link, seed: options.link.seed + 1 });
    this.#seed = options.link.seed;
    this.#maxSteps = options.maxSteps ?? 1_000_000;
  }

  get now(): Instant {
    return this.clock.now;
  }

  /**
   * Runs until nothing is under way and no deadline lies at or before `until`, then stands at `until` if it is finite.
   *
   * @throws Error with the seed when the machines do not come to rest.
   */
  run(until: Instant = Number.POSITIVE_INFINITY): void {
    for (let step = 0; step < this.#maxSteps; step++) {
      this.#flush();
      const next = Math.min(
        this.left.nextDeadline(),
        this.right.nextDeadline(),
        this.toLeft.nextDeadline(),
        this.toRight.nextDeadline(),
      );
      if (next > until || next === Number.POSITIVE_INFINITY) {
        if (Number.isFinite(until) && until > this.now) this.clock.advanceTo(until);
        return;
      }
      this.clock.advanceTo(Math.max(next, this.now));
      this.#step();
    }
    throw new Error(`the pair does not come to rest in ${this.#maxSteps} steps (seed ${this.#seed})`);
  }

  /** Runs what happens in the next `milliseconds`. */
  runFor(milliseconds: number): void {
    this.run(this.now + milliseconds);
  }

  #flush(): void {
    for (const item of this.left.takeTransmits()) this.toRight.send(this.now, item);
    for (const item of this.right.takeTransmits()) this.toLeft.send(this.now, item);
  }

  #step(): void {
    for (const item of this.toRight.takeArrived(this.now)) this.right.receive(this.now, item);
    for (const item of this.toLeft.takeArrived(this.now)) this.left.receive(this.now, item);
    if (this.left.nextDeadline() <= this.now) this.left.handleTimeout(this.now);
    if (this.right.nextDeadline() <= this.now) this.right.handleTimeout(this.now);
  }
}
