import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { AttributeError, parseAttribute } from "../src/abe/attribute.js";
import { isSatisfied } from "../src/abe/satisfaction.js";
import { decodeAttributeSet, decodePolicy, encodeAttributeSet, encodePolicy } from "../src/abe/policy-codec.js";
import { integerAttributes } from "../src/abe/policy-gates.js";
import { formatPolicy, parsePolicy, PolicySyntaxError } from "../src/abe/policy-language.js";
import { CIPHERTEXT_LIMITS, PolicyError } from "../src/abe/policy.js";
import { randomPolicy, randomSubset } from "./random-policy.js";
import { seed } from "./seed.js";

/** What is refused at once takes no time to speak of; a busy machine may stop us for a while all the same. */
const AT_ONCE_MS = 1000;

describe("the policy language", () => {
  it.each([
    ["a", ["a"], true],
    ["a AND b", ["a"], false],
    ["a AND b", ["b", "a"], true],
    ["a OR b AND c", ["a"], true], // AND binds tighter
    ["(a OR b) AND c", ["a"], false],
    ["(a or b) and c", ["b", "c"], true],
    ['"and" AND "a b"', ["and", "a b"], true],
    ['"quote \\" and \\\\"', ['quote " and \\'], true],
    ["2 of (a, b, c)", ["a"], false],
    ["2 of (a, b, c)", ["a", "c"], true],
    ["2 of (a AND x, b, c OR d)", ["a", "d"], false],
    ["2 of (a AND x, b, c OR d)", ["a", "x", "d"], true],
    ["1 of (a, b)", ["b"], true],
    ["3 of (a, b, c)", ["a", "b"], false],
    ["2", ["2"], true], // a number alone is a name
    ["Nurse", ["nurse"], false], // no case folding
    ["a:b/c=", undefined, undefined],
    ["ward:3/west", ["ward:3/west"], true], // no character separates
    ["cafe\u0301", ["caf\u00e9"], true], // normalization form C
  ])("%s with %j: %s", (text, attributes, expected) => {
    if (attributes === undefined) return expect(() => parsePolicy(text)).toThrow(PolicySyntaxError);
    return expect(isSatisfied(parsePolicy(text), new Set(attributes))).toBe(expected);
  });

  it.each([
    ["", 0],
    ["   ", 3],
    ["a AND", 5],
    ["AND a", 0],
    ["a b", 2],
    ["(a", 2],
    ["a)", 1],
    ["2 of a", 5],
    ["4 of (a, b)", 0],
    ["0 of (a, b)", 0],
    ["2 of (a,, b)", 8],
    ['"a', 0],
    ['"\\n"', 0],
    ['""', 0],
    ["@gen=3", 0],
    ['"@gen/3"', 0],
    ["level >= 256", 0],
    ["level >= x", 9],
    ["level < 0", 0],
    ["level >= 0", 0],
    ["level <= 255", 0],
    ["level >= -1", 9],
    ["\ud800", 0],
  ])("%j is refused at %i", (text, offset) => {
    expect(() => parsePolicy(text)).toThrow(PolicySyntaxError);
    try {
      parsePolicy(text);
    } catch (error) {
      expect(error).toMatchObject({ offset });
    }
  });

  it("a threshold is satisfied by every set of that size and by none smaller", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    for (let n = 2; n <= 6; n++) {
      for (let k = 1; k <= n; k++) {
        const policy = parsePolicy(`${k} of (${names.slice(0, n).join(", ")})`, {
          leaves: 200,
          depth: 16,
          occurrences: 16,
        });
        for (let bits = 0; bits < 1 << n; bits++) {
          const set = new Set(names.filter((_, i) => (bits >> i) & 1));
          const held = [...set].filter((name) => names.indexOf(name) < n).length;
          expect(isSatisfied(policy, set)).toBe(held >= k);
        }
      }
    }
  });

  it("a comparison is satisfied by exactly the integers that satisfy it", () => {
    const operators: [string, (a: number, b: number) => boolean][] = [
      ["=", (a, b) => a === b],
      ["!=", (a, b) => a !== b],
      ["<", (a, b) => a < b],
      ["<=", (a, b) => a <= b],
      [">", (a, b) => a > b],
      [">=", (a, b) => a >= b],
    ];
    for (const [operator, holds] of operators) {
      for (const bound of [1, 2, 3, 100, 127, 128, 200, 254]) {
        const policy = parsePolicy(`level ${operator} ${bound}`);
        for (let value = 0; value < 256; value++) {
          expect(isSatisfied(policy, new Set(integerAttributes("level", value)))).toBe(holds(value, bound));
        }
      }
    }
  });

  it("reads back what it formats", () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 200; round++) {
      const policy = randomPolicy(random, ["a", "b c", 'd"e', "OR", "\\", "é", "of", "3"], random.nextInteger(1, 20));
      const limits = { leaves: 64, depth: 32, occurrences: 64 };
      expect(encodePolicy(parsePolicy(formatPolicy(policy), limits))).toEqual(encodePolicy(policy));
    }
  });
});

