import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../src/index.js";

const MASK = 0xffff_ffffn;

/** xoshiro128** and its seeding as their authors write them, on integers that cannot overflow. */
function* reference(state: [bigint, bigint, bigint, bigint]): Generator<number, never> {
  let [s0, s1, s2, s3] = state;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & MASK;
  for (;;) {
    yield Number((rotl((s1 * 5n) & MASK, 7n) * 9n) & MASK);
    const t = (s1 << 9n) & MASK;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotl(s3, 11n);
  }
}

function splitMix32(seed: number): [bigint, bigint, bigint, bigint] {
  let state = BigInt(seed);
  const next = (): bigint => {
    state = (state + 0x9e37_79b9n) & MASK;
    let z = ((state ^ (state >> 16n)) * 0x21f0_aaadn) & MASK;
    z = ((z ^ (z >> 15n)) * 0x735a_2d97n) & MASK;
    return z ^ (z >> 15n);
  };
  return [next(), next(), next(), next()];
}

function take(source: Generator<number, never>, count: number): number[] {
  return Array.from({ length: count }, () => source.next().value);
}

const anySeed = fc.integer({ min: 0, max: 0xffff_ffff });

describe("SeededRandom", () => {
  it("is measured against a reference that gives the published outputs of state 1, 2, 3, 4", () => {
    // What xoshiro128starstar.c 1.1 prints; the same vector stands in other implementations' tests.
    expect(take(reference([1n, 2n, 3n, 4n]), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it("gives the reference's outputs for every seed", () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const random = new SeededRandom(seed);
        const expected = take(reference(splitMix32(seed)), 50);
        expect(Array.from(expected, () => random.nextUint32())).toEqual(expected);
      }),
    );
  });

  it("a seed beyond 32 bits is cut to 32, and says so", () => {
    expect(new SeededRandom(-1).seed).toBe(0xffff_ffff);
    expect(new SeededRandom(0x1_0000_0007).nextUint32()).toBe(new SeededRandom(7).nextUint32());
  });

  it("near seeds give unlike runs", () => {
    const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => new SeededRandom(seed).nextUint32()));
    // Of 10,000 draws from 2^32, about 0.01 pairs collide.
    expect(firsts.size).toBeGreaterThan(9_995);
  });

  it("integers stay within their bounds and reach both", () => {
    fc.assert(
      fc.property(anySeed, fc.integer({ min: -1000, max: 1000 }), fc.nat(20), (seed, min, span) => {
        const random = new SeededRandom(seed);
        const seen = new Set(Array.from({ length: 2000 }, () => random.nextInteger(min, min + span)));
        expect(Math.min(...seen)).toBe(min);
        expect(Math.max(...seen)).toBe(min + span);
        for (const value of seen) expect(Number.isInteger(value)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("floats lie in [0, 1) and are spread evenly over its tenths", () => {
    const random = new SeededRandom(4711);
    const countByTenth = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const tenth = Math.floor(random.nextFloat() * 10);
      countByTenth[tenth] = (countByTenth[tenth] ?? Number.NaN) + 1;
    }
    // Six standard deviations (sqrt(100000 * 0.1 * 0.9) = 95) around 10,000.
    for (const count of countByTenth) expect(Math.abs(count - 10_000)).toBeLessThan(570);
  });

  it("chance 0 never happens, chance 1 always does, chance 0.2 one time in five", () => {
    const random = new SeededRandom(99);
    const hits = (probability: number): number =>
      Array.from({ length: 10_000 }, () => random.chance(probability)).filter(Boolean).length;
    expect(hits(0)).toBe(0);
    expect(hits(1)).toBe(10_000);
    expect(Math.abs(hits(0.2) - 2000)).toBeLessThan(240);
  });

  it("picks each element, and refuses to pick from nothing", () => {
    const random = new SeededRandom(5);
    const picked = new Set(Array.from({ length: 200 }, () => random.pick(["a", "b", "c"])));
    expect([...picked].sort()).toEqual(["a", "b", "c"]);
    expect(() => random.pick([])).toThrow(RangeError);
  });

  it("bytes have the length asked for, and come from the seed", () => {
    expect(new SeededRandom(1).bytes(33)).toHaveLength(33);
    expect(new SeededRandom(1).bytes(33)).toEqual(new SeededRandom(1).bytes(33));
    expect(new SeededRandom(1).bytes(33)).not.toEqual(new SeededRandom(2).bytes(33));
  });
});
