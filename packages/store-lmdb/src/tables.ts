import { TABLES, type TableName } from "@isthmus/exchange";
import { type Database, open, type RootDatabase } from "lmdb";
import { tablesPath } from "./paths.js";
import { encodeKey } from "./store-key.js";
import { decodeTableEntry, encodeTableEntry } from "./table-record.js";

/** What the tables say of themselves. */
export interface TablesState {
  /** Of the files, see {@link FORMAT}. */
  readonly format: number;
  /** That of the journal's frames that belong to these tables. */
  readonly epoch: string;
  /** The sequence of the last frame of the epoch that is in the tables. */
  readonly applied: number;
}

export interface TablesOptions {
  readonly directory: string;
  /** Address space to begin with, in bytes; LMDB takes more when the tables need it. */
  readonly mapSizeBytes: number;
}

export type Table = Database<Buffer, Uint8Array>;

/** An LMDB environment and our tables in it. */
export interface OpenTables {
  readonly root: RootDatabase<Buffer, Uint8Array>;
  /** Those that there are: one that is read only may lack some. */
  readonly tableByName: ReadonlyMap<TableName, Table>;
  readonly meta: Table;
}

const BYTES = { encoding: "binary", keyEncoding: "binary", compression: false } as const;
const STATE_KEY = encodeKey(["state"]);

/** @throws Error of LMDB's or the system's, with its `code`. */
export function openTables(
  { directory, mapSizeBytes }: TablesOptions,
  mode: { readonly readOnly: boolean },
): OpenTables {
  const root: RootDatabase<Buffer, Uint8Array> = open({
    ...BYTES,
    ...mode,
    path: tablesPath(directory),
    mapSize: mapSizeBytes,
    maxDbs: 32,
    // A commit is on the disk when it returns.
    overlappingSync: false,
  });
  const tableByName = new Map<TableName, Table>();
  for (const name of TABLES) {
    // Undefined when it is not there and may not be made, which the types do not say.
    const table: Table | undefined = root.openDB(name, BYTES);
    if (table !== undefined) tableByName.set(name, table);
  }
  return { root, tableByName, meta: root.openDB("meta", BYTES) };
}

/** @returns undefined when the tables were never used. @throws DamagedRecordError */
export function readState({ meta }: OpenTables): TablesState | undefined {
  const record = meta.get(STATE_KEY);
  if (record === undefined) return undefined;
  const [, value] = decodeTableEntry(STATE_KEY, record);
  // Written by writeState alone, which the checksum vouches for.
  return JSON.parse(Buffer.from(value).toString()) as TablesState;
}

/** Within a transaction. */
export function writeState({ meta }: OpenTables, state: TablesState): void {
  const { tableKey, record } = encodeTableEntry(STATE_KEY, Buffer.from(JSON.stringify(state)));
  meta.putSync(tableKey, toBuffer(record));
}

/** The same bytes as LMDB's types want them. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
