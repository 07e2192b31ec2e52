import { type Durability, type Store, StoreError, type StoreKey, type TableName } from "@isthmus/exchange";
import { describeFiles } from "./describe-files.js";
import { type Frame, readWrites, type Write } from "./frame.js";
import type { Journal } from "./journal.js";
import { mergedRange, type RangeSources } from "./merged-range.js";
import { type BatchWrite, Overlay } from "./overlay.js";
import { toStoreError } from "./store-failure.js";
import { decodeKey, encodeKey, tableKeyOf } from "./store-key.js";
import { tableOfNumber } from "./table-numbers.js";
import type { TableReader } from "./table-reader.js";

/** What an {@link LmdbStore} works with. */
export interface LmdbStoreParts {
  readonly directory: string;
  readonly format: number;
  readonly durability: Durability;
  readonly reader: TableReader;
  readonly makeJournal: (owner: JournalOwner) => Journal;
  /** Carries over into the tables what the journal has, up to `sequence` or to its end, when a new epoch begins. */
  readonly carryOver: (sequence?: number) => Promise<unknown>;
  /** The frames behind `applied` up to `sequence`. */
  readonly readJournal: (applied: number, sequence: number) => readonly Frame[];
  /** Called before the first write. */
  readonly begin: () => void;
  /** Called when all is in the tables. */
  readonly end: () => void;
  /** Releases what is held. */
  readonly release: () => void;
}

/** What a journal asks of the store. */
export interface JournalOwner {
  readonly bringUpToDate: (sequence: number) => Promise<void>;
  readonly handleFailure: (error: unknown) => void;
}

/**
 * A {@link Store} in a directory: tables in LMDB, and a journal before them.
 *
 * A commit is done when the journal has it. While one write to the journal is under way, the batches that are committed
 * gather, and the next write takes them all. Of each record the journal's last write goes into the tables later. Made by
 * {@link openLmdbStore}.
 */
