import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { StoreError } from "@isthmus/exchange";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeFrame, FRAME_HEADER_BYTES } from "../src/frame.js";
import { type LmdbStore, openLmdbStore } from "../src/index.js";
import { batchesUpTo, lastBatch, storedBatches, writeBatch } from "./batches.js";
import { Directories } from "./directories.js";
import { StoreProgram } from "./program.js";

const PAGE_BYTES = 4096;
/** Each page that is damaged takes a process: every other one a run, the even or the odd ones. */
const PARITY = Math.round(Math.random());

/** Nobody, where tests run as a user whom no permission stops. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534 } : {};

const directories = new Directories();
afterAll(() => directories.remove());

/** A directory whose store was closed in order after some batches. */
async function filled(batches: number): Promise<string> {
  const directory = directories.fresh();
  const store = await openLmdbStore(directory);
  await write(store, 1, batches);
  await store.close();
  return directory;
}

/** A directory after a crash: the last five of its sixty batches are in the journal alone. */
async function crash(): Promise<string> {
  const directory = await filled(55);
  const store = await openLmdbStore(directory);
  await write(store, 56, 60);
  const copy = directories.crash(directory);
  await store.close();
  return copy;
}

let crashed = "";
beforeAll(async () => {
  crashed = await crash();
});

async function write(store: LmdbStore, first: number, last: number): Promise<void> {
  for (let batch = first; batch <= last; batch++) {
    writeBatch(store, batch);
    await store.commit();
  }
}

async function expectBatches(directory: string, last: number): Promise<void> {
  const store = await openLmdbStore(directory);
  expect(lastBatch(store)).toBe(last);
  expect(storedBatches(store)).toEqual(batchesUpTo(last));
  await store.close();
}

async function failureOf(opening: Promise<LmdbStore>): Promise<StoreError> {
  const outcome = await opening.then(
    async (store) => {
      await store.close();
      return "it was opened";
    },
    (error: unknown) => error,
  );
  if (!(outcome instanceof StoreError)) throw new Error(`no StoreError: ${String(outcome)}`);
  return outcome;
}

describe("a disk that is full", () => {
  test("fails the batch and all that follow, and keeps what was safe", async () => {
    const directory = await filled(30);
    const journal = path.join(directory, "journal-1");
    rmSync(journal);
    symlinkSync("/dev/full", journal);
    const store = await openLmdbStore(directory);
    writeBatch(store, 31);
    const message = `the disk of ${directory} is full: make room and start again; nothing that was acknowledged is lost`;
    await expect(store.commit()).rejects.toThrow(message);
    await expect(store.commit()).rejects.toThrow(StoreError);
    writeBatch(store, 32);
    await expect(store.commit()).rejects.toThrow(message);
    await expect(store.close()).rejects.toThrow(message);
    rmSync(journal);
    await expectBatches(directory, 30);
  });

  test.each([
    // Without waiting for the disk it is soon as long as it may be.
    { what: "a journal that cannot grow", options: { durability: "interval" }, tablesBytes: 0 },
    { what: "tables that cannot grow", options: { journalBytes: 4096 }, tablesBytes: 2_000_000 },
  ] as const)("or a limit of the size of files: $what", async ({ options, tablesBytes }) => {
    const directory = directories.fresh();
    const before = await openLmdbStore(directory);
    before.put("history", ["bulk"], new Uint8Array(tablesBytes));
    await before.close();
    // A journal has a mebibyte to begin with.
    const program = new StoreProgram(directory, "write", { options, shell: "ulimit -f 1100" });
    expect(await program.ended()).toContain(
      `a file in ${directory} may not grow any more: raise the limit (ulimit -f) and start again`,
    );
    // The journal is used up, or the tables could not take the first that it had.
    if (tablesBytes === 0) expect(program.acknowledged).toBeGreaterThan(100);
    else expect(program.acknowledged).toBeLessThan(100);
    const store = await openLmdbStore(directory);
    expect(lastBatch(store)).toBeGreaterThanOrEqual(program.acknowledged);
    expect(storedBatches(store)).toEqual(batchesUpTo(lastBatch(store)));
    expect(store.get("history", ["bulk"])?.length).toBe(tablesBytes);
    await store.close();
  });
});

