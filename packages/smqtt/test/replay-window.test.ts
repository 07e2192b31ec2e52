import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../src/envelope/rate-limit.js";
import { ReplayWindow } from "../src/envelope/replay-window.js";
import { seed } from "./seed.js";

describe("the replay window", () => {
  it(`agrees with a set of all that was accepted, and takes for seen what lies behind (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    for (const size of [32, 64, 1024]) {
      const window = new ReplayWindow(size);
      const accepted = new Set<number>();
      let highest = -1;
      let at = 0;
      for (let step = 0; step < 20_000; step++) {
        at += random.chance(0.01) ? random.nextInteger(0, 3 * size) : random.nextInteger(0, 2);
        const counter = Math.max(0, at - random.nextInteger(0, random.chance(0.1) ? 2 * size : 20));
        const expected = accepted.has(counter) || (counter <= highest - size && counter <= highest);
        if (window.hasSeen(counter) !== expected)
          throw new Error(`size ${size}, counter ${counter}, highest ${highest}`);
        if (expected) continue;
        window.accept(counter);
        accepted.add(counter);
        highest = Math.max(highest, counter);
      }
    }
  });

  it("takes the largest counters", () => {
    const window = new ReplayWindow();
    window.accept(0xffff_ffff);
    expect(window.hasSeen(0xffff_ffff)).toBe(true);
    expect(window.hasSeen(0xffff_fffe)).toBe(false);
    expect(window.hasSeen(0)).toBe(true);
  });
});

describe("the rate limit", () => {
  it("lets through a burst, then so many a second, each name by itself", () => {
    const limit = new RateLimit(3, 2);
    expect([1, 2, 3, 4].map(() => limit.take("a", 10))).toEqual([true, true, true, false]);
    expect(limit.take("b", 10)).toBe(true);
    expect([1, 2].map(() => limit.take("a", 10.5))).toEqual([true, false]);
    expect(limit.take("a", 5)).toBe(false); // a clock set back refills nothing
    expect([1, 2, 3, 4].map(() => limit.take("a", 100))).toEqual([true, true, true, false]);
  });

  it("keeps a bounded number of buckets", () => {
    const limit = new RateLimit(1, 0.001);
    for (let i = 0; i < 10_000; i++) expect(limit.take(`n${i}`, 0)).toBe(true);
  });
});
