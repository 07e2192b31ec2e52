/**
 * Values from writers to one reader: the reader waits for the next, writers for room.
 *
 * @typeParam V what is passed on
 */
export class MessageQueue<V> implements AsyncIterableIterator<V, undefined> {
  readonly #limit: number;
  readonly #values: V[] = [];
  #wakeReader: (() => void) | undefined;
  readonly #waitingWriters: (() => void)[] = [];
  #isEnded = false;
  #error: Error | undefined;

  /** @param limit values that wait before a writer has to. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Values that wait. */
  get size(): number {
    return this.#values.length;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Passes a value on; resolves when there is room for the next. What comes after the end is dropped. */
  async push(value: V): Promise<void> {
    if (this.#isEnded) return;
    this.#values.push(value);
    this.#wakeReader?.();
    while (this.#values.length >= this.#limit && !this.#isEnded) {
      await new Promise<void>((resolve) => this.#waitingWriters.push(resolve));
    }
  }

  /** No more values; the reader gets what is there, then `error` if there is one. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wakeReader?.();
    this.#wakeWriters();
  }

  async next(): Promise<IteratorResult<V, undefined>> {
    while (this.#values.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    if (this.#values.length > 0) {
      // It was just seen that there is one.
      const value = this.#values.shift() as V;
      this.#wakeWriters();
      return { done: false, value };
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  #wakeWriters(): void {
    for (const wake of this.#waitingWriters.splice(0)) wake();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
