import { type Instant, NEVER } from "./instant.js";

/** A place in a {@link DeadlineQueue}, to be given back when the item is no longer wanted. */
export interface Scheduled<T> {
  readonly item: T;
  readonly at: Instant;
  isCancelled: boolean;
}

/**
 * Many items with a deadline each, soonest first: a binary heap. For sessions and messages by the thousand, where a
 * {@link TimerTable} would look at each.
 */
export class DeadlineQueue<T> {
  #heap: Scheduled<T>[] = [];
  #cancelledCount = 0;

  /** Items that wait. */
  get size(): number {
    return this.#heap.length - this.#cancelledCount;
  }

  add(item: T, at: Instant): Scheduled<T> {
    const scheduled: Scheduled<T> = { item, at, isCancelled: false };
    this.#heap.push(scheduled);
    this.#siftUp(this.#heap.length - 1);
    return scheduled;
  }

  /** Forgets an item; nothing happens when it was taken or cancelled before. */
  cancel(scheduled: Scheduled<T>): void {
    if (scheduled.isCancelled) return;
    scheduled.isCancelled = true;
    this.#cancelledCount++;
    // Cancelled items leave when they come to the top, or all at once when they are the greater part.
    if (this.#cancelledCount * 2 > this.#heap.length) this.#compact();
  }

  /** When the first item is due, or NEVER. */
  nextDeadline(): Instant {
    this.#dropCancelled();
    return this.#heap[0]?.at ?? NEVER;
  }

  /** Removes and returns the soonest item if it is due at `now`. */
  takeDue(now: Instant): T | undefined {
    this.#dropCancelled();
    const [first] = this.#heap;
    if (first === undefined || first.at > now) return undefined;
    this.#removeFirst();
    // A later cancel must not count what is gone.
    first.isCancelled = true;
    return first.item;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.isCancelled === true) {
      this.#removeFirst();
      this.#cancelledCount--;
    }
  }

  #compact(): void {
    this.#heap = this.#heap.filter(({ isCancelled }) => !isCancelled);
    this.#cancelledCount = 0;
    // A sorted array is a heap.
    this.#heap.sort((a, b) => a.at - b.at);
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #siftUp(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfSooner(index, parent)) return;
      index = parent;
    }
  }

  #siftDown(from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#isSooner(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfSooner(child, index)) return;
      index = child;
    }
  }

  #isSooner(a: number, b: number): boolean {
    const first = this.#heap[a];
    const second = this.#heap[b];
    return first !== undefined && second !== undefined && first.at < second.at;
  }

  #swapIfSooner(a: number, b: number): boolean {
    const first = this.#heap[a];
    const second = this.#heap[b];
    if (first === undefined || second === undefined || first.at >= second.at) return false;
    this.#heap[a] = second;
    this.#heap[b] = first;
    return true;
  }
}
