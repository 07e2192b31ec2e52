import { type StoreKey, TABLES, type TableName } from "@isthmus/exchange";
import type { Write } from "./frame.js";

type MapKey = string | number;
type WritesByTable<W extends Write> = ReadonlyMap<TableName, Map<MapKey, W>>;

/** A write, and the batch that it is of. */
export interface BatchWrite extends Write {
  readonly batch: number;
  value: Uint8Array | undefined;
  /** The write of the same record that came after it. */
  next: BatchWrite | undefined;
}

/**
 * What was written and is not in the tables yet, so that reads see it: of each record the last write.
 *
 * What the journal has is not kept in memory as well. It is read back when somebody asks for a record, which a hub does
 * only while it starts.
 */
export class Overlay {
  readonly #readJournal: () => Iterable<Write>;
  readonly #unwritten: WritesByTable<BatchWrite> = emptyMaps();
  /** What was read back; undefined when the journal has changed since. */
  #journaled: WritesByTable<Write> | undefined;

  /** @param readJournal what the journal has and the tables have not, oldest first. */
  constructor(readJournal: () => Iterable<Write>) {
    this.#readJournal = readJournal;
  }

  /**
   * Notes a write.
   *
   * @returns undefined when it has gone into an earlier write of the same batch.
   */
  set(table: TableName, key: StoreKey, value: Uint8Array | undefined, batch: number): BatchWrite | undefined {
    const writes = mapOf(this.#unwritten, table);
    const mapKey = mapKeyOf(key);
    const before = writes.get(mapKey);
    if (before?.batch === batch) {
      before.value = value;
      return undefined;
    }
    const write = { table, key, value, batch, next: undefined };
    if (before !== undefined) before.next = write;
    writes.set(mapKey, write);
    return write;
  }

  /** The journal has these writes now. */
  handleWritten(written: Iterable<BatchWrite>): void {
    for (const write of written) {
      if (write.next === undefined) mapOf(this.#unwritten, write.table).delete(mapKeyOf(write.key));
    }
    this.#journaled = undefined;
  }

  /** The tables have what the journal had up to some frame. */
  handleCarriedOver(): void {
    this.#journaled = undefined;
  }

  /** The last write of a record that the tables may not have yet. */
  get(table: TableName, key: StoreKey): Write | undefined {
    const mapKey = mapKeyOf(key);
    return mapOf(this.#unwritten, table).get(mapKey) ?? mapOf(this.#read(), table).get(mapKey);
  }

  /** The keys of `table` that begin with `prefix`, in no order; those of removed records as well. */
  *keys(table: TableName, prefix: StoreKey): Generator<StoreKey, void, undefined> {
    const unwritten = mapOf(this.#unwritten, table);
    for (const [mapKey, { key }] of mapOf(this.#read(), table)) {
      if (beginsWith(key, prefix) && !unwritten.has(mapKey)) yield key;
    }
    for (const { key } of unwritten.values()) if (beginsWith(key, prefix)) yield key;
  }

  #read(): WritesByTable<Write> {
    if (this.#journaled !== undefined) return this.#journaled;
    const journaled = emptyMaps<Write>();
    for (const write of this.#readJournal()) mapOf(journaled, write.table).set(mapKeyOf(write.key), write);
    this.#journaled = journaled;
    return journaled;
  }
}

function emptyMaps<W extends Write>(): WritesByTable<W> {
  return new Map(TABLES.map((table) => [table, new Map()]));
}

/** @throws RangeError when there is no such table. */
function mapOf<W extends Write>(writesByTable: WritesByTable<W>, table: TableName): Map<MapKey, W> {
  const writes = writesByTable.get(table);
  if (writes === undefined) throw new RangeError(`"${table}" is not a table`);
  return writes;
}

/** Texts hold no U+0000, and keys of one table have one shape. */
function mapKeyOf(key: StoreKey): MapKey {
  const [first = "", second] = key;
  if (second === undefined) return first;
  return key.length === 2 ? `${first}\0${second}` : key.join("\0");
}

function beginsWith(key: StoreKey, prefix: StoreKey): boolean {
  return prefix.every((part, i) => key[i] === part);
}
