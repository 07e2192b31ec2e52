import { NEVER } from "@isthmus/machine";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LinkOptions, SimLink } from "../src/index.js";

const FOREVER = 1_000_000;

function sendAll(options: LinkOptions, count: number, gapMs = 0): { link: SimLink<number>; arrived: number[] } {
  const link = new SimLink<number>(options);
  for (let i = 0; i < count; i++) link.send(i * gapMs, i);
  return { link, arrived: link.takeArrived(FOREVER) };
}

const anyOptions = fc.record({
  seed: fc.nat(),
  minLatencyMs: fc.nat(20),
  maxLatencyMs: fc.integer({ min: 20, max: 200 }),
  loss: fc.double({ min: 0, max: 1, noNaN: true }),
  duplication: fc.double({ min: 0, max: 1, noNaN: true }),
  isOrdered: fc.boolean(),
});

describe("SimLink", () => {
  it("delivers everything once and in order when it is told to do no harm", () => {
    const { arrived } = sendAll({ seed: 1 }, 100, 1);
    expect(arrived).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it("does the same for the same seed and something else for another", () => {
    const options = { seed: 7, maxLatencyMs: 50, loss: 0.3, duplication: 0.3 };
    expect(sendAll(options, 200).arrived).toEqual(sendAll(options, 200).arrived);
    expect(sendAll(options, 200).arrived).not.toEqual(sendAll({ ...options, seed: 8 }, 200).arrived);
  });

  it("accounts for every item: it arrives once or twice, or it is counted as lost", () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const { link, arrived } = sendAll(options, 100, 3);
        const distinct = new Set(arrived);
        expect(link.sentCount).toBe(100);
        expect(distinct.size + link.lostCount).toBe(100);
        for (const item of distinct) expect(arrived.filter((other) => other === item).length).toBeLessThanOrEqual(2);
        expect(link.nextDeadline()).toBe(NEVER);
      }),
    );
  });

  it("an item arrives within its latencies, neither sooner nor later", () => {
    fc.assert(
      fc.property(anyOptions, (drawn) => {
        const options = { ...drawn, loss: 0, duplication: 0, isOrdered: false };
        const link = new SimLink<string>(options);
        link.send(1000, "item");
        expect(link.nextDeadline()).toBeGreaterThanOrEqual(1000 + options.minLatencyMs);
        expect(link.nextDeadline()).toBeLessThanOrEqual(1000 + options.maxLatencyMs);
        expect(link.takeArrived(link.nextDeadline() - 0.001)).toEqual([]);
        expect(link.takeArrived(link.nextDeadline())).toEqual(["item"]);
      }),
    );
  });

  it("an ordered link keeps the order of sending whatever the latency; an unordered one does not", () => {
    const options = { seed: 3, minLatencyMs: 1, maxLatencyMs: 100, loss: 0.2 };
    const isSorted = (items: readonly number[]): boolean =>
      items.every((item, i) => i === 0 || item > (items[i - 1] ?? 0));
    expect(isSorted(sendAll({ ...options, isOrdered: true }, 200, 1).arrived)).toBe(true);
    expect(isSorted(sendAll(options, 200, 1).arrived)).toBe(false);
  });

  it("loses and doubles as often as it is told to", () => {
    const { link, arrived } = sendAll({ seed: 11, loss: 0.25, duplication: 0.5 }, 10_000);
    const delivered = 10_000 - link.lostCount;
    // Six standard deviations: sqrt(10000 * 0.25 * 0.75) = 43, sqrt(7500 * 0.5 * 0.5) = 43.
    expect(Math.abs(link.lostCount - 2500)).toBeLessThan(260);
    expect(Math.abs(arrived.length - delivered - delivered / 2)).toBeLessThan(260);
  });

  it("a cleared link loses what is under way, and counts it", () => {
    const link = new SimLink<string>({ seed: 1, minLatencyMs: 10 });
    link.send(0, "a");
    link.send(0, "b");
    link.clear();
    expect(link.lostCount).toBe(2);
    expect(link.nextDeadline()).toBe(NEVER);
    link.send(5, "c");
    expect(link.takeArrived(15)).toEqual(["c"]);
  });

  it("hands over in order of arrival what arrives between two looks", () => {
    const link = new SimLink<string>({ seed: 1, minLatencyMs: 10 });
    link.send(5, "second");
    link.send(0, "first");
    expect(link.takeArrived(100)).toEqual(["first", "second"]);
  });
});
