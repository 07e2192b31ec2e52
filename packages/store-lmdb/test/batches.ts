import type { Store } from "@isthmus/exchange";

/** Messages that are there at a time: one comes and the oldest one goes with each batch. */
const KEPT = 20;

/** The number of the last batch that is in the store; 0 when it is empty. */
export function lastBatch(store: Store): number {
  const value = store.get("retained", ["last"]);
  return value === undefined ? 0 : Number(Buffer.from(value).toString());
}

/** Writes what belongs to one batch, without committing it. */
export function writeBatch(store: Store, batch: number): void {
  store.put("messages", [batch], messageOf(batch));
  store.delete("messages", [batch - KEPT > 0 ? batch - KEPT : 0]);
  store.put("queues", ["client", batch % 7], Buffer.from(String(batch)));
  store.put("retained", ["last"], Buffer.from(String(batch)));
}

/** What a store holds after `last` batches, by table: to be compared with {@link storedBatches}. */
export function batchesUpTo(last: number): object {
  const numbers = Array.from({ length: Math.min(last, KEPT) }, (_, i) => last - Math.min(last, KEPT) + 1 + i);
  const queues = Array.from({ length: Math.min(last, 7) }, (_, i) => last - i);
  return {
    messages: numbers.map((batch) => [batch, Buffer.from(messageOf(batch)).toString("hex")]),
    queues: queues.map((batch) => [batch % 7, String(batch)]).sort(([a], [b]) => Number(a) - Number(b)),
  };
}

/** What the store holds of the batches. */
export function storedBatches(store: Store): object {
  return {
    messages: Array.from(store.range("messages", []), ([[number], value]) => [
      number,
      Buffer.from(value).toString("hex"),
    ]),
    queues: Array.from(store.range("queues", ["client"]), ([[, slot], value]) => [slot, Buffer.from(value).toString()]),
  };
}

function messageOf(batch: number): Uint8Array {
  return new Uint8Array((batch * 37) % 3000).fill(batch);
}
