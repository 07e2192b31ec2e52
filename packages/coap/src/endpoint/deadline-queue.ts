import { type Instant, NEVER } from "@isthmus/machine";

/** Something that is due at some time, as long as it stands in a {@link DeadlineQueue}. */
export abstract class Timed {
  /** For the queue: when it is due. */
  dueAt: Instant = NEVER;
  /** For the queue: its place in the heap, -1 while it is not in one. */
  place = -1;

  /** Called once when due; it is out of the queue by then and may be scheduled anew. */
  abstract handleDue(now: Instant): void;
}

/**
 * All timers of one endpoint, soonest first: a binary heap whose entries know their place, so that cancelling one,
 * the usual end of a retransmission timer, takes no search.
 */
export class DeadlineQueue {
  readonly #heap: Timed[] = [];
  readonly #wake: (deadline: Instant) => void;
  /** The earliest deadline that was told to the driver and has not passed. */
  #announced: Instant = NEVER;

  /** @param wake told whenever the next deadline moves ahead of the one that it was last told. */
  constructor(wake: (deadline: Instant) => void) {
    this.#wake = wake;
  }

  get size(): number {
    return this.#heap.length;
  }

  nextDeadline(): Instant {
    return this.#heap[0]?.dueAt ?? NEVER;
  }

  /** Puts `timed` in, or moves it, to be due at `at`. */
  schedule(timed: Timed, at: Instant): void {
    const place = timed.place;
    const previously = timed.dueAt;
    timed.dueAt = at;
    if (place < 0) {
      this.#heap.push(timed);
      this.#rise(timed, this.#heap.length - 1);
    } else if (at < previously) {
      this.#rise(timed, place);
    } else {
      this.#sink(timed, place);
    }
    if (at < this.#announced) {
      this.#announced = at;
      this.#wake(at);
    }
  }

  /** Takes `timed` out; nothing happens when it is not in. */
  cancel(timed: Timed): void {
    const place = timed.place;
    if (place < 0) return;
    timed.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timed) return;
    if (last.dueAt < timed.dueAt) this.#rise(last, place);
    else this.#sink(last, place);
  }

  /** Handles all that is due at `now`, soonest first. */
  handleTimeout(now: Instant): void {
    this.#announced = NEVER;
    for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
      this.cancel(first);
      first.handleDue(now);
    }
    const next = this.nextDeadline();
    if (next < this.#announced) {
      this.#announced = next;
      this.#wake(next);
    }
  }

  clear(): void {
    for (const timed of this.#heap) timed.place = -1;
    this.#heap.length = 0;
  }

  #rise(timed: Timed, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = this.#at(above);
      if (parent.dueAt <= timed.dueAt) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(timed, place);
  }

  #sink(timed: Timed, from: number): void {
    const size = this.#heap.length;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#at(below + 1).dueAt < this.#at(below).dueAt) below++;
      const child = this.#at(below);
      if (timed.dueAt <= child.dueAt) break;
      this.#put(child, place);
      place = below;
    }
    this.#put(timed, place);
  }

  #put(timed: Timed, place: number): void {
    this.#heap[place] = timed;
    timed.place = place;
  }

  #at(place: number): Timed {
    // Callers stay within the heap.
    return this.#heap[place] as Timed;
  }
}
