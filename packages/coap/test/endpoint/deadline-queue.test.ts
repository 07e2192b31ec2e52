import { NEVER, SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { DeadlineQueue, Timed } from "../../src/endpoint/deadline-queue.js";

class Probe extends Timed {
  readonly name: number;
  readonly #log: [number, number][];

  constructor(name: number, log: [number, number][]) {
    super();
    this.name = name;
    this.#log = log;
  }

  handleDue(now: number): void {
    this.#log.push([this.name, now]);
  }
}

describe("the deadline queue", () => {
  test("announces a deadline only when it is sooner than what was announced", () => {
    const announced: number[] = [];
    const queue = new DeadlineQueue((deadline) => announced.push(deadline));
    const [a, b, c] = [new Probe(1, []), new Probe(2, []), new Probe(3, [])];
    queue.schedule(a, 100);
    queue.schedule(b, 200);
    queue.schedule(c, 50);
    queue.cancel(c);
    expect(announced).toEqual([100, 50]);
    queue.handleTimeout(50);
    expect(announced).toEqual([100, 50, 100]);
  });

  test("a timer that is scheduled while others are handled is handled when due, not at once", () => {
    const log: [number, number][] = [];
    const queue = new DeadlineQueue(() => {});
    const again = new (class extends Timed {
      handleDue(now: number): void {
        log.push([0, now]);
        queue.schedule(this, now + 10);
      }
    })();
    queue.schedule(again, 10);
    queue.handleTimeout(10);
    expect(log).toEqual([[0, 10]]);
    expect(queue.nextDeadline()).toBe(20);
  });

  test.each([1, 2, 3])("keeps order under random scheduling, moving and cancelling (seed %i)", (seed) => {
    const random = new SeededRandom(seed);
    const log: [number, number][] = [];
    const queue = new DeadlineQueue(() => {});
    const probes = Array.from({ length: 200 }, (_, name) => new Probe(name, log));
    const dueByName = new Map<number, number>();
    for (let step = 0; step < 5_000; step++) {
      const probe = random.pick(probes);
      if (random.chance(0.3)) {
        queue.cancel(probe);
        dueByName.delete(probe.name);
      } else {
        const at = random.nextInteger(0, 1_000);
        queue.schedule(probe, at);
        dueByName.set(probe.name, at);
      }
      expect(queue.nextDeadline()).toBe(Math.min(NEVER, ...dueByName.values()));
    }
    expect(queue.size).toBe(dueByName.size);
    queue.handleTimeout(1_000);
    expect(log.map(([name]) => dueByName.get(name))).toEqual([...dueByName.values()].sort((a, b) => a - b));
    expect(queue.size).toBe(0);
  });
});
