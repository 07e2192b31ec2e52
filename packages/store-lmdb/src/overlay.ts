import { type StoreKey, TABLES, type TableName } from "@isthmus/exchange";
import type { StoredWrite, Write } from "./frame.js";
import { decodeKey } from "./store-key.js";
import { tableOfNumber } from "./table-numbers.js";

type MapKey = string | number;
type WritesByTable = ReadonlyMap<TableName, Map<MapKey, Write>>;

/** Where what is not in the tables yet can be read. */
export interface UncarriedWrites {
  /** Changes whenever something that was told before is told no longer, or elsewhere. */
  readonly generation: number;
  /** What the journal has and the tables have not, oldest first. */
  readJournal(): Iterable<StoredWrite>;
  /** What the journal has not: what came since the last call in this generation, oldest first. */
  readNew(): Iterable<StoredWrite>;
}

/**
 * What was written and is not in the tables yet, so that reads see it: of each record the last write.
 *
 * Nothing of it is kept while nobody reads, which a hub does only while it starts: a write is its bytes on their way to
 * the journal, and is read back from there.
 */
export class Overlay {
  readonly #source: UncarriedWrites;
  #writes = emptyMaps();
  #generation = -1;

  constructor(source: UncarriedWrites) {
    this.#source = source;
  }

  /** The last write of a record that the tables may not have yet. */
  get(table: TableName, key: StoreKey): Write | undefined {
    return mapOf(this.#read(), table).get(mapKeyOf(key));
  }

  /** The keys of `table` that begin with `prefix`, in no order; those of removed records as well. */
  *keys(table: TableName, prefix: StoreKey): Generator<StoreKey, void, undefined> {
    for (const { key } of mapOf(this.#read(), table).values()) if (beginsWith(key, prefix)) yield key;
  }

  #read(): WritesByTable {
    if (this.#generation !== this.#source.generation) {
      this.#generation = this.#source.generation;
      this.#writes = emptyMaps();
      this.#add(this.#source.readJournal());
    }
    this.#add(this.#source.readNew());
    return this.#writes;
  }

  #add(writes: Iterable<StoredWrite>): void {
    for (const { tableNumber, keyBytes, value } of writes) {
      const table = tableOfNumber(tableNumber);
      if (table === undefined) continue;
      const key = decodeKey(keyBytes);
      mapOf(this.#writes, table).set(mapKeyOf(key), { table, key, value: value?.slice() });
    }
  }
}

function emptyMaps(): WritesByTable {
  return new Map(TABLES.map((table) => [table, new Map()]));
}

/** @throws RangeError when there is no such table. */
function mapOf(writesByTable: WritesByTable, table: TableName): Map<MapKey, Write> {
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
