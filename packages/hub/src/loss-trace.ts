/** Messages on one topic that were lost for one reason, one after the other. */
export interface Loss {
  readonly topic: string;
  /** As metrics name it. */
  readonly reason: string;
  /** Who published them, if that matters. */
  readonly publisher: string | undefined;
  /** The first and the last of them, in milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
  readonly count: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What was lost lately, for those who ask why. It is of fixed size: the newest replaces the oldest. */
export class LossTrace {
  readonly #capacity: number;
  readonly #ring: Mutable<Loss>[] = [];
  #next = 0;
  #latest: Mutable<Loss> | undefined;

  /** @param capacity losses that are remembered; those alike that follow on each other count as one. */
  constructor(capacity = 32) {
    this.#capacity = capacity;
  }

  /** @param now milliseconds since 1970 */
  add(topic: string, reason: string, now: number, count = 1, publisher?: string): void {
    const latest = this.#latest;
    if (latest?.topic === topic && latest.reason === reason && latest.publisher === publisher) {
      latest.until = now;
      latest.count += count;
      return;
    }
    const loss = { topic, reason, publisher, since: now, until: now, count };
    this.#latest = loss;
    this.#ring[this.#next] = loss;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** From the newest to the oldest, of one topic or of all. */
  losses(topic?: string): Loss[] {
    const ordered = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].toReversed();
    return topic === undefined ? ordered : ordered.filter((loss) => loss.topic === topic);
  }
}
