import type { StoreKey } from "@isthmus/exchange";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeKey, encodeKey, endOfPrefix, tableKeyOf } from "../src/store-key.js";
import { keys, pairsOfKeys } from "./arbitraries.js";

/** What LMDB takes with its pages of four kilobytes. */
const LONGEST_LMDB_KEY = 1978;

function compareKeys(a: StoreKey, b: StoreKey): number {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    const order =
      typeof part === "number" ? part - Number(other) : Buffer.compare(Buffer.from(part), Buffer.from(String(other)));
    if (order !== 0) return Math.sign(order);
  }
  return 0;
}

describe("a key as bytes", () => {
  test("comes back", () => {
    fc.assert(
      fc.property(keys, (key) => {
        expect(decodeKey(encodeKey(key))).toEqual(key);
      }),
    );
  });

  test("orders as its parts do", () => {
    fc.assert(
      fc.property(pairsOfKeys, ([a, b]) => {
        expect(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b)))).toBe(compareKeys(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  test("is between the first of its prefix and what comes behind it", () => {
    fc.assert(
      fc.property(keys, (key) => {
        const prefix = encodeKey(key.slice(0, 1));
        const bytes = encodeKey(key);
        expect(Buffer.compare(prefix, bytes)).toBeLessThanOrEqual(0);
        expect(Buffer.compare(bytes, endOfPrefix(prefix) ?? Uint8Array.of())).toBe(-1);
      }),
    );
  });

  test("fits a table, however long it is, and long ones are told apart", () => {
    const long = "x".repeat(65_535);
    const tableKeys = [[long], [`${long.slice(1)}y`], [long, long], [long, `${long}y`]].map((key) =>
      tableKeyOf(encodeKey(key)),
    );
    for (const { length } of tableKeys) expect(length).toBeLessThanOrEqual(LONGEST_LMDB_KEY);
    expect(new Set(tableKeys.map((each) => Buffer.from(each).toString("hex"))).size).toBe(tableKeys.length);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("has no number %d", (number) => {
    expect(() => encodeKey([number])).toThrow(RangeError);
  });
});
