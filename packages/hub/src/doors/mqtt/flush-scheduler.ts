/** Something with bytes that wait to be written. */
export interface Flushable {
  flush(): void;
  /** True when what waits tells of something that the store must hold first: an acknowledgement, a QoS 2 step. */
  mustBeStoredFirst: boolean;
}

/**
 * Writes once per connection and turn of the event loop: what the packets of all sockets that were readable in this
 * turn have caused is gathered first.
 *
 * Acknowledged means stored: with a durable store, connections whose output depends on this turn's batch are written
 * when the batch is safe, the others at once. Order within a connection is kept, for later output waits as well.
 */
export class FlushScheduler {
  readonly #commit: () => Promise<void> | undefined;
  readonly #handleStoreFailure: (error: unknown) => void;
  #dirty: Flushable[] = [];
  #isArmed = false;
  #isGathering = false;
  /** For each connection that waits for a batch, the number of the last one. */
  readonly #batchByWaiting = new Map<Flushable, number>();
  #batch = 0;

  /** @param commit ends the turn's batch; undefined when nothing is to be waited for. */
  constructor(commit: () => Promise<void> | undefined, handleStoreFailure: (error: unknown) => void) {
    this.#commit = commit;
    this.#handleStoreFailure = handleStoreFailure;
  }

  /** `connection` has something to write. Called once until its next flush. */
  schedule(connection: Flushable): void {
    this.#dirty.push(connection);
    this.arm();
  }

  /** Something was written to the store, or to a connection: there is a flush at the end of this turn. */
  arm(): void {
    if (this.#isGathering || this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.flush());
  }

  /** A {@link flush} is sure to follow in this turn of the event loop: nothing need be armed for it. */
  beginGathering(): void {
    this.#isGathering = true;
  }

  /** Writes what waits. */
  flush(): void {
    this.#isGathering = false;
    this.#isArmed = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    const stored = this.#commit();
    if (stored === undefined && this.#batchByWaiting.size === 0) {
      for (const connection of dirty) connection.flush();
      return;
    }
    this.#flushInOrder(dirty, stored);
  }

  #flushInOrder(dirty: readonly Flushable[], stored: Promise<void> | undefined): void {
    const batch = stored === undefined ? this.#batch : ++this.#batch;
    for (const connection of dirty) {
      const isHeldBack = connection.mustBeStoredFirst && stored !== undefined;
      if (isHeldBack || this.#batchByWaiting.has(connection)) this.#batchByWaiting.set(connection, batch);
      else connection.flush();
    }
    stored?.then(
      () => this.#handleStored(batch),
      (error: unknown) => this.#handleStoreFailure(error),
    );
  }

  #handleStored(batch: number): void {
    for (const [connection, waitsFor] of this.#batchByWaiting) {
      if (waitsFor > batch) continue;
      this.#batchByWaiting.delete(connection);
      connection.flush();
    }
  }
}
