import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMessage, decodeMessage, MemoryStore, type Message, MessageLog } from "../src/index.js";

function message(text = "x"): Message {
  return createMessage({ topic: text, payload: new Uint8Array(3), qos: 1, publishedAt: 1 });
}

function stored(store: MemoryStore): number[] {
  return Array.from(store.range("messages", []), ([[sequence]]) => Number(sequence));
}

test("a message is stored once however many wait for it, and goes with the last", () => {
  const store = new MemoryStore();
  const log = new MessageLog(store);
  const first = message("first");
  log.hold(first);
  log.hold(first);
  log.hold(message("second"));
  expect(stored(store)).toEqual([1, 2]);
  expect(log.size).toBe(2);
  log.release(first);
  expect(stored(store)).toEqual([1, 2]);
  log.release(first);
  expect(stored(store)).toEqual([2]);
  expect(first.sequence).toBe(0);
  // Held again it is another record.
  log.hold(first);
  expect(first.sequence).toBe(3);
});

test("after a restart the log goes on behind what it held, and drops what nobody waits for", () => {
  const store = new MemoryStore();
  const log = new MessageLog(store);
  const messages = ["a", "b", "c"].map(message);
  for (const each of messages) log.hold(each);
  void store.commit();

  const restarted = store.crash();
  const again = new MessageLog(restarted);
  const loaded = again.load();
  expect(Array.from(loaded, ([sequence, { topic }]) => [sequence, topic])).toEqual([
    [1, "a"],
    [2, "b"],
    [3, "c"],
  ]);
  const second = loaded.get(2);
  if (second === undefined) throw new Error("the second message is lost");
  again.hold(second);
  again.removeUnreferenced(loaded.values());
  expect(stored(restarted)).toEqual([2]);
  const next = message("d");
  again.hold(next);
  expect(next.sequence).toBe(4);
});

test("any series of holding and releasing keeps exactly what is referred to", () => {
  const step = fc.record({ isHold: fc.boolean(), index: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const store = new MemoryStore();
      const log = new MessageLog(store);
      const messages = Array.from({ length: 6 }, (_, i) => message(`m${i}`));
      const references = messages.map(() => 0);
      for (const { isHold, index } of steps) {
        const each = messages[index];
        const count = references[index] ?? 0;
        if (each === undefined || (!isHold && count === 0)) continue;
        if (isHold) log.hold(each);
        else log.release(each);
        references[index] = count + (isHold ? 1 : -1);
      }
      const held = messages.filter((_, i) => (references[i] ?? 0) > 0).map(({ topic }) => topic);
      const inStore = Array.from(store.range("messages", []), ([, value]) => decodeMessage(value).topic);
      expect(inStore.sort()).toEqual(held);
      expect(log.size).toBe(held.length);
    }),
  );
});
