import { type Durability, type Store, StoreError, type StoreKey, type TableName } from "@isthmus/exchange";
import { describeFiles } from "./describe-files.js";
import { type Frame, FRAME_HEADER_BYTES, FrameWriter, readWrites, type StoredWrite } from "./frame.js";
import type { Journal } from "./journal.js";
import { mergedRange, type RangeSources } from "./merged-range.js";
import { Overlay, type UncarriedWrites } from "./overlay.js";
import { toStoreError } from "./store-failure.js";
import { encodeKey, tableKeyOf } from "./store-key.js";
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

/** A frame up to this size leaves its memory to another one. */
const MOST_KEPT_BYTES = 4 * 1024 * 1024;

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
  /** The batch that is open, behind those that are committed and wait for their turn. */
  #gathering = new FrameWriter();
  #whenGatheredIsStored = makeStored();
  /** What is being written to the journal. */
  #underWay: FrameWriter | undefined;
  #whenUnderWayIsStored: PromiseWithResolvers<void> | undefined;
  /** Whether what has gathered is written as soon as this turn of the event loop ends. */
  #isWriteDue = false;
  /** The memory of a frame that was written, for the one after the next. */
  #spare: Uint8Array | undefined;
  readonly #uncarried: UncarriedWrites & { generation: number; position: number | undefined };
  #failure: StoreError | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(parts: LmdbStoreParts) {
    this.directory = parts.directory;
    this.format = parts.format;
    this.durability = parts.durability;
    this.#parts = parts;
    this.#uncarried = {
      generation: 0,
      position: undefined,
      readJournal: () => this.#readJournal(),
      readNew: () => this.#readNew(),
    };
    this.#overlay = new Overlay(this.#uncarried);
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
    this.#endBatch();
    if (this.durability === "none") return undefined;
    if (this.#gathering.hasBatch) return this.#whenGatheredIsStored.promise;
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
    this.#gathering.append(table, key, value);
  }

  #endBatch(): void {
    if (!this.#gathering.endBatch() || this.#underWay !== undefined || this.#isWriteDue) return;
    this.#isWriteDue = true;
    // At the end of the event loop's turn: the other sockets that were readable in it have their batches in it.
    setImmediate(() => void this.#writeGathered());
  }

  /** One write to the journal after the other, each with all that has gathered. */
  async #writeGathered(): Promise<void> {
    this.#isWriteDue = false;
    while (this.#gathering.hasBatch && this.#failure === undefined) {
      const stored = this.#whenGatheredIsStored;
      const written = this.#gathering;
      this.#whenUnderWayIsStored = stored;
      this.#underWay = written;
      this.#gathering = new FrameWriter(this.#spare);
      this.#spare = undefined;
      written.moveOpenBatch(this.#gathering);
      this.#whenGatheredIsStored = makeStored();
      try {
        if (this.#journal.sequence === 0) this.#parts.begin();
        this.#forgetReads();
        await this.#journal.append((header) => written.seal(header));
        this.#keepMemory(written.release());
        stored.resolve();
      } catch (error) {
        this.#fail(error);
      }
      this.#underWay = undefined;
      this.#forgetReads();
    }
    this.#whenUnderWayIsStored = undefined;
  }

  /** For the next frame but one, unless this one was out of the ordinary. */
  #keepMemory(memory: Uint8Array): void {
    if (memory.length <= MOST_KEPT_BYTES) this.#spare = memory;
  }

  /** What was read of the writes that are not in the tables is to be read anew. */
  #forgetReads(): void {
    this.#uncarried.generation++;
    this.#uncarried.position = undefined;
  }

  async #bringUpToDate(sequence: number): Promise<void> {
    await this.#parts.carryOver(sequence);
    this.#applied = sequence;
    this.#parts.reader.refresh();
    this.#forgetReads();
    this.#sources.tablesVersion++;
  }

  *#readJournal(): Generator<StoredWrite, void, undefined> {
    if (this.#applied === this.#journal.sequence) return;
    for (const { body } of this.#parts.readJournal(this.#applied, this.#journal.sequence)) yield* readWrites(body);
  }

  *#readNew(): Generator<StoredWrite, void, undefined> {
    const { position } = this.#uncarried;
    this.#uncarried.position = this.#gathering.position;
    if (position === undefined && this.#underWay !== undefined) yield* this.#underWay.writesFrom(FRAME_HEADER_BYTES);
    yield* this.#gathering.writesFrom(position ?? FRAME_HEADER_BYTES);
  }

  /** Nothing is promised any more: what a disk has that fails once is not known. */
  #fail(error: unknown): void {
    this.#failure ??= toStoreError(error, this.directory);
    this.#whenUnderWayIsStored?.reject(this.#failure);
    this.#whenGatheredIsStored.reject(this.#failure);
  }

  async #close(): Promise<void> {
    this.#endBatch();
    this.#isClosed = true;
    try {
      await (this.#gathering.hasBatch ? this.#whenGatheredIsStored : this.#whenUnderWayIsStored)?.promise;
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

/** A promise that nobody need wait for. */
function makeStored(): PromiseWithResolvers<void> {
  const stored = Promise.withResolvers<void>();
  stored.promise.catch(() => {});
  return stored;
}