describe("a directory that cannot be written", () => {
  test("is refused, whether it has a store or none", async () => {
    const directory = await filled(3);
    const parent = path.dirname(directory);
    chmodSync(parent, 0o755);
    const empty = directories.fresh();
    mkdirSync(empty);
    for (const each of [directory, empty]) {
      chmodSync(each, 0o555);
      const program = new StoreProgram(each, "hold", NOBODY);
      expect(await program.ended()).toBe(
        `StoreError: ${each} cannot be written: give this user the right to, or choose another directory`,
      );
      chmodSync(each, 0o755);
    }
    await expectBatches(directory, 3);
  });

  test("is refused when there is a file in its place", async () => {
    const file = directories.fresh();
    writeFileSync(file, "");
    expect((await failureOf(openLmdbStore(file))).message).toBe(`${file} is not a directory: choose another one`);
    expect((await failureOf(openLmdbStore(path.join(file, "store")))).message).toContain("is not a directory");
  });
});

describe("files that are damaged", () => {
  test(`tables: wherever they are (pages from ${PARITY}), nothing is lost unseen, and they are left as they are`, async () => {
    const tables = readFileSync(path.join(crashed, "tables.mdb"));
    const outcomes = { intact: 0, refused: 0 };
    for (let page = PARITY; page * PAGE_BYTES < tables.length; page += 2) {
      // Behind the header, which says what a page is: pointers are at its begin, records at its end.
      const at = page * PAGE_BYTES + 64;
      const copy = directories.crash(crashed);
      const damaged = Buffer.from(tables);
      damaged.fill(0xa5, at, (page + 1) * PAGE_BYTES);
      writeFileSync(path.join(copy, "tables.mdb"), damaged);
      try {
        await expectBatches(copy, 60);
        outcomes.intact++;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        expect(error.message).toMatch(
          new RegExp(
            `^the store in ${copy} is damaged: .+\\. It was left as it is: restore a backup, or move it away`,
            "s",
          ),
        );
        outcomes.refused++;
      }
    }
    // Pages that nothing refers to are no loss.
    expect(outcomes.refused).toBeGreaterThan(outcomes.intact);
  });

  test.each([
    ["cut", (file: string) => truncateSync(file, statSync(file).size - 4096 * 5)],
    ["empty", (file: string) => truncateSync(file, 0)],
    ["gone", (file: string) => rmSync(file)],
    ["something else", (file: string) => writeFileSync(file, "not a database".repeat(10_000))],
  ])("tables that are %s: refused, and as before when they are put back", async (_name, damage) => {
    const directory = directories.crash(crashed);
    const file = path.join(directory, "tables.mdb");
    const kept = readFileSync(file);
    damage(file);
    const { message } = await failureOf(openLmdbStore(directory));
    expect(message).toMatch(`the store in ${directory} is damaged: `);
    writeFileSync(file, kept);
    await expectBatches(directory, 60);
  });

  test("a journal that lacks what was safe: refused, and as before when it is put back", async () => {
    const directory = directories.crash(crashed);
    const file = path.join(directory, "journal-1");
    const kept = readFileSync(file);
    const damaged = Buffer.from(kept);
    damaged.fill(0, 512, 600);
    writeFileSync(file, damaged);
    expect((await failureOf(openLmdbStore(directory))).message).toMatch(
      /is damaged: frame \d+ is damaged, frame \d+ behind it is whole\. It was left as it is/,
    );
    writeFileSync(file, kept);
    await expectBatches(directory, 60);
  });

  test("a journal whose last write was torn is read up to there, wherever that is", async () => {
    const directory = directories.crash(crashed);
    const last = lastFrame(readFileSync(path.join(directory, "journal-1")));
    for (const length of [last.start, last.start + 20, last.start + 100, last.bodyEnd - 1]) {
      const copy = directories.fresh();
      cpSync(directory, copy, { recursive: true });
      truncateSync(path.join(copy, "journal-1"), length);
      await expectBatches(copy, 59);
    }
  });
});

/** Where the last frame of the journal's youngest epoch is. */
function lastFrame(journal: Uint8Array): { readonly start: number; readonly bodyEnd: number } {
  const epoch = decodeFrame(journal, 0)?.epoch;
  let last = { start: 0, bodyEnd: 0 };
  for (let at = 0, frame = decodeFrame(journal, 0); frame?.epoch === epoch && frame !== undefined;) {
    last = { start: at, bodyEnd: at + FRAME_HEADER_BYTES + frame.body.length };
    frame = decodeFrame(journal, (at += frame.sizeBytes));
  }
  return last;
}
