import { STORE_CASES, type StoreUnderTest } from "@isthmus/testing/store-compliance";
import { describe, test } from "vitest";
import { type Durability, MemoryStore } from "../src/index.js";

function underTest(store: MemoryStore): StoreUnderTest {
  return {
    store,
    crash: async () => underTest(store.crash()),
    reopen: async () => {
      await store.close();
      return underTest(store.crash());
    },
    dispose: () => store.close(),
  };
}

describe.each(["none", "interval", "sync"] satisfies Durability[])("a store in memory, durability %s", (durability) => {
  test.each(STORE_CASES)("$title", ({ run }) => run(async () => underTest(new MemoryStore({ durability }))));
});
