import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fifo } from "../src/session/fifo.js";
import { InFlightTable, type Numbered } from "../src/session/in-flight-table.js";

describe("Fifo", () => {
  test("any series of pushing, shifting and taking is that of an array", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant("push" as const) },
      { weight: 4, arbitrary: fc.constant("shift" as const) },
      { weight: 1, arbitrary: fc.constantFrom("takeAll" as const, "iterate" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        for (const [i, each] of steps.entries()) {
          if (each === "push") {
            fifo.push(i);
            model.push(i);
          } else if (each === "shift") expect(fifo.shift()).toBe(model.shift());
          else if (each === "iterate") expect([...fifo]).toEqual(model);
          else {
            expect(fifo.takeAll()).toEqual(model);
            model = [];
          }
          expect([fifo.length, fifo.peek()]).toEqual([model.length, model[0]]);
        }
      }),
    );
  });

  test("holds on to nothing that has left it", () => {
    const fifo = new Fifo<object>();
    for (let i = 0; i < 1000; i++) fifo.push({});
    for (let i = 0; i < 1000; i++) fifo.shift();
    expect([fifo.length, fifo.peek(), fifo.shift()]).toEqual([0, undefined, undefined]);
  });
});

class Entry implements Numbered {
  packetIdentifier = 0;
  order = 0;
}

describe("InFlightTable", () => {
  test("any series of adding, finding, deleting and reordering is that of a map [MQTT-2.2.1-3]", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("add" as const), at: fc.nat() }) },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constantFrom("delete" as const, "moveToEnd" as const), at: fc.nat() }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new InFlightTable<Entry>();
        let model: Entry[] = [];
        for (const { kind, at } of steps) {
          const chosen = model[at % Math.max(1, model.length)];
          if (kind === "add") {
            const entry = new Entry();
            table.add(entry);
            expect(model.some(({ packetIdentifier }) => packetIdentifier === entry.packetIdentifier)).toBe(false);
            expect(entry.packetIdentifier).toBeGreaterThan(0);
            model.push(entry);
          } else if (chosen !== undefined) {
            model = model.filter((each) => each !== chosen);
            if (kind === "delete") table.delete(chosen);
            else {
              table.moveToEnd(chosen);
              model.push(chosen);
            }
          }
          expect(table.size).toBe(model.length);
          expect(table.inOrder()).toEqual(model);
          for (const entry of model) expect(table.get(entry.packetIdentifier)).toBe(entry);
        }
        expect(table.get(0)).toBeUndefined();
        expect(table.get(40_000)).toBeUndefined();
      }),
    );
  });

  test("an identifier rests before it is used again", () => {
    const table = new InFlightTable<Entry>();
    const identifiers = Array.from({ length: 70_000 }, () => {
      const entry = new Entry();
      table.add(entry);
      table.delete(entry);
      return entry.packetIdentifier;
    });
    expect(identifiers.slice(0, 3)).toEqual([1, 2, 3]);
    expect(identifiers.slice(65_534, 65_537)).toEqual([65_535, 1, 2]);
    expect(identifiers).not.toContain(0);
  });

  test("all 65,535 identifiers can be in use, and not one more", () => {
    const table = new InFlightTable<Entry>();
    const entries = Array.from({ length: 65_535 }, () => new Entry());
    for (const entry of entries) table.add(entry);
    expect(new Set(entries.map(({ packetIdentifier }) => packetIdentifier)).size).toBe(65_535);
    expect(() => table.add(new Entry())).toThrow(RangeError);
    const [first] = entries;
    if (first === undefined) throw new Error("no entry");
    table.delete(first);
    const next = new Entry();
    table.add(next);
    expect(next.packetIdentifier).toBe(first.packetIdentifier);
  });

  test("an entry that was deleted before, or belongs to another, is no harm", () => {
    const table = new InFlightTable<Entry>();
    const entry = new Entry();
    table.add(entry);
    table.delete(Object.assign(new Entry(), { packetIdentifier: entry.packetIdentifier }));
    expect(table.size).toBe(1);
    table.delete(entry);
    table.delete(entry);
    expect(table.size).toBe(0);
  });

  test("entries come back under the identifiers that they had, in the order of restoring", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 60 }), (identifiers) => {
        const table = new InFlightTable<Entry>();
        for (const packetIdentifier of identifiers) table.restore(Object.assign(new Entry(), { packetIdentifier }));
        expect(table.inOrder().map(({ packetIdentifier }) => packetIdentifier)).toEqual(identifiers);
        for (let i = 0; i < 100; i++) {
          const entry = new Entry();
          table.add(entry);
          expect(identifiers).not.toContain(entry.packetIdentifier);
        }
      }),
    );
    const table = new InFlightTable<Entry>();
    table.restore(Object.assign(new Entry(), { packetIdentifier: 7 }));
    expect(() => table.restore(Object.assign(new Entry(), { packetIdentifier: 7 }))).toThrow(RangeError);
  });
});
