import assert from "node:assert/strict";
import { encodeUtf8 } from "@isthmus/bytes";
import { type Store, StoreError, type StoreKey, TABLES, type TableName } from "@isthmus/exchange";
import { SeededRandom } from "@isthmus/machine";

/** A store that a compliance case may end in any way. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Ends the process that holds the store, as a crash would, and opens what a restarted one finds. */
  crash(): Promise<StoreUnderTest>;
  /** Closes the store in order, and opens it again. */
  reopen(): Promise<StoreUnderTest>;
  /** Closes it and removes all its traces. */
  dispose(): Promise<void>;
}

/** One clause of the contract of {@link Store}. */
export interface StoreCase {
  readonly title: string;
  /** What it is about: what a store finds, or what it keeps, which alone depends on its durability. */
  readonly subject: "finding" | "keeping";
  /** @param open makes an empty store. @throws AssertionError when the store does not keep the clause. */
  readonly run: (open: () => Promise<StoreUnderTest>) => Promise<void>;
}

/**
 * The contract of {@link Store}, to be run against each implementation, with any test runner.
 *
 * @example
 * test.each(STORE_CASES)("a store in memory: $title", ({ run }) => run(openMemoryStore));
 */
export const STORE_CASES: readonly StoreCase[] = [
  storeCase("finding", "a record is what was put last, at once", async ({ store }) => {
    assertValue(store, "retained", ["a"], undefined);
    store.put("retained", ["a"], text("1"));
    assertValue(store, "retained", ["a"], "1");
    store.put("retained", ["a"], text("2"));
    assertValue(store, "retained", ["a"], "2");
    store.delete("retained", ["a"]);
    store.delete("retained", ["a"]);
    assertValue(store, "retained", ["a"], undefined);
    await store.commit();
    assertValue(store, "retained", ["a"], undefined);
  }),

  storeCase("finding", "tables keep apart, and each is there", async ({ store }) => {
    for (const table of TABLES) store.put(table, ["key"], text(table));
    await store.commit();
    for (const table of TABLES) {
      assertValue(store, table, ["key"], table);
      assert.deepEqual(all(store, table), [[["key"], table]]);
    }
  }),

  storeCase("finding", "a value of any size comes back, also after a restart", async (fixture) => {
    const values = [0, 1, 100, 4096, 1_000_000].map((size) => new SeededRandom(size).bytes(size));
    const assertValues = (): void => {
      for (const value of values) {
        const found = fixture.store.get("messages", [value.length]);
        assert.ok(Buffer.from(value).equals(found ?? text("nothing")), `${value.length} bytes`);
      }
    };
    for (const value of values) fixture.store.put("messages", [value.length], value);
    assertValues();
    await fixture.store.commit();
    assertValues();
    await fixture.reopen();
    assertValues();
  }),

  storeCase("finding", "keys are told apart, whatever is in them", async (fixture) => {
    const keyOf = (i: number): StoreKey => [AWKWARD_TEXTS[i] ?? "", i % 3];
    for (const [i, each] of AWKWARD_TEXTS.entries()) {
      fixture.store.put("retained", [each], text(String(i)));
      fixture.store.put("queues", keyOf(i), text(String(i)));
    }
    for (const [i, each] of AWKWARD_TEXTS.entries()) {
      assertValue(fixture.store, "retained", [each], String(i));
      assertValue(fixture.store, "queues", keyOf(i), String(i));
    }
    await fixture.store.commit();
    await fixture.reopen();
    for (const [i, each] of AWKWARD_TEXTS.entries()) {
      assert.deepEqual(all(fixture.store, "queues", [each]), [[keyOf(i), String(i)]]);
    }
    const found = all(fixture.store, "retained");
    assert.equal(found.length, AWKWARD_TEXTS.length);
    for (const [key, value] of found) {
      assert.deepEqual(key, [AWKWARD_TEXTS[Number(value)]]);
      fixture.store.delete("retained", key);
    }
    assert.deepEqual(all(fixture.store, "retained"), []);
  }),

  storeCase(
    "finding",
    "a range is in the order of the keys: numbers by value, texts by their UTF-8 bytes",
    async ({ store }) => {
      const random = new SeededRandom(7);
      const numbers = [0, 1, 9, 10, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1];
      // Code units would put U+FF5E behind U+1F600.
      const texts = ["", "A", "a", "aa", "ab", "b", "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{ff5e}", "\u{1f600}"];
      for (const number of shuffled(numbers, random)) store.put("messages", [number], text(""));
      for (const each of shuffled(texts, random)) {
        for (const number of shuffled([0, 300, 2 ** 33], random)) store.put("queues", [each, number], text(""));
      }
      assert.deepEqual(
        all(store, "messages").map(([[number]]) => number),
        numbers,
      );
      const pairs = texts.flatMap((each) => [0, 300, 2 ** 33].map((number) => [each, number]));
      for (const isCommitted of [false, true]) {
        if (isCommitted) await store.commit();
        assert.deepEqual(
          all(store, "queues").map(([key]) => key),
          pairs,
        );
      }
    },
  ),

  storeCase("finding", "a prefix is made of whole parts", async ({ store }) => {
    for (const client of ["a", "ab", "a/b", "b"]) {
      for (const sequence of [1, 2]) store.put("queues", [client, sequence], text(`${client}${sequence}`));
    }
    const values = (prefix: StoreKey): string[] => all(store, "queues", prefix).map(([, value]) => value);
    assert.deepEqual(values(["a"]), ["a1", "a2"]);
    assert.deepEqual(values(["a", 2]), ["a2"]);
    assert.deepEqual(values(["nobody"]), []);
    assert.equal(values([]).length, 8);
  }),

  storeCase(
    "finding",
    "writing while reading is allowed: what stays throughout is read once, in order",
    async ({ store }) => {
      for (let i = 0; i < 200; i++) store.put("messages", [i * 2], text("old"));
      await store.commit();
      const read: number[] = [];
      for (const [[number]] of store.range("messages", [])) {
        const at = Number(number);
        if (at % 2 === 0) read.push(at);
        // At the place of reading, just behind it and far behind it.
        store.delete("messages", [at]);
        store.put("messages", [at + 1], text("new"));
        store.put("messages", [1_000_000 + at], text("new"));
        // A store may read what is written while it reads, and would never come to an end.
        if (read.length > 1000) break;
      }
      assert.deepEqual(
        read.filter((at) => at < 400),
        Array.from({ length: 200 }, (_, i) => i * 2),
      );
      for (let i = 0; i < 200; i++) assertValue(store, "messages", [i * 2], undefined);
    },
  ),

  storeCase("finding", "a range that is left half-way holds nothing up", async ({ store }) => {
    for (let i = 0; i < 10; i++) store.put("messages", [i], text(""));
    for (const [[number]] of store.range("messages", [])) if (number === 3) break;
    store.put("messages", [11], text(""));
    await store.commit();
    assert.equal(all(store, "messages").length, 11);
  }),

  storeCase("keeping", "there is nothing to wait for without a write, nor without durability", async ({ store }) => {
    assert.equal(store.commit(), undefined);
    store.put("messages", [1], text("1"));
    const stored = store.commit();
    if (store.durability === "none") assert.equal(stored, undefined);
    await stored;
    assert.equal(store.commit(), undefined);
  }),

  storeCase("keeping", "a batch that was waited for survives a crash, the open one is gone whole", async (fixture) => {
    const { store } = fixture;
    for (const table of TABLES) store.put(table, ["kept"], text(table));
    store.put("messages", ["deleted"], text("old"));
    store.put("messages", ["replaced"], text("old"));
    await store.commit();
    for (const table of TABLES) store.put(table, ["lost"], text(table));
    store.delete("messages", ["deleted"]);
    store.put("messages", ["replaced"], text("new"));
    await fixture.crash();
    for (const table of TABLES) assertValue(fixture.store, table, ["kept"], table);
    for (const table of TABLES) assertValue(fixture.store, table, ["lost"], undefined);
    assertValue(fixture.store, "messages", ["deleted"], "old");
    assertValue(fixture.store, "messages", ["replaced"], "old");
  }),

  storeCase(
    "keeping",
    "a batch that was not waited for survives whole or not, and those before it with it",
    async (fixture) => {
      for (let batch = 0; batch < 5; batch++) {
        for (const table of TABLES) fixture.store.put(table, ["batch", batch], text(""));
        // Left without waiting: the crash comes at once, and may take it.
        fixture.store.commit()?.catch(() => {});
      }
      await fixture.crash();
      const kept = TABLES.map((table) => all(fixture.store, table).map(([[, batch]]) => batch));
      for (const batches of kept) assert.deepEqual(batches, [0, 1, 2, 3, 4].slice(0, kept[0]?.length));
    },
  ),

  storeCase("keeping", "closing keeps what was written, also what was not committed", async (fixture) => {
    fixture.store.put("messages", [1], text("1"));
    await fixture.store.commit();
    fixture.store.put("messages", [2], text("2"));
    await fixture.reopen();
    assert.deepEqual(all(fixture.store, "messages"), [
      [[1], "1"],
      [[2], "2"],
    ]);
  }),

  storeCase("keeping", "a store that is closed says so, and may be closed again", async ({ store }) => {
    await store.close();
    await store.close();
    assert.throws(() => store.put("messages", [1], text("1")), StoreError);
    assert.throws(() => store.get("messages", [1]), StoreError);
  }),

  ...[1, 2, 3, 4].map((seed) =>
    storeCase(
      "keeping",
      `any series of writes, commits, crashes and restarts is that of a map (seed ${seed})`,
      (fixture) => simulate(fixture, new SeededRandom(seed)),
    ),
  ),
];

