import { readFileSync } from "node:fs";
import path from "node:path";
import { SeededRandom } from "@isthmus/machine";
import { afterAll, describe, expect, test } from "vitest";
import { decodeFrame } from "../src/frame.js";
import { openLmdbStore } from "../src/index.js";
import { Directories } from "./directories.js";

const directories = new Directories();
afterAll(() => directories.remove());

describe("group commit", () => {
  test("batches of one turn of the event loop, and of the time while one is written, go to the disk together", async () => {
    const store = await openLmdbStore(directories.fresh());
    const write = (first: number): Promise<void>[] =>
      Array.from({ length: 1000 }, (_, i) => {
        store.put("messages", [first + i], Uint8Array.of(1));
        return store.commit() ?? Promise.resolve();
      });
    const turn = write(0);
    // The first write is under way now.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([...turn, ...write(1000)]);
    const journal = readFileSync(path.join(store.directory, "journal-1"));
    const first = decodeFrame(journal, 0);
    const second = decodeFrame(journal, first?.sizeBytes ?? 0);
    expect([first?.sequence, second?.sequence]).toEqual([1, 2]);
    expect(decodeFrame(journal, (first?.sizeBytes ?? 0) + (second?.sizeBytes ?? 0))).toBeUndefined();
    await store.close();
  });

  test("each is safe when its own promise says so, and not the open one behind it", async () => {
    const store = await openLmdbStore(directories.fresh());
    store.put("messages", [1], Uint8Array.of(1));
    const first = store.commit();
    store.put("messages", [2], Uint8Array.of(2));
    const second = store.commit();
    store.put("messages", [3], Uint8Array.of(3));
    await first;
    const afterFirst = await openLmdbStore(directories.crash(store.directory));
    expect(afterFirst.get("messages", [1])).toBeDefined();
    await second;
    const afterSecond = await openLmdbStore(directories.crash(store.directory));
    expect(Array.from(afterSecond.range("messages", []), ([[number]]) => number)).toEqual([1, 2]);
    await Promise.all([store.close(), afterFirst.close(), afterSecond.close()]);
  });

  test.each([1, 2, 3])("writes keep their order, whatever they come in between (seed %i)", async (seed) => {
    const random = new SeededRandom(seed);
    // Full after every other frame: a write often has to wait for a change of files.
    const store = await openLmdbStore(directories.fresh(), { journalBytes: 1024 });
    const model = new Map<number, string>();
    for (let i = 0; i < 600; i++) {
      const key = random.nextInteger(0, 5);
      if (random.chance(0.2)) {
        store.delete("queues", ["client", key]);
        model.delete(key);
      } else {
        store.put("queues", ["client", key], Buffer.from(String(i)));
        model.set(key, String(i));
      }
      if (random.chance(0.4)) void store.commit();
      if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
      if (random.chance(0.02)) await store.commit();
    }
    await store.close();
    const reopened = await openLmdbStore(store.directory);
    const records = Array.from(reopened.range("queues", ["client"]), ([[, key], value]) => [
      key,
      Buffer.from(value).toString(),
    ]);
    expect(records).toEqual([...model].sort(([a], [b]) => a - b));
    await reopened.close();
  });
});
