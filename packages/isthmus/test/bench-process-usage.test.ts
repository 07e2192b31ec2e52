import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { openFileLimit, residentMemory, takeUsage, usageBetween } from "../src/bench/process-usage.js";

const NO_SUCH_PID = 0x7fff_ffff;

describe.skipIf(!existsSync("/proc/self/schedstat"))("what /proc tells of a process", () => {
  it("resident memory is what the process itself knows of it", () => {
    const known = process.memoryUsage().rss;
    const memory = residentMemory(process.pid);
    expect(memory?.total).toBeGreaterThan(known * 0.8);
    expect(memory?.total).toBeLessThan(known * 1.2);
    expect(memory?.anonymous).toBeLessThan(memory?.total ?? 0);
  });

  it("a process that computes uses a core or waits for one", () => {
    const from = takeUsage(process.pid);
    const until = performance.now() + 300;
    while (performance.now() < until) Math.sqrt(until);
    const share = usageBetween(from, takeUsage(process.pid));
    expect(share.elapsedMs).toBeGreaterThanOrEqual(300);
    // Clock ticks of 10 ms, and an interval that ends between two.
    const busy = (share.broker?.cpu ?? 0) + (share.broker?.waited ?? 0);
    expect(busy).toBeGreaterThan(0.7);
    expect(share.generator.cpu + (share.generator.waited ?? 0)).toBeGreaterThan(0.7);
  });

  it("has a limit of open files", () => {
    expect(openFileLimit(process.pid)).toBeGreaterThan(0);
  });

  it("is nothing for a process that is not there", () => {
    expect(residentMemory(NO_SUCH_PID)).toBeUndefined();
    expect(openFileLimit(NO_SUCH_PID)).toBeUndefined();
    const usage = takeUsage(NO_SUCH_PID);
    expect(usageBetween(usage, takeUsage(NO_SUCH_PID)).broker).toBeUndefined();
  });
});
