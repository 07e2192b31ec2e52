import { SeededRandom } from "@isthmus/machine";
import { afterAll, describe, expect, test } from "vitest";
import { type Durability, StoreError } from "@isthmus/exchange";
import { openLmdbStore } from "../src/index.js";
import { batchesUpTo, lastBatch, storedBatches } from "./batches.js";
import { Directories } from "./directories.js";
import { StoreProgram } from "./program.js";

const ROUNDS = 3;
/** To repeat a run, as it was printed. */
const SEED = Number(process.env["ISTHMUS_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const directories = new Directories();
afterAll(() => directories.remove());

describe(`a process that is killed at some moment (seed ${SEED})`, () => {
  test.each(["sync", "interval"] satisfies Durability[])(
    "leaves each batch that was safe, and none in part: durability %s",
    async (durability) => {
      const random = new SeededRandom(SEED);
      const directory = directories.fresh();
      let kept = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // A journal that is full after some ten batches: it is carried over into the tables all the time.
        const program = new StoreProgram(directory, "write", { options: { durability, journalBytes: 32_768 } });
        const goal = kept + random.nextInteger(0, 200);
        await program.until(() => program.lines.length > 0 && (goal === kept || program.acknowledged >= goal));
        await program.kill();
        const store = await openLmdbStore(directory);
        const last = lastBatch(store);
        // What was under way may be kept as well.
        expect(last).toBeGreaterThanOrEqual(Math.max(kept, program.acknowledged));
        expect(storedBatches(store)).toEqual(batchesUpTo(last));
        kept = last;
        await store.close();
      }
    },
  );
});

describe("a directory has one store at a time", () => {
  test("the error of the second process names the first, and what to do; it goes with the first", async () => {
    const directory = directories.fresh();
    const holder = new StoreProgram(directory, "hold");
    await holder.until(() => holder.lines.includes("open"));
    const refused = openLmdbStore(directory);
    await expect(refused).rejects.toThrow(StoreError);
    await expect(refused).rejects.toThrow(
      `${directory} is in use by process ${holder.pid}: stop that hub, or choose another directory`,
    );
    const second = new StoreProgram(directory, "hold");
    expect(await second.ended()).toContain(`in use by process ${holder.pid}`);
    await holder.kill();
    await (await openLmdbStore(directory)).close();
  });

  test("also within one process", async () => {
    const directory = directories.fresh();
    const store = await openLmdbStore(directory);
    await expect(openLmdbStore(directory)).rejects.toThrow("is in use by this process");
    store.put("messages", [1], Uint8Array.of(1));
    await store.commit();
    await store.close();
    const again = await openLmdbStore(directory);
    expect(Array.from(again.get("messages", [1]) ?? [])).toEqual([1]);
    await again.close();
  });
});
