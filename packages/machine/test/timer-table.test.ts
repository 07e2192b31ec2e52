import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { earliest, NEVER, TimerTable } from "../src/index.js";

type Name = "a" | "b" | "c" | "d";

const names = fc.constantFrom<Name>("a", "b", "c", "d");
const actions = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("set" as const), name: names, at: fc.nat(100) }),
    fc.record({ type: fc.constant("cancel" as const), name: names }),
    fc.record({ type: fc.constant("takeDue" as const), now: fc.nat(100) }),
    fc.record({ type: fc.constant("clear" as const) }),
  ),
  { maxLength: 60 },
);

describe("TimerTable", () => {
  it("behaves as a plain list of deadlines, whatever is done to it", () => {
    fc.assert(
      fc.property(actions, (list) => {
        const timers = new TimerTable<Name>();
        let model: { name: Name; at: number }[] = [];
        for (const action of list) {
          switch (action.type) {
            case "set":
              timers.set(action.name, action.at);
              model = [...model.filter(({ name }) => name !== action.name), { name: action.name, at: action.at }];
              break;
            case "cancel":
              timers.cancel(action.name);
              model = model.filter(({ name }) => name !== action.name);
              break;
            case "clear":
              timers.clear();
              model = [];
              break;
            case "takeDue": {
              const due = timers.takeDue(action.now);
              const expected = model.filter(({ at }) => at <= action.now);
              const atByName = new Map(expected.map(({ name, at }) => [name, at]));
              const instants = due.map((name) => atByName.get(name) ?? Number.NaN);
              expect([...due].sort()).toEqual(expected.map(({ name }) => name).sort());
              expect(instants).toEqual([...instants].sort((x, y) => x - y));
              model = model.filter(({ at }) => at > action.now);
              break;
            }
          }
          expect(timers.nextDeadline()).toBe(Math.min(NEVER, ...model.map(({ at }) => at)));
          for (const name of ["a", "b", "c", "d"] as const) {
            expect(timers.deadline(name)).toBe(model.find((timer) => timer.name === name)?.at);
          }
        }
      }),
    );
  });

  it("a timer is due at its very instant, and only once", () => {
    const timers = new TimerTable<Name>();
    timers.set("a", 10);
    expect(timers.takeDue(9.999)).toEqual([]);
    expect(timers.takeDue(10)).toEqual(["a"]);
    expect(timers.takeDue(10)).toEqual([]);
    expect(timers.nextDeadline()).toBe(NEVER);
  });

  it("timers of the same instant come in the order in which they were first set", () => {
    const timers = new TimerTable<Name>();
    timers.set("c", 5);
    timers.set("a", 5);
    timers.set("b", 4);
    expect(timers.takeDue(5)).toEqual(["b", "c", "a"]);
  });

  it("a timer that is set while due ones are handled waits for the next call", () => {
    const timers = new TimerTable<Name>();
    timers.set("a", 1);
    for (const name of timers.takeDue(1)) timers.set(name, 1);
    expect(timers.takeDue(1)).toEqual(["a"]);
  });
});

describe("earliest", () => {
  it("is the sooner one, and NEVER only when both are", () => {
    expect(earliest(3, 4)).toBe(3);
    expect(earliest(NEVER, 4)).toBe(4);
    expect(earliest(4, NEVER)).toBe(4);
    expect(earliest(NEVER, NEVER)).toBe(NEVER);
  });
});
