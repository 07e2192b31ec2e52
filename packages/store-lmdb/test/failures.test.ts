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
import { afterAll, describe, expect, test } from "vitest";
import { decodeFrame, FRAME_HEADER_BYTES } from "../src/frame.js";
import { type LmdbStore, openLmdbStore } from "../src/index.js";
import { batchesUpTo, lastBatch, storedBatches, writeBatch } from "./batches.js";
import { Directories } from "./directories.js";
import { StoreProgram } from "./program.js";

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

/** The same after a crash: what was written last is in the journal alone. */
async function crashed(batches: number): Promise<string> {
  const directory = await filled(batches - 5);
  const store = await openLmdbStore(directory);
  await write(store, batches - 4, batches);
  const copy = directories.crash(directory);
  await store.close();
  return copy;
}

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
    ["a journal that cannot grow", 2048, {}],
    ["tables that cannot grow", 256, { journalBytes: 4096 }],
  ])("or a limit of the size of files: %s", async (_name, kibibytes, options) => {
    const directory = directories.fresh();
    const program = new StoreProgram(directory, "write", { options, shell: `ulimit -f ${kibibytes}` });
    expect(await program.ended()).toContain(
      `a file in ${directory} may not grow any more: raise the limit (ulimit -f) and start again`,
    );
    const store = await openLmdbStore(directory);
    expect(lastBatch(store)).toBeGreaterThanOrEqual(program.acknowledged);
    expect(storedBatches(store)).toEqual(batchesUpTo(lastBatch(store)));
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
  test("tables: wherever they are, nothing is lost unseen, and they are left as they are", async () => {
    const directory = await crashed(60);
    const tables = readFileSync(path.join(directory, "tables.mdb"));
    const outcomes = { intact: 0, refused: 0 };
    for (let at = 64; at < tables.length; at += 4096) {
      const copy = directories.crash(directory);
      const damaged = Buffer.from(tables);
      damaged.fill(0xa5, at, at + 512);
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
    expect(outcomes.refused).toBeGreaterThan(3);
  });

  test.each([
    ["cut", (file: string) => truncateSync(file, statSync(file).size - 4096 * 5)],
    ["empty", (file: string) => truncateSync(file, 0)],
    ["gone", (file: string) => rmSync(file)],
    ["something else", (file: string) => writeFileSync(file, "not a database".repeat(10_000))],
  ])("tables that are %s: refused, and as before when they are put back", async (_name, damage) => {
    const directory = await crashed(60);
    const file = path.join(directory, "tables.mdb");
    const kept = readFileSync(file);
    damage(file);
    const { message } = await failureOf(openLmdbStore(directory));
    expect(message).toMatch(`the store in ${directory} is damaged: `);
    writeFileSync(file, kept);
    await expectBatches(directory, 60);
  });

  test("a journal that lacks what was safe: refused, and as before when it is put back", async () => {
    const directory = await crashed(60);
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
    const directory = await crashed(60);
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
