/*
 * A process with a store, for tests that end it: `node store-program.ts DIRECTORY MODE [OPTIONS]`. It uses what was built.
 *
 * `hold` opens the store, prints "open" and waits. `write` writes batches for ever, and prints the number of each once it
 * is safe. What goes wrong is printed as "NAME: MESSAGE".
 */
import { openLmdbStore } from "@isthmus/store-lmdb";
import { writeBatch } from "./batches.ts";

const [, , directory = "", mode = "", options = "{}"] = process.argv;

try {
  // The test gives what openLmdbStore takes.
  const store = await openLmdbStore(directory, JSON.parse(options) as object);
  process.stdout.write("open\n");
  if (mode === "hold") setInterval(() => {}, 60_000);
  else {
    for (let batch = nextBatch(store.get("retained", ["last"])); ; batch++) {
      writeBatch(store, batch);
      await store.commit();
      process.stdout.write(`${batch}\n`);
    }
  }
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
  process.exit(3);
}

function nextBatch(last: Uint8Array | undefined): number {
  return last === undefined ? 1 : Number(Buffer.from(last).toString()) + 1;
}