/** The store as it stands, through crashes and restarts. */
class Fixture {
  #current: StoreUnderTest;

  constructor(first: StoreUnderTest) {
    this.#current = first;
  }

  get store(): Store {
    return this.#current.store;
  }

  async crash(): Promise<void> {
    this.#current = await this.#current.crash();
  }

  async reopen(): Promise<void> {
    this.#current = await this.#current.reopen();
  }

  dispose(): Promise<void> {
    return this.#current.dispose();
  }
}

function storeCase(subject: StoreCase["subject"], title: string, run: (fixture: Fixture) => Promise<void>): StoreCase {
  return {
    title,
    subject,
    run: async (open) => {
      const fixture = new Fixture(await open());
      try {
        await run(fixture);
      } finally {
        await fixture.dispose();
      }
    },
  };
}

/** Every so many steps the store crashes or is closed: in some stores that is a thousand times as dear as a write. */
const STEPS_PER_START = 30;

async function simulate(fixture: Fixture, random: SeededRandom): Promise<void> {
  let committed = new Map<string, string>();
  let present = new Map<string, string>();
  for (let step = 0; step < 400; step++) {
    const key = [random.pick(["a", "b", "ü"]), random.nextInteger(0, 12)] as const;
    const dice = random.nextInteger(0, 99);
    if (random.chance(1 / STEPS_PER_START)) {
      if (random.chance(0.6)) {
        await fixture.crash();
        present = new Map(committed);
      } else {
        await fixture.reopen();
        committed = new Map(present);
      }
    } else if (dice < 50) {
      const value = String(random.nextUint32());
      fixture.store.put("queues", key, text(value));
      present.set(JSON.stringify(key), value);
    } else if (dice < 75) {
      fixture.store.delete("queues", key);
      present.delete(JSON.stringify(key));
    } else {
      await fixture.store.commit();
      committed = new Map(present);
    }
    const client = random.pick(["a", "b", "ü"]);
    assert.deepEqual(all(fixture.store, "queues", [client]), modelRange(present, client), `step ${step}`);
  }
}

