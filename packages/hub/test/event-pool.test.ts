import { createMessage } from "@isthmus/exchange";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EventPool, type StreamEvent } from "../src/doors/http/event-pool.js";

function messageOf(payload: Uint8Array, topic = "a"): ReturnType<typeof createMessage> {
  return createMessage({ topic, payload, publishedAt: 0 });
}

class Holder {
  readonly events = new Map<number, StreamEvent>();

  handleDropped(number: number): void {
    this.events.delete(number);
  }
}

test("a message is put into JSON once, however many keep it", () => {
  const pool = new EventPool(100_000);
  const holders = Array.from({ length: 10 }, () => new Holder());
  const message = messageOf(new Uint8Array(1000).fill(1));
  const kept = new Set(holders.map((holder) => pool.keep(message, holder, 1)?.json));
  expect([kept.size, [...kept][0]?.length]).toEqual([1, pool.render(message).length]);
  expect(pool.usedBytes).toBeLessThan(10_000);
});

test("a message that takes more than all may is not kept, nor are others dropped for it", () => {
  const pool = new EventPool(4000);
  const holder = new Holder();
  expect(pool.keep(messageOf(new Uint8Array(10)), holder, 1)).toBeDefined();
  // As JSON it has six bytes for one.
  expect(pool.keep(messageOf(new Uint8Array(1000).fill(1)), holder, 2)).toBeUndefined();
  expect(pool.keep(messageOf(new Uint8Array(5000)), holder, 3)).toBeUndefined();
  expect(pool.usedBytes).toBeGreaterThan(0);
});

test("whatever is kept and let go, no more than the budget is used, and the newest are what is left", () => {
  const step = fc.record({
    size: fc.nat(3000),
    holders: fc.uniqueArray(fc.nat(4), { minLength: 1 }),
    isFreed: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = new EventPool(8000);
      const holders = Array.from({ length: 5 }, () => new Holder());
      let number = 0;
      for (const { size, holders: chosen, isFreed } of steps) {
        number++;
        const message = messageOf(new Uint8Array(size).fill(97));
        for (const holder of chosen.flatMap((index) => holders[index] ?? [])) {
          const event = pool.keep(message, holder, number);
          if (event !== undefined) holder.events.set(number, event);
          expect(pool.usedBytes).toBeLessThanOrEqual(8000);
        }
        const [first] = holders;
        for (const [known, event] of isFreed ? [...(first?.events ?? [])] : []) {
          first?.events.delete(known);
          if (first !== undefined) pool.release(event, first);
        }
      }
      const kept = new Set(holders.flatMap(({ events }) => [...events.values()].map(({ json }) => json)));
      const bytes = [...kept].reduce((sum, json) => sum + json.length, 0);
      expect(pool.usedBytes).toBeGreaterThanOrEqual(bytes);
      for (const holder of holders) for (const event of holder.events.values()) pool.release(event, holder);
      expect(pool.usedBytes).toBe(0);
    }),
  );
});
