import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { INFINITE_RANK, LinkMetrics, mrhof, objectiveFunctionZero, TrickleTimer } from "../src/stack/index.js";
import { ExpiringMap } from "../src/stack/expiring-map.js";
import { ParentSet } from "../src/stack/rpl/parent-set.js";
import { dagRank, isLollipopNewer, nextLollipop } from "../src/stack/rpl/rank.js";
import { RouteTable } from "../src/stack/rpl/route-table.js";
import { linkLocalAddress, parseAddress } from "../src/wire/index.js";
import { addressOf } from "./network.js";

describe("the trickle timer (RFC 6206)", () => {
  /** Times at which it speaks; `hear` may count messages at each deadline. */
  const speaks = (
    options: { redundancy?: number; doublings?: number },
    until: number,
    hear: (timer: TrickleTimer, now: number) => void = () => undefined,
    seed = 1,
  ): { at: number; interval: number }[] => {
    const timer = new TrickleTimer(new SeededRandom(seed), {
      minIntervalMs: 100,
      doublings: options.doublings ?? 4,
      redundancy: options.redundancy ?? 0,
    });
    timer.reset(0);
    const times: { at: number; interval: number }[] = [];
    while (timer.nextDeadline() <= until) {
      const now = timer.nextDeadline();
      hear(timer, now);
      const interval = timer.intervalMs;
      timer.handleTimeout(now);
      if (timer.takeDue()) times.push({ at: now, interval });
    }
    return times;
  };

  it("speaks once in the second half of each interval, and doubles intervals up to the longest", () => {
    const times = speaks({}, 10_000);
    expect(times.map(({ interval }) => interval)).toEqual([100, 200, 400, 800, 1600, 1600, 1600, 1600, 1600]);
    let start = 0;
    for (const { at, interval } of times) {
      expect(at).toBeGreaterThanOrEqual(start + interval / 2);
      expect(at).toBeLessThan(start + interval);
      start += interval;
    }
  });

  it("is silent when k others have said the same in this interval", () => {
    const hearTwo = (timer: TrickleTimer): void => {
      timer.handleConsistent();
      timer.handleConsistent();
    };
    expect(speaks({ redundancy: 2 }, 5_000, hearTwo)).toEqual([]);
    expect(speaks({ redundancy: 3 }, 5_000, (timer) => timer.handleConsistent()).length).toBeGreaterThan(0);
  });

  it("begins anew when something is inconsistent, but not over and over", () => {
    const timer = new TrickleTimer(new SeededRandom(1), { minIntervalMs: 100, doublings: 8, redundancy: 0 });
    timer.reset(0);
    const first = timer.nextDeadline();
    // Rule 6: an interval that is the shortest already goes on.
    timer.reset(10);
    expect(timer.nextDeadline()).toBe(first);
    while (timer.nextDeadline() < 5_000) timer.handleTimeout(timer.nextDeadline());
    expect(timer.intervalMs).toBeGreaterThan(1_000);
    timer.reset(5_000);
    expect(timer.intervalMs).toBe(100);
    expect(timer.nextDeadline()).toBeLessThan(5_100);
    timer.stop();
    expect(timer.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("lollipop counters (RFC 6550 7.2)", () => {
  it("go from 240 to 255 once, then round 0 to 127", () => {
    expect(nextLollipop(240)).toBe(241);
    expect(nextLollipop(255)).toBe(0);
    expect(nextLollipop(126)).toBe(127);
    expect(nextLollipop(127)).toBe(0);
  });

  it.each([
    // The examples of RFC 6550 7.2.
    [240, 5, true],
    [5, 240, false],
    [250, 5, false],
    [5, 250, true],
    [127, 3, false],
    [3, 127, true],
    [10, 9, true],
    [9, 10, false],
    [250, 249, true],
    [9, 9, false],
    // Too far apart to tell: after a restart, what is heard now counts.
    [60, 10, true],
    [10, 60, true],
    [128, 250, true],
  ])("%i is newer than %i: %s", (a, b, expected) => {
    expect(isLollipopNewer(a, b)).toBe(expected);
  });
});

describe("objective functions", () => {
  it("MRHOF adds expected transmissions, at least a hop, up to its limits (RFC 6719)", () => {
    expect(mrhof.rankThrough({ rank: 256, etx: 1 }, 256)).toBe(512);
    expect(mrhof.rankThrough({ rank: 256, etx: 3 }, 256)).toBe(256 + 3 * 128);
    expect(mrhof.rankThrough({ rank: INFINITE_RANK, etx: 1 }, 256)).toBe(INFINITE_RANK);
    expect(mrhof.rankThrough({ rank: 32_700, etx: 2 }, 256)).toBe(INFINITE_RANK);
    expect(mrhof.isGoodParent({ rank: 256, etx: 4 })).toBe(true);
    expect(mrhof.isGoodParent({ rank: 256, etx: 4.1 })).toBe(false);
  });

  it("OF0 takes one to nine steps a hop (RFC 6552)", () => {
    expect(objectiveFunctionZero.rankThrough({ rank: 256, etx: 1 }, 256)).toBe(512);
    expect(objectiveFunctionZero.rankThrough({ rank: 256, etx: 2 }, 256)).toBe(256 + 4 * 256);
    expect(objectiveFunctionZero.rankThrough({ rank: 256, etx: 9 }, 256)).toBe(256 + 9 * 256);
    expect(objectiveFunctionZero.rankThrough({ rank: 0xff00, etx: 1 }, 256)).toBe(INFINITE_RANK);
  });

  it("ranks are compared by their integer part", () => {
    expect(dagRank(767, 256)).toBe(2);
    expect(dagRank(768, 256)).toBe(3);
  });
});

describe("the parent set", () => {
  const parentOf = (index: number, rank: number) => ({
    address: linkLocalAddress(addressOf(index)),
    link: addressOf(index),
    rank,
    dtsn: 240,
    heardAt: 0,
  });

  it("stays with a parent until another is better by the threshold", () => {
    const etx = new Map([
      [1, 1],
      [2, 1],
    ]);
    const parents = new ParentSet(4, (link) => etx.get(link[7] ?? 0) ?? 1);
    parents.set(parentOf(1, 512));
    expect(parents.choose(mrhof, 256, INFINITE_RANK)).toBe(true);
    parents.set(parentOf(2, 400));
    expect(parents.choose(mrhof, 256, INFINITE_RANK)).toBe(false);
    parents.set(parentOf(2, 512 - 192));
    expect(parents.choose(mrhof, 256, INFINITE_RANK)).toBe(true);
    expect(parents.preferred?.link).toEqual(addressOf(2));
  });

  it("leaves a parent with a bad link for a good one, but keeps it when there is no other", () => {
    const etx = new Map([[1, 1]]);
    const parents = new ParentSet(4, (link) => etx.get(link[7] ?? 0) ?? 1);
    parents.set(parentOf(1, 256));
    parents.choose(mrhof, 256, INFINITE_RANK);
    etx.set(1, 5);
    expect(parents.choose(mrhof, 256, INFINITE_RANK)).toBe(false);
    expect(parents.rank(mrhof, 256)).toBe(256 + 5 * 128);
    parents.set(parentOf(2, 800));
    expect(parents.choose(mrhof, 256, INFINITE_RANK)).toBe(true);
    expect(parents.preferred?.link).toEqual(addressOf(2));
  });

  it("takes no parent that would lift its rank above the bound (RFC 6550 8.2.2.4)", () => {
    const parents = new ParentSet(4, () => 1);
    parents.set(parentOf(1, 2_000));
    expect(parents.choose(mrhof, 256, 2_100)).toBe(false);
    expect(parents.preferred).toBeUndefined();
    expect(parents.rank(mrhof, 256)).toBe(INFINITE_RANK);
  });

  it("forgets the one heard of least recently to make room, but never the preferred one", () => {
    const parents = new ParentSet(2, () => 1);
    parents.set(parentOf(1, 256));
    parents.choose(mrhof, 256, INFINITE_RANK);
    parents.set(parentOf(2, 300));
    parents.set(parentOf(3, 300));
    expect(parents.get(linkLocalAddress(addressOf(2)))).toBeUndefined();
    expect(parents.preferred?.link).toEqual(addressOf(1));
  });
});

describe("link metrics", () => {
  it("tend to the transmissions that a link takes, and rise when frames are lost", () => {
    const metrics = new LinkMetrics(2);
    const link = addressOf(1);
    expect(metrics.etx(link)).toBe(1.5);
    for (let i = 0; i < 50; i++) metrics.handleSent(link, true, 1);
    expect(metrics.etx(link)).toBeCloseTo(1, 2);
    metrics.handleSent(link, false, 4);
    expect(metrics.etx(link)).toBeCloseTo(0.85 + 0.15 * 8, 2);
    metrics.forget(link);
    expect(metrics.etx(link)).toBe(1.5);
    for (let i = 0; i < 5; i++) metrics.handleSent(addressOf(i), true, 4);
    expect(metrics.etx(addressOf(0))).toBe(1.5);
  });
});

describe("tables that expire", () => {
  it("are bounded, and tell the next deadline without being late for any", () => {
    const map = new ExpiringMap<{ expiresAt: number }>(2);
    expect(map.set("a", { expiresAt: 10 })).toBe(true);
    expect(map.set("b", { expiresAt: 20 })).toBe(true);
    expect(map.set("c", { expiresAt: 5 })).toBe(false);
    expect(map.nextDeadline()).toBe(10);
    map.set("a", { expiresAt: 30 });
    expect(map.takeExpired(10)).toEqual([]);
    expect(map.nextDeadline()).toBe(20);
    expect(map.takeExpired(20).map(([key]) => key)).toEqual(["b"]);
    expect(map.takeExpired(30).map(([key]) => key)).toEqual(["a"]);
    expect(map.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("of routes forget all that led over a neighbour", () => {
    const routes = new RouteTable(3);
    const [first, second] = [parseAddress("fe80::1"), parseAddress("fe80::2")];
    const route = (nextHop: Uint8Array) => ({ nextHop, pathSequence: 240, expiresAt: 100 });
    expect(routes.set(parseAddress("2001:db8::1"), route(first))).toBe(true);
    expect(routes.set(parseAddress("2001:db8::2"), route(second))).toBe(true);
    expect(routes.set(parseAddress("2001:db8::3"), route(first))).toBe(true);
    expect(routes.set(parseAddress("2001:db8::4"), route(first))).toBe(false);
    expect(routes.deleteThrough(first)).toEqual([parseAddress("2001:db8::1"), parseAddress("2001:db8::3")]);
    expect([...routes.entries()].map(({ target }) => target)).toEqual([parseAddress("2001:db8::2")]);
    expect(routes.handleTimeout(100)).toBe(true);
    expect(routes.size).toBe(0);
  });
});
