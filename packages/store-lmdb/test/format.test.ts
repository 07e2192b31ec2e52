import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { FORMAT, NewerFormatError, upgrade } from "../src/format.js";
import { type LmdbStore, openLmdbStore } from "../src/index.js";
import { encodeKey } from "../src/store-key.js";
import { decodeTableEntry, encodeTableEntry } from "../src/table-record.js";
import { TableWriter } from "../src/table-writer.js";
import { type OpenTables, openTables, readState, toBuffer, writeState } from "../src/tables.js";
import { batchesUpTo, storedBatches } from "./batches.js";
import { Directories } from "./directories.js";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));
const MAP_SIZE_BYTES = 16 * 1024 * 1024;

const directories = new Directories();
const opened: OpenTables[] = [];
afterEach(async () => {
  for (const tables of opened.splice(0)) await tables.root.close();
});
afterAll(() => directories.remove());

/** The fixture of a format, to be worked on. */
function copyOf(fixture: string): string {
  return directories.crash(path.join(FIXTURES, fixture));
}

async function tablesOf(directory: string): Promise<OpenTables> {
  const writer = new TableWriter({ directory, mapSizeBytes: MAP_SIZE_BYTES });
  writer.prepare();
  await writer.close();
  const tables = openTables({ directory, mapSizeBytes: MAP_SIZE_BYTES }, { readOnly: false });
  opened.push(tables);
  return tables;
}

function textOf(store: LmdbStore, key: readonly (string | number)[]): string {
  return Buffer.from(store.get("wills", key) ?? []).toString();
}

describe("files of each format that there was", () => {
  test("there is a fixture of each", () => {
    const names = Array.from({ length: FORMAT }, (_, i) => `format-${i + 1}`);
    expect(readdirSync(FIXTURES).sort()).toEqual(names);
  });

  test.each(readdirSync(FIXTURES))(
    "%s is read whole, its journal with it, and is of the current format then",
    async (fixture) => {
      const directory = copyOf(fixture);
      const store = await openLmdbStore(directory);
      expect(storedBatches(store)).toEqual(batchesUpTo(50));
      expect(textOf(store, ["client", "x".repeat(3000)])).toBe("wills of a long key");
      expect(store.get("wills", ["client", 2 ** 40])).toBeUndefined();
      for (const table of ["sessions", "subscriptions", "inbound"] as const) {
        expect(Array.from(store.range(table, ["client"])).length).toBe(2);
      }
      await store.close();
      expect(readState(await tablesOf(directory))?.format).toBe(FORMAT);
    },
  );
});

/** Formats that do not exist yet: 2 doubles each retained value, 3 moves the wills' keys below a common one. */
const STEPS = new Map([
  [2, (tables: OpenTables) => rewrite(tables, "retained", (key, value) => [key, Buffer.concat([value, value])])],
  [3, (tables: OpenTables) => rewrite(tables, "wills", (key, value) => [["will", ...key.slice(1)], value])],
]);

type Key = readonly (string | number)[];

function rewrite(
  { tableByName }: OpenTables,
  name: "retained" | "wills",
  change: (key: Key, value: Uint8Array) => readonly [Key, Uint8Array],
): void {
  const table = tableByName.get(name);
  for (const { key: tableKey, value: record } of Array.from(table?.getRange({}) ?? [])) {
    const [key, value] = change(...decodeTableEntry(tableKey, record));
    table?.removeSync(tableKey);
    const entry = encodeTableEntry(encodeKey(key), value);
    table?.putSync(toBuffer(entry.tableKey), toBuffer(entry.record));
  }
}

function records({ tableByName }: OpenTables, name: "retained" | "wills"): (readonly [Key, string])[] {
  return Array.from(tableByName.get(name)?.getRange({}) ?? [], ({ key: tableKey, value: record }) => {
    const [key, value] = decodeTableEntry(tableKey, record);
    return [key, Buffer.from(value).toString()] as const;
  });
}

describe("a format to come", () => {
  test("is made out of this one, step by step", async () => {
    const tables = await tablesOf(copyOf("format-1"));
    const state = readState(tables);
    if (state === undefined) throw new Error("the fixture has no state");
    expect(upgrade(tables, state, STEPS, 3)).toEqual({ ...state, format: 3 });
    expect(readState(tables)?.format).toBe(3);
    expect(records(tables, "retained")).toEqual([[["last"], "5050"]]);
    expect(records(tables, "wills")).toEqual([[["will", "x".repeat(3000)], "wills of a long key"]]);
  });

  test("is made of what a failed step left: each step is there whole or not at all", async () => {
    const tables = await tablesOf(copyOf("format-1"));
    const state = readState(tables);
    if (state === undefined) throw new Error("the fixture has no state");
    const failing = new Map(STEPS).set(3, (open) => {
      STEPS.get(3)?.(open);
      throw new Error("the power failed");
    });
    expect(() => upgrade(tables, state, failing, 3)).toThrow("the power failed");
    const left = readState(tables);
    expect(left?.format).toBe(2);
    expect(records(tables, "wills")[0]?.[0]).toEqual(["client", "x".repeat(3000)]);
    upgrade(tables, left ?? state, STEPS, 3);
    expect(records(tables, "retained")).toEqual([[["last"], "5050"]]);
    expect(records(tables, "wills")[0]?.[0]).toEqual(["will", "x".repeat(3000)]);
  });

  test("is refused by a version that does not know it, and left as it is", async () => {
    const directory = copyOf("format-1");
    const tables = await tablesOf(directory);
    const state = readState(tables);
    if (state === undefined) throw new Error("the fixture has no state");
    tables.root.transactionSync(() => writeState(tables, { ...state, format: FORMAT + 1 }));
    expect(() => upgrade(tables, { ...state, format: FORMAT + 1 })).toThrow(NewerFormatError);
    await Promise.all(opened.splice(0).map(({ root }) => root.close()));
    await expect(openLmdbStore(directory)).rejects.toThrow(
      `${directory} was written by a newer isthmus: it has format ${FORMAT + 1}, this version knows formats up to ` +
        `${FORMAT}. Run that version, or export there and import here`,
    );
    expect(readState(await tablesOfFormat(directory))?.format).toBe(FORMAT + 1);
  });
});

async function tablesOfFormat(directory: string): Promise<OpenTables> {
  const tables = openTables({ directory, mapSizeBytes: MAP_SIZE_BYTES }, { readOnly: true });
  opened.push(tables);
  return tables;
}
