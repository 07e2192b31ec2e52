import type { StoreKey, TableName } from "@isthmus/exchange";
import { type OpenTables, openTables, readState, type TablesOptions, type TablesState } from "./tables.js";
import { decodeTableEntry } from "./table-record.js";

export interface TableRecord {
  readonly tableKey: Uint8Array;
  readonly key: StoreKey;
  readonly value: Uint8Array;
}

/** What is read at a time. */
const MOST_RECORDS = 1000;
const MOST_BYTES = 1024 * 1024;

/** How long the tables stay mapped into memory after they were last read. */
const IDLE_MS = 1000;

/** Reads what is in the tables. It never writes: another process does (see {@link TablesKeeper}). */
export class TableReader {
  readonly #options: TablesOptions;
  #tables: OpenTables | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TablesOptions) {
    this.#options = options;
  }

  /** @returns undefined when the tables were never used. */
  readState(): TablesState | undefined {
    return readState(this.#open());
  }

  /** @throws DamagedRecordError, or an error of LMDB's. */
  get(table: TableName, tableKey: Uint8Array): Uint8Array | undefined {
    const record = this.#open().tableByName.get(table)?.get(tableKey);
    return record === undefined ? undefined : decodeTableEntry(tableKey, record)[1];
  }

  /** Records in the order of their keys from `start` on and before `end`: some of them, or none when there are none. */
  read(table: TableName, start: Uint8Array, end: Uint8Array | undefined): TableRecord[] {
    const found = this.#open().tableByName.get(table);
    if (found === undefined) return [];
    const records: TableRecord[] = [];
    let size = 0;
    for (const { key: tableKey, value: record } of found.getRange(end === undefined ? { start } : { start, end })) {
      const [key, value] = decodeTableEntry(tableKey, record);
      records.push({ tableKey, key, value });
      size += record.length;
      if (records.length === MOST_RECORDS || size >= MOST_BYTES) break;
    }
    return records;
  }

  count(table: TableName): number {
    return this.#open().tableByName.get(table)?.getCount() ?? 0;
  }

  /** The tables have changed: what is read from now on is new. */
  refresh(): void {
    this.#tables?.root.resetReadTxn();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // There is nothing to wait for where nothing is written.
    void this.#tables?.root.close();
    this.#tables = undefined;
  }

  /** A store is read when the hub starts, and hardly ever after: it need not stay in memory. */
  #open(): OpenTables {
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.close(), IDLE_MS).unref();
    } else this.#timer.refresh();
    this.#tables ??= openTables(this.#options, { readOnly: true });
    return this.#tables;
  }
}
