import { type Instant, NEVER, SeededRandom } from "@isthmus/machine";

/** What a {@link SimLink} does to what is sent over it. Probabilities go from 0 to 1. */
export interface LinkOptions {
  /** Seed of all its decisions. */
  readonly seed: number;
  /** Least time under way, in milliseconds. Default 1. */
  readonly minLatencyMs?: number;
  /** Most time under way, in milliseconds. Default: the least. A spread reorders unless `isOrdered`. */
  readonly maxLatencyMs?: number;
  /** Probability that an item never arrives. Default 0. */
  readonly loss?: number;
  /** Probability that an item arrives twice. Default 0. */
  readonly duplication?: number;
  /** True keeps the order of sending, as a stream does. Default false. */
  readonly isOrdered?: boolean;
}

interface InFlight<T> {
  readonly item: T;
  readonly arrivesAt: Instant;
  readonly order: number;
}

/** One direction of a simulated link: loses, doubles, delays and reorders what is sent, the same way for a seed. */
export class SimLink<T> {
  readonly #options: Required<LinkOptions>;
  readonly #random: SeededRandom;
  #inFlight: InFlight<T>[] = [];
  #sentCount = 0;
  #lostCount = 0;
  #lastArrivesAt: Instant = 0;

  constructor(options: LinkOptions) {
    const minLatencyMs = options.minLatencyMs ?? 1;
    this.#options = {
      seed: options.seed,
      minLatencyMs,
      maxLatencyMs: options.maxLatencyMs ?? minLatencyMs,
      loss: options.loss ?? 0,
      duplication: options.duplication ?? 0,
      isOrdered: options.isOrdered ?? false,
    };
    this.#random = new SeededRandom(options.seed);
  }

  /** Items handed to {@link send}. */
  get sentCount(): number {
    return this.#sentCount;
  }

  /** Items that were lost. */
  get lostCount(): number {
    return this.#lostCount;
  }

  send(now: Instant, item: T): void {
    this.#sentCount++;
    if (this.#random.chance(this.#options.loss)) {
      this.#lostCount++;
      return;
    }
    this.#schedule(now, item);
    if (this.#random.chance(this.#options.duplication)) this.#schedule(now, item);
  }

  /** When the next item arrives, or NEVER. */
  nextDeadline(): Instant {
    let next = NEVER;
    for (const { arrivesAt } of this.#inFlight) if (arrivesAt < next) next = arrivesAt;
    return next;
  }

  /** Removes and returns what has arrived by `now`, in order of arrival. */
  takeArrived(now: Instant): T[] {
    const arrived = this.#inFlight.filter(({ arrivesAt }) => arrivesAt <= now);
    if (arrived.length === 0) return [];
    this.#inFlight = this.#inFlight.filter(({ arrivesAt }) => arrivesAt > now);
    arrived.sort((a, b) => a.arrivesAt - b.arrivesAt || a.order - b.order);
    return arrived.map(({ item }) => item);
  }

  /** Loses all that is under way: the connection broke. */
  clear(): void {
    this.#lostCount += this.#inFlight.length;
    this.#inFlight = [];
  }

  #schedule(now: Instant, item: T): void {
    const { minLatencyMs, maxLatencyMs, isOrdered } = this.#options;
    let arrivesAt = now + minLatencyMs + this.#random.nextFloat() * (maxLatencyMs - minLatencyMs);
    if (isOrdered) arrivesAt = Math.max(arrivesAt, this.#lastArrivesAt);
    this.#lastArrivesAt = arrivesAt;
    this.#inFlight.push({ item, arrivesAt, order: this.#sentCount });
  }
}
