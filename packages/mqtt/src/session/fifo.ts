/** A first-in, first-out queue whose ends cost the same however long it is. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    // Moving what is left costs as much as what was shifted since the last move.
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Removes and returns all items, oldest first. */
  takeAll(): T[] {
    // Behind the head there are only items.
    const items = this.#items.slice(this.#head) as T[];
    this.#items = [];
    this.#head = 0;
    return items;
  }

  /** The items, oldest first; the queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    // Behind the head there are only items.
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
  }
}