describe("hostile policies", () => {
  const hugeTexts: [string, string][] = [
    ["10^5 leaves", Array.from({ length: 100_000 }, (_, i) => `a${i}`).join(" AND ")],
    ["2,000 leaves", Array.from({ length: 2000 }, (_, i) => `a${i}`).join(" OR ")],
    ["depth 10^4", `${"(".repeat(10_000)}a${")".repeat(10_000)}`],
    ["depth 8,000 in gates", `${"(a OR (b AND ".repeat(700)}a${"))".repeat(700)}`],
    ["a threshold of 32 of 64", `32 of (${Array.from({ length: 64 }, (_, i) => `a${i}`).join(",")})`],
    ["nested thresholds", `${"2 of (a, b, ".repeat(15)}c${")".repeat(15)}`],
    ["five uses of one attribute", "a AND (a OR b) AND (a OR c) AND (a OR d) AND (a OR e)"],
  ];
  it.each(hugeTexts)("%s as text is refused at once", (_, text) => {
    const started = performance.now();
    expect(() => parsePolicy(text)).toThrow(PolicyError);
    expect(performance.now() - started).toBeLessThan(AT_ONCE_MS);
  });

  const and = (count: number): number[] => [2, count];
  const leaf = [1, 1, 97];
  it.each([
    ["depth 10^4", [...Array.from({ length: 10_000 }, () => [3, 2]).flat(), ...leaf]],
    [
      "10^5 leaves",
      Array.from({ length: 400 }, () => [...and(255), ...Array.from({ length: 255 }, () => leaf).flat()]).flat(),
    ],
    ["a gate of one", [...and(1), ...leaf]],
    ["a gate of none", and(0)],
    ["an unknown node", [4, 2, ...leaf, ...leaf]],
    ["an empty attribute", [1, 0]],
    ["an attribute cut short", [1, 5, 97]],
    ["an attribute in no UTF-8", [1, 1, 0xff]],
    ["an attribute in form D", [1, 6, 0x63, 0x61, 0x66, 0x65, 0xcc, 0x81]],
    ["a trailing byte", [...leaf, 0]],
    ["nothing", []],
  ])("%s as bytes is refused at once", (_, bytes) => {
    const encoded = new Uint8Array(bytes);
    const started = performance.now();
    expect(() => decodePolicy(encoded, CIPHERTEXT_LIMITS)).toThrow(Error);
    expect(performance.now() - started).toBeLessThan(AT_ONCE_MS);
  });

  it.each([
    ["out of order", [2, 1, 98, 1, 97]],
    ["twice the same", [2, 1, 97, 1, 97]],
    ["none", [0]],
    ["65", [65, ...Array.from({ length: 65 }, (_, i) => [1, 33 + i]).flat()]],
    ["a trailing byte", [1, 1, 97, 0]],
  ])("an attribute set with %s is refused", (_, bytes) => {
    expect(() => decodeAttributeSet(new Uint8Array(bytes), 64)).toThrow(PolicyError);
  });
});

describe("encodings", () => {
  it("a policy and a set of attributes come back as they were, and no prefix does", () => {
    const random = new SeededRandom(seed);
    const names = ["a", "ä", "😀", "￿", "long ".repeat(40).trim(), "@gen/1"];
    const limits = { leaves: 64, depth: 32, occurrences: 64 };
    for (let round = 0; round < 100; round++) {
      const policy = randomPolicy(random, names, random.nextInteger(1, 12));
      const encoded = encodePolicy(policy);
      expect(decodePolicy(encoded, limits)).toEqual(policy);
      const cut = random.nextInteger(0, encoded.length - 1);
      expect(() => decodePolicy(encoded.subarray(0, cut), limits)).toThrow(Error);
      const set = [...randomSubset(random, names)];
      if (set.length > 0) expect(new Set(decodeAttributeSet(encodeAttributeSet(set), 64))).toEqual(new Set(set));
    }
  });

  it("sets are ordered by code point: U+FFFF before U+1F600", () => {
    expect(decodeAttributeSet(encodeAttributeSet(["😀", "\uffff"]), 2)).toEqual(["\uffff", "😀"]);
  });

  it("an attribute is at most 255 bytes of UTF-8, in form NFC, not empty", () => {
    expect(parseAttribute("é".repeat(127)).length).toBe(127);
    for (const text of ["", "é".repeat(128), "a".repeat(256), "\udc00"]) {
      expect(() => parseAttribute(text)).toThrow(AttributeError);
    }
  });
});
