import { STORE_CASES, type StoreUnderTest } from "@isthmus/testing/store-compliance";
import { afterAll, describe, test } from "vitest";
import { type LmdbStore, type LmdbStoreOptions, openLmdbStore } from "../src/index.js";
import { Directories } from "./directories.js";

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

/** Crashing and starting some thirty times takes seconds: once for each seed is enough. */
function casesWithSeeds(...seeds: number[]): typeof STORE_CASES {
  return STORE_CASES.filter(({ title }) => {
    const seed = /\(seed (\d+)\)/.exec(title)?.[1];
    return seed === undefined || seeds.includes(Number(seed));
  });
}

describe("a store in a directory", () => {
  test.each(casesWithSeeds(1))("sync: $title", ({ run }) => run(() => open(directories.fresh(), {})));

  test.each(casesWithSeeds())("interval: $title", ({ run }) =>
    run(() => open(directories.fresh(), { durability: "interval" })),
  );

  // Nothing is promised there for a crash.
  test.each(casesWithSeeds().filter(({ title }) => !title.includes("crash")))("none: $title", ({ run }) =>
    run(() => open(directories.fresh(), { durability: "none" })),
  );

  // The journal is carried over into the tables again and again.
  test.each(casesWithSeeds(2))("a journal that is soon full: $title", ({ run }) =>
    run(() => open(directories.fresh(), { journalBytes: 2048 })),
  );
});
