import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { buildMsp, type Msp } from "../src/abe/msp.js";
import { parsePolicy } from "../src/abe/policy-language.js";
import { policyLeaves } from "../src/abe/policy.js";
import { cheapestRows, isSatisfied } from "../src/abe/satisfaction.js";
import { GROUP_ORDER } from "../src/pairing/pairing-group.js";
import { randomPolicy, randomSubset } from "./random-policy.js";
import { seed } from "./seed.js";

const mod = (value: bigint): bigint => ((value % GROUP_ORDER) + GROUP_ORDER) % GROUP_ORDER;

function inverse(value: bigint): bigint {
  let [power, base, exponent] = [1n, value, GROUP_ORDER - 2n];
  for (; exponent > 0n; exponent >>= 1n, base = mod(base * base)) if (exponent & 1n) power = mod(power * base);
  return power;
}

function denseRows(msp: Msp, indices: readonly number[]): bigint[][] {
  return indices.map((index) => {
    const row = Array.from({ length: msp.columns }, () => 0n);
    for (const { column, value } of msp.rows[index]?.entries ?? []) row[column] = mod(BigInt(value));
    return row;
  });
}

/** Whether (1, 0, …, 0) is in the span of `rows` over the scalar field, by Gaussian elimination. */
function spansTarget(rows: bigint[][], columns: number): boolean {
  const basis: { pivot: number; row: bigint[] }[] = [];
  const reduce = (row: bigint[]): bigint[] => {
    let reduced = [...row];
    for (const { pivot, row: other } of basis) {
      const factor = reduced[pivot] ?? 0n;
      if (factor !== 0n) reduced = reduced.map((value, i) => mod(value - factor * (other[i] ?? 0n)));
    }
    return reduced;
  };
  for (const row of rows) {
    const reduced = reduce(row);
    const pivot = reduced.findIndex((value) => value !== 0n);
    if (pivot < 0) continue;
    const scale = inverse(reduced[pivot] ?? 1n);
    basis.push({ pivot, row: reduced.map((value) => mod(value * scale)) });
  }
  const target: bigint[] = Array.from({ length: columns }, (_, i) => (i === 0 ? 1n : 0n));
  // Reduced in the order of the basis, each pivot is cleared for good only once: repeat until nothing changes.
  let left = target;
  for (let i = 0; i < basis.length; i++) left = reduce(left);
  return left.every((value) => value === 0n);
}

describe("Lewko-Waters span programs", () => {
  it(`rows of a set span (1, 0, …, 0) exactly when the set satisfies the policy (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    let satisfied = 0;
    for (let round = 0; round < 1500; round++) {
      const policy = randomPolicy(random, names, random.nextInteger(1, 14));
      const msp = buildMsp(policy);
      const held = randomSubset(random, names);
      const rows = msp.rows.flatMap(({ attribute }, index) => (held.has(attribute) ? [index] : []));
      const expected = isSatisfied(policy, held);
      if (expected) satisfied++;
      expect(spansTarget(denseRows(msp, rows), msp.columns)).toBe(expected);

      const selected = cheapestRows(policy, msp, held);
      expect(selected !== undefined).toBe(expected);
      if (selected === undefined) continue;
      // 0/1 reconstruction: the plain sum of the selected rows is the target.
      const sum = Array.from({ length: msp.columns }, (_, i) =>
        mod(denseRows(msp, selected).reduce((total, row) => total + (row[i] ?? 0n), 0n)),
      );
      expect(sum).toEqual(sum.map((_, i) => (i === 0 ? 1n : 0n)));
      expect(selected.every((row) => held.has(msp.rows[row]?.attribute ?? ""))).toBe(true);
    }
    expect(satisfied).toBeGreaterThan(200); // both sides of the equivalence were tried
    expect(satisfied).toBeLessThan(1300);
  });

  it("numbers the occurrences of each attribute: ρ and τ", () => {
    const msp = buildMsp(parsePolicy("A AND B AND (A OR C)"));
    expect(msp.rows.map(({ attribute, occurrence }) => [attribute, occurrence])).toEqual([
      ["A", 1],
      ["B", 1],
      ["A", 2],
      ["C", 1],
    ]);
    expect(msp.occurrences).toBe(2);
    expect(msp.columns).toBe(3);
  });

  it("has -1 and 1 as entries, no more than the depth of the formula, rows in the order of its attributes", () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const policy = randomPolicy(random, ["a", "b", "c"], random.nextInteger(1, 30));
      const { rows } = buildMsp(policy);
      expect(rows.map(({ attribute }) => attribute)).toEqual(policyLeaves(policy));
      for (const { entries } of rows) {
        expect(entries.length).toBeLessThanOrEqual(16);
        expect(entries.every(({ value }) => Math.abs(value) === 1)).toBe(true);
      }
    }
  });

  it("the selection is no dearer than any other: fewest occurrences, then fewest rows, by brute force", () => {
    const random = new SeededRandom(seed + 1);
    const names = ["a", "b", "c", "d"];
    for (let round = 0; round < 150; round++) {
      const policy = randomPolicy(random, names, random.nextInteger(1, 8));
      const msp = buildMsp(policy);
      const held = randomSubset(random, names);
      const selected = cheapestRows(policy, msp, held);
      if (selected === undefined) continue;
      expect(costOf(msp, selected)).toBe(cheapestByBruteForce(msp, held));
    }
  });
});

function costOf(msp: Msp, rows: readonly number[]): number {
  return rows.length + 10 * new Set(rows.map((row) => msp.rows[row]?.occurrence)).size;
}

function cheapestByBruteForce(msp: Msp, held: ReadonlySet<string>): number {
  let best = Number.POSITIVE_INFINITY;
  for (let bits = 1; bits < 1 << msp.rows.length; bits++) {
    const rows = msp.rows.flatMap((_, index) => ((bits >> index) & 1 ? [index] : []));
    if (!rows.every((row) => held.has(msp.rows[row]?.attribute ?? "")) || costOf(msp, rows) >= best) continue;
    if (spansTarget(denseRows(msp, rows), msp.columns)) best = costOf(msp, rows);
  }
  return best;
}