function modelRange(model: ReadonlyMap<string, string>, client: string): (readonly [StoreKey, string])[] {
  return (
    // The keys are those that `simulate` made.
    Array.from(model, ([key, value]) => [JSON.parse(key) as [string, number], value] as const)
      .filter(([[own]]) => own === client)
      .sort(([[, a]], [[, b]]) => a - b)
  );
}

function all(store: Store, table: TableName, prefix: StoreKey = []): (readonly [StoreKey, string])[] {
  return Array.from(store.range(table, prefix), ([key, value]) => [key, Buffer.from(value).toString()] as const);
}

function assertValue(store: Store, table: TableName, key: StoreKey, expected: string | undefined): void {
  const value = store.get(table, key);
  assert.equal(value === undefined ? undefined : Buffer.from(value).toString(), expected);
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  return items
    .map((item) => [random.nextUint32(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function text(value: string): Uint8Array {
  return encodeUtf8(value);
}

/** Texts that a careless encoding of keys takes for one another, or cannot hold. */
const AWKWARD_TEXTS: readonly string[] = [
  "",
  "a",
  "ab",
  "a/b",
  "1",
  "\u{1}",
  "a\u{1}b",
  "\u{ffff}",
  "\u{10ffff}",
  '["a"]',
  "ä",
  "a\u{308}",
  // Longer than the keys that a B+tree holds, and alike for long.
  "x".repeat(600),
  "x".repeat(2000),
  `${"x".repeat(2000)}y`,
  "x".repeat(65_535),
  `${"x".repeat(65_534)}y`,
];
