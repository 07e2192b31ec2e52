import { STORE_CASES, type StoreCase, type StoreUnderTest } from "@isthmus/testing/store-compliance";
import { afterAll, describe, test } from "vitest";
import { type LmdbStore, type LmdbStoreOptions, openLmdbStore } from "../src/index.js";
import { Directories } from "./directories.js";

/** Each start of a store is that of a process, which takes seconds where many run. */
const TIMEOUT_MS = 180_000;

const directories = new Directories();
afterAll(() => directories.remove());

async function open(directory: string, options: LmdbStoreOptions): Promise<StoreUnderTest> {
  return underTest(await openLmdbStore(directory, options), options);
}

function underTest(store: LmdbStore, options: LmdbStoreOptions): StoreUnderTest {
  return {
    store,
    crash: async () => {
      const copy = directories.crash(store.directory);
      await store.close();
      return open(copy, options);
    },
    reopen: async () => {
      await store.close();
      return open(store.directory, options);
    },
    dispose: () => store.close(),
  };
}

/** Without those of a store's whole life but for one seed: each of its starts is that of a process. */
function casesWithSeed(seed?: number): StoreCase[] {
  return STORE_CASES.filter(({ title }) => !title.includes("(seed ") || title.includes(`(seed ${seed})`));
}

/** What depends on the durability. */
const keepingCases = casesWithSeed().filter(({ subject }) => subject === "keeping");

describe("a store in a directory", () => {
  test.each(casesWithSeed(1))("sync: $title", ({ run }) => run(() => open(directories.fresh(), {})), TIMEOUT_MS);

  test.each(keepingCases)(
    "interval: $title",
    ({ run }) => run(() => open(directories.fresh(), { durability: "interval" })),
    TIMEOUT_MS,
  );

  // Nothing is promised there for a crash.
  test.each(keepingCases.filter(({ title }) => !title.includes("crash")))(
    "none: $title",
    ({ run }) => run(() => open(directories.fresh(), { durability: "none" })),
    TIMEOUT_MS,
  );

  // The journal is carried over into the tables again and again.
  test.each(casesWithSeed(2))(
    "a journal that is soon full: $title",
    ({ run }) => run(() => open(directories.fresh(), { journalBytes: 2048 })),
    TIMEOUT_MS,
  );
});
