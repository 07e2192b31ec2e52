/** Something with bytes that wait to be written. */
export interface Flushable {
  /** Writes what waits. */
  flush(): void;
  /** Keeps what waits apart until {@link release}; what comes after it is scheduled anew. */
  setAside(): void;
  /** Writes what was set aside first. */
  release(): void;
  /** Whether something is set aside, so that later output waits behind it. */
  readonly hasSetAside: boolean;
  /** True when what waits tells of something that the store must hold first: an acknowledgement, a QoS 2 step. */
  mustBeStoredFirst: boolean;
}

/**
 * Writes once per connection and turn of the event loop: what the packets of all sockets that were readable in this
 * turn have caused is gathered first.
 *
 * Acknowledged means stored: with a durable store, output that tells of something stored is set aside and written when
 * the youngest batch is safe, the other at once. Order within a connection is kept: what comes later waits as well.
 */
export class FlushScheduler {
  readonly #commit: () => Promise<void> | undefined;
  readonly #preparations: (() => void)[] = [];
  readonly #handleStoreFailure: (error: unknown) => void;
  #dirty: Flushable[] = [];
  #isArmed = false;
  #isGathering = false;
  /** The connections that set something aside for the youngest batch, once for each time. */
  #latestBatch: Flushable[] = [];
  /** Settles with the batch of this turn; made when somebody waits for it. */
  #whenStored: PromiseWithResolvers<void> | undefined;
  /** Batches on their way to the disk. */
  #pendingCount = 0;

  /** @param commit ends the turn's batch; undefined when nothing is to be waited for. */
  constructor(commit: () => Promise<void> | undefined, handleStoreFailure: (error: unknown) => void) {
    this.#commit = commit;
    this.#handleStoreFailure = handleStoreFailure;
  }

  /** Calls `prepare` before each batch ends: what it writes to the store is part of the batch. */
  beforeCommit(prepare: () => void): void {
    this.#preparations.push(prepare);
  }

  /**
   * For who answers in its own time, as a request over HTTP: acknowledged means stored.
   *
   * @returns a promise that resolves once what was written so far is as safe as the store makes it, and rejects with the
   *   StoreError when it cannot be. All who ask in one turn wait for the same.
   */
  whenStored(): Promise<void> {
    this.#whenStored ??= Promise.withResolvers();
    this.arm();
    return this.#whenStored.promise;
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
    for (const prepare of this.#preparations) prepare();
    const stored = this.#commit();
    if (stored !== undefined) this.#beginBatch(stored);
    this.#settle(stored);
    for (const connection of dirty) {
      // What it tells of may be in an earlier batch: a message that came again, a session that was taken up.
      const mustWait = this.#pendingCount > 0 && connection.mustBeStoredFirst;
      if (mustWait || connection.hasSetAside) this.#setAside(connection);
      else connection.flush();
    }
  }

  /** A batch is on its way to the disk: what is set aside from now on waits for it. */
  #beginBatch(stored: Promise<void>): void {
    const batch: Flushable[] = [];
    this.#latestBatch = batch;
    this.#pendingCount++;
    stored.then(
      () => this.#handleStored(batch),
      (error: unknown) => this.#handleStoreFailure(error),
    );
  }

  #settle(stored: Promise<void> | undefined): void {
    const waiting = this.#whenStored;
    if (waiting === undefined) return;
    this.#whenStored = undefined;
    if (stored === undefined) waiting.resolve();
    else stored.then(waiting.resolve, waiting.reject);
  }

  #setAside(connection: Flushable): void {
    connection.setAside();
    this.#latestBatch.push(connection);
  }

  #handleStored(batch: readonly Flushable[]): void {
    this.#pendingCount--;
    for (const connection of batch) connection.release();
  }
}
