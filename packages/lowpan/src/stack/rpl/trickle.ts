import { type Instant, type Machine, NEVER, type RandomSource } from "@isthmus/machine";

/** The parameters of a {@link TrickleTimer} (RFC 6206 4.1). */
export interface TrickleOptions {
  /** Imin: the shortest interval, in milliseconds. */
  readonly minIntervalMs: number;
  /** Imax: times that the interval may double. */
  readonly doublings: number;
  /** k: consistent messages heard that make one's own superfluous; 0 never does. */
  readonly redundancy: number;
}

/** Trickle (RFC 6206): speaks often when neighbours disagree, ever more rarely when they agree. */
export class TrickleTimer implements Machine {
  readonly #random: RandomSource;
  readonly #options: TrickleOptions;
  #intervalMs: number;
  #intervalEndsAt: Instant = NEVER;
  #speaksAt: Instant = NEVER;
  #heardCount = 0;
  #isDue = false;

  constructor(random: RandomSource, options: TrickleOptions) {
    this.#random = random;
    this.#options = options;
    this.#intervalMs = options.minIntervalMs;
  }

  /** The present interval, in milliseconds. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Begins anew with the shortest interval: on start, and when something is inconsistent (RFC 6206 4.2, rule 6). */
  reset(now: Instant): void {
    const isShortest = this.#intervalEndsAt !== NEVER && this.#intervalMs === this.#options.minIntervalMs;
    if (isShortest) return;
    this.#begin(now, this.#options.minIntervalMs);
  }

  stop(): void {
    this.#intervalEndsAt = NEVER;
    this.#speaksAt = NEVER;
    this.#isDue = false;
  }

  /** Counts a neighbour's message that says what we would (rule 3). */
  handleConsistent(): void {
    this.#heardCount++;
  }

  nextDeadline(): Instant {
    return Math.min(this.#speaksAt, this.#intervalEndsAt);
  }

  handleTimeout(now: Instant): void {
    if (this.#speaksAt <= now) {
      this.#speaksAt = NEVER;
      const { redundancy } = this.#options;
      if (redundancy === 0 || this.#heardCount < redundancy) this.#isDue = true;
    }
    if (this.#intervalEndsAt > now) return;
    const longest = this.#options.minIntervalMs * 2 ** this.#options.doublings;
    this.#begin(now, Math.min(this.#intervalMs * 2, longest));
  }

  /** Whether a message is to be sent now; asked once per {@link handleTimeout}. */
  takeDue(): boolean {
    const isDue = this.#isDue;
    this.#isDue = false;
    return isDue;
  }

  #begin(now: Instant, intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#heardCount = 0;
    this.#intervalEndsAt = now + intervalMs;
    // Somewhere in the second half, so that everyone has time to hear the others (rule 2).
    this.#speaksAt = now + intervalMs / 2 + ((this.#random.nextUint32() / 0x1_0000_0000) * intervalMs) / 2;
  }
}
