/*
 * Makes the files of the current format that its successors must be able to read:
 * `node packages/store-lmdb/test/make-fixture.ts packages/store-lmdb/test/fixtures/format-N`. Once for each format.
 *
 * The hub that wrote them was killed: some of it is in the tables, some in the journal alone.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openLmdbStore } from "@isthmus/store-lmdb";
import { writeBatch } from "./batches.ts";

const [, , target = ""] = process.argv;
const directory = path.join(mkdtempSync(path.join(tmpdir(), "isthmus-fixture-")), "store");

const first = await openLmdbStore(directory);
for (const table of ["sessions", "subscriptions", "inbound", "wills"] as const) {
  first.put(table, ["client", "x".repeat(3000)], Buffer.from(`${table} of a long key`));
  first.put(table, ["client", 2 ** 40], Buffer.from(table));
}
for (let batch = 1; batch <= 40; batch++) writeBatch(first, batch);
await first.close();

const second = await openLmdbStore(directory);
second.delete("wills", ["client", 2 ** 40]);
for (let batch = 41; batch <= 50; batch++) {
  writeBatch(second, batch);
  await second.commit();
}
cpSync(directory, target, { recursive: true, filter: (file) => !/lock/.test(path.basename(file)) });
await second.close();
rmSync(path.dirname(directory), { recursive: true });

for (const name of ["journal-1", "journal-2"]) {
  const file = path.join(target, name);
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1));
}
