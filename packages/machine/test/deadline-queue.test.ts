import fc from "fast-check";
import { expect, test } from "vitest";
import { DeadlineQueue, NEVER, type Scheduled } from "../src/index.js";

test("items leave in the order of their deadlines, and only when due", () => {
  const queue = new DeadlineQueue<string>();
  queue.add("late", 30);
  queue.add("soon", 10);
  expect(queue.nextDeadline()).toBe(10);
  expect(queue.takeDue(9)).toBeUndefined();
  expect([queue.takeDue(30), queue.takeDue(30), queue.takeDue(30)]).toEqual(["soon", "late", undefined]);
  expect(queue.nextDeadline()).toBe(NEVER);
});

test("an item that was taken can be cancelled without harm", () => {
  const queue = new DeadlineQueue<string>();
  const first = queue.add("first", 1);
  queue.add("second", 2);
  expect(queue.takeDue(1)).toBe("first");
  queue.cancel(first);
  expect(queue.size).toBe(1);
  expect(queue.takeDue(2)).toBe("second");
});

test("any series of adding, cancelling and taking is that of a sorted list", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), at: fc.nat(50) }),
    fc.record({ kind: fc.constant("cancel" as const), index: fc.nat(40) }),
    fc.record({ kind: fc.constant("take" as const), now: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new DeadlineQueue<number>();
      const all: Scheduled<number>[] = [];
      let model: Scheduled<number>[] = [];
      for (const each of steps) {
        if (each.kind === "add") {
          const scheduled = queue.add(all.length, each.at);
          all.push(scheduled);
          model.push(scheduled);
        } else if (each.kind === "cancel") {
          const scheduled = all[each.index];
          if (scheduled === undefined) continue;
          queue.cancel(scheduled);
          model = model.filter((other) => other !== scheduled);
        } else {
          const soonest = Math.min(...model.map(({ at }) => at));
          const taken = queue.takeDue(each.now);
          if (soonest > each.now) expect(taken).toBeUndefined();
          else {
            const match = model.find(({ item }) => item === taken);
            expect(match?.at).toBe(soonest);
            model = model.filter((other) => other !== match);
          }
        }
        expect(queue.size).toBe(model.length);
      }
    }),
  );
});