export class LmdbStore implements Store {
  readonly directory: string;
  /** Number of the form that its files have. */
  readonly format: number;
  readonly durability: Durability;
  readonly #parts: LmdbStoreParts;
  readonly #journal: Journal;
  readonly #overlay: Overlay;
  readonly #sources: RangeSources & { tablesVersion: number };
  /** The sequence up to which the tables have what the journal had. */
  #applied = 0;
  /** The number of the batch that is open. */
  #batch = 1;
  #openBatch: BatchWrite[] = [];
  /** The batches that are committed and wait for their turn. */
  #waiting: BatchWrite[] = [];
  #whenWaitingIsStored = makeStored();
  /** What is being written to the journal. */
  #underWay: BatchWrite[] = [];
  #whenUnderWayIsStored: PromiseWithResolvers<void> | undefined;
  #failure: StoreError | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(parts: LmdbStoreParts) {
    this.directory = parts.directory;
    this.format = parts.format;
    this.durability = parts.durability;
    this.#parts = parts;
    this.#overlay = new Overlay(() => this.#readJournal());
    this.#sources = {
      overlay: this.#overlay,
      reader: parts.reader,
      tablesVersion: 0,
      get: (table, key) => this.get(table, key),
    };
    this.#journal = parts.makeJournal({
      bringUpToDate: (sequence) => this.#bringUpToDate(sequence),
      handleFailure: (error) => this.#fail(error),
    });
  }

  get(table: TableName, key: StoreKey): Uint8Array | undefined {
    this.#assertOpen();
    try {
      const write = this.#overlay.get(table, key);
      return write === undefined ? this.#parts.reader.get(table, tableKeyOf(encodeKey(key))) : write.value;
    } catch (error) {
      throw toStoreError(error, this.directory);
    }
  }

  put(table: TableName, key: StoreKey, value: Uint8Array): void {
    this.#write(table, key, value);
  }

  delete(table: TableName, key: StoreKey): void {
    this.#write(table, key, undefined);
  }

  *range(table: TableName, prefix: StoreKey): Generator<readonly [StoreKey, Uint8Array], void, undefined> {
    this.#assertOpen();
    try {
      yield* mergedRange(this.#sources, table, prefix);
    } catch (error) {
      throw toStoreError(error, this.directory);
    }
  }

  commit(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#openBatch.length > 0) this.#endBatch();
    if (this.durability === "none") return undefined;
    if (this.#waiting.length > 0) return this.#whenWaitingIsStored.promise;
    return this.#whenUnderWayIsStored?.promise;
  }

  /** What its files take on the disk, in bytes, and how safe the hub that wrote last kept what it acknowledged. */
  describe(): { readonly sizeBytes: number; readonly lastDurability: Durability | undefined } {
    return describeFiles(this.directory);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #write(table: TableName, key: StoreKey, value: Uint8Array | undefined): void {
    this.#assertOpen();
    const write = this.#overlay.set(table, key, value, this.#batch);
    if (write !== undefined) this.#openBatch.push(write);
  }

  #endBatch(): void {
    if (this.#waiting.length === 0) this.#waiting = this.#openBatch;
    else for (const write of this.#openBatch) this.#waiting.push(write);
    this.#openBatch = [];
    this.#batch++;
    if (this.#whenUnderWayIsStored === undefined) void this.#writeWaiting();
  }

  /** One write to the journal after the other, each with all that has gathered. */
  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      const stored = this.#whenWaitingIsStored;
      this.#whenUnderWayIsStored = stored;
      this.#underWay = lastWrites(this.#waiting, this.#batch);
      this.#waiting = [];
      this.#whenWaitingIsStored = makeStored();
      try {
        if (this.#journal.sequence === 0) this.#parts.begin();
        await this.#journal.append(this.#underWay);
        this.#overlay.handleWritten(this.#underWay);
        stored.resolve();
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#underWay = [];
    this.#whenUnderWayIsStored = undefined;
  }

  async #bringUpToDate(sequence: number): Promise<void> {
    await this.#parts.carryOver(sequence);
    this.#applied = sequence;
    this.#parts.reader.refresh();
    this.#overlay.handleCarriedOver();
    this.#sources.tablesVersion++;
  }

  *#readJournal(): Generator<Write, void, undefined> {
    if (this.#applied === this.#journal.sequence) return;
    for (const { body } of this.#parts.readJournal(this.#applied, this.#journal.sequence)) {
      for (const { tableNumber, keyBytes, value } of readWrites(body)) {
        const table = tableOfNumber(tableNumber);
        if (table !== undefined) yield { table, key: decodeKey(keyBytes), value };
      }
    }
  }

  /** Nothing is promised any more: what a disk has that fails once is not known. */
  #fail(error: unknown): void {
    this.#failure ??= toStoreError(error, this.directory);
    this.#whenUnderWayIsStored?.reject(this.#failure);
    this.#whenWaitingIsStored.reject(this.#failure);
  }

  async #close(): Promise<void> {
    if (this.#openBatch.length > 0) this.#endBatch();
    this.#isClosed = true;
    try {
      await (this.#waiting.length > 0 ? this.#whenWaitingIsStored : this.#whenUnderWayIsStored)?.promise;
      await this.#journal.close();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#journal.sequence > 0) await this.#parts.carryOver();
      this.#parts.end();
    } catch (error) {
      throw toStoreError(error, this.directory);
    } finally {
      this.#parts.release();
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreError("the store is closed");
  }
}

/** The writes but those that a later one of them replaces; `openBatch` is none of theirs. */
function lastWrites(writes: readonly BatchWrite[], openBatch: number): BatchWrite[] {
  return writes.filter(({ next }) => next === undefined || next.batch >= openBatch);
}

/** A promise that nobody need wait for. */
function makeStored(): PromiseWithResolvers<void> {
  const stored = Promise.withResolvers<void>();
  stored.promise.catch(() => {});
  return stored;
}
