import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { timeAttributes, timeCover } from "../src/suites/time-attributes.js";
import { seed } from "./seed.js";

const HOUR = 3600;
const at = (iso: string): number => Date.parse(iso) / 1000;

describe("time as attributes", () => {
  it("an instant is in four nodes", () => {
    expect(timeAttributes(at("2025-11-22T21:30:00Z"))).toEqual([
      "@time/Y=2025",
      "@time/M=2025-11",
      "@time/D=2025-11-22",
      "@time/H=2025-11-22T21",
    ]);
  });

  it.each([
    ["2025-01-01T00:00Z", "2026-01-01T00:00Z", ["@time/Y=2025"]],
    ["2025-11-22T22:15Z", "2025-11-23T00:00Z", ["@time/H=2025-11-22T22", "@time/H=2025-11-22T23"]],
    ["2024-02-28T00:00Z", "2024-03-01T00:00Z", ["@time/D=2024-02-28", "@time/D=2024-02-29"]],
    ["2025-11-30T00:00Z", "2026-02-01T00:00Z", ["@time/D=2025-11-30", "@time/M=2025-12", "@time/M=2026-01"]],
    ["2025-11-22T21:59Z", "2025-11-22T22:00Z", ["@time/H=2025-11-22T21"]],
  ])("from %s until %s: %j", (from, until, nodes) => {
    expect(timeCover({ from: at(from), until: at(until) })).toEqual(nodes);
  });

  it(`a key's period holds an hour exactly when one of its nodes does (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 2000; round++) {
      const from = Math.floor(random.nextFloat() * 3e9);
      const until = from + 1 + Math.floor(random.nextFloat() ** 4 * 4e8);
      const cover = new Set(timeCover({ from, until }));
      const start = Math.floor(from / HOUR) * HOUR;
      const end = Math.ceil(until / HOUR) * HOUR;
      const probes = [
        start - 1,
        start,
        from,
        until - 1,
        end - 1,
        end,
        from + random.nextFloat() * (until - from),
        random.nextFloat() * 4e9,
      ];
      for (const probe of probes.filter((time) => time >= 0)) {
        const inside = probe >= start && probe < end;
        expect(timeAttributes(probe).filter((node) => cover.has(node)).length).toBe(inside ? 1 : 0);
      }
      expect(cover.size).toBeLessThanOrEqual(2 * (23 + 30 + 11) + 20);
    }
  });

  it("refuses an empty period, one of more than a hundred years and years beyond 9999", () => {
    expect(() => timeCover({ from: 10, until: 10 })).toThrow(RangeError);
    expect(() => timeCover({ from: 10, until: Number.NaN })).toThrow(RangeError);
    expect(() => timeCover({ from: 0, until: 4e9 })).toThrow(RangeError);
    expect(() => timeAttributes(-1)).toThrow(RangeError);
    expect(() => timeAttributes(at("9999-12-31T23:59:59Z") + 1)).toThrow(RangeError);
  });
});
