import type { StoreKey, TableName } from "@isthmus/exchange";
import type { Overlay } from "./overlay.js";
import { encodeKey, endOfPrefix, tableKeyOf } from "./store-key.js";
import type { TableReader, TableRecord } from "./table-reader.js";

/** Where a range is read from. */
export interface RangeSources {
  readonly overlay: Overlay;
  readonly reader: TableReader;
  /** How often the tables have changed. */
  readonly tablesVersion: number;
  get(table: TableName, key: StoreKey): Uint8Array | undefined;
}

interface WrittenKey {
  readonly tableKey: Uint8Array;
  readonly key: StoreKey;
}

/**
 * The records whose keys begin with `prefix`, in order: those of the tables, and those that were written before it began
 * and are not there yet. What is written meanwhile may be seen or not, but nothing is seen twice.
 */
export function* mergedRange(
  sources: RangeSources,
  table: TableName,
  prefix: StoreKey,
): Generator<readonly [key: StoreKey, value: Uint8Array], void, undefined> {
  const start = tableKeyOf(encodeKey(prefix));
  const stored = new TableCursor(sources, table, start);
  const written = sortedKeys(sources.overlay.keys(table, prefix));
  let at = 0;
  for (;;) {
    const record = stored.peek();
    const writtenKey = written[at];
    if (record === undefined && writtenKey === undefined) return;
    const order = compare(record, writtenKey);
    if (order >= 0) at++;
    // Both have it: what was written last counts, wherever that is by now.
    const next = order > 0 ? writtenKey : record;
    if (next === undefined) return;
    stored.pass(next.tableKey);
    const value = valueOf(sources, table, next);
    if (value !== undefined) yield [next.key, value];
  }
}

/** The records of a table, read some at a time: again when the tables have changed. */
class TableCursor {
  readonly #sources: RangeSources;
  readonly #table: TableName;
  readonly #end: Uint8Array | undefined;
  readonly #prefix: Uint8Array;
  /** The key that was passed last. */
  #passed: Uint8Array | undefined;
  #records: readonly TableRecord[] = [];
  #at = 0;
  #version = -1;

  constructor(sources: RangeSources, table: TableName, prefix: Uint8Array) {
    this.#sources = sources;
    this.#table = table;
    this.#prefix = prefix;
    this.#end = prefix.length === 0 ? undefined : endOfPrefix(prefix);
  }

  /** The first record that was not passed. */
  peek(): TableRecord | undefined {
    const isCurrent = this.#version === this.#sources.tablesVersion;
    if (isCurrent && (this.#at < this.#records.length || this.#records.length === 0)) return this.#records[this.#at];
    const start = this.#passed === undefined ? this.#prefix : Buffer.concat([this.#passed, Uint8Array.of(0)]);
    this.#records = this.#sources.reader.read(this.#table, start, this.#end);
    this.#at = 0;
    this.#version = this.#sources.tablesVersion;
    return this.#records[0];
  }

  /** Goes behind `tableKey`, which is that of the first record or one before it. */
  pass(tableKey: Uint8Array): void {
    const record = this.#records[this.#at];
    if (record !== undefined && Buffer.compare(record.tableKey, tableKey) === 0) this.#at++;
    this.#passed = tableKey;
  }
}

function valueOf(sources: RangeSources, table: TableName, next: TableRecord | WrittenKey): Uint8Array | undefined {
  const write = sources.overlay.get(table, next.key);
  if (write !== undefined) return write.value;
  return "value" in next ? next.value : sources.get(table, next.key);
}

function sortedKeys(keys: Iterable<StoreKey>): WrittenKey[] {
  return Array.from(keys, (key) => ({ key, tableKey: tableKeyOf(encodeKey(key)) })).sort((a, b) =>
    Buffer.compare(a.tableKey, b.tableKey),
  );
}

/** What is missing is behind everything. */
function compare(a: WrittenKey | undefined, b: WrittenKey | undefined): number {
  if (a === undefined) return 1;
  return b === undefined ? -1 : Buffer.compare(a.tableKey, b.tableKey);
}
