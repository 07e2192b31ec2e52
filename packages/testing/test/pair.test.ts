import { type Instant, NEVER } from "@isthmus/machine";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Endpoint, Pair } from "../src/index.js";

type Frame = { readonly type: "data"; readonly index: number } | { readonly type: "ack"; readonly index: number };

/** Sends items one at a time, each until it is acknowledged: the smallest machine that needs both link and clock. */
class StopAndWait implements Endpoint<Frame> {
  readonly received: { readonly index: number; readonly at: Instant }[] = [];
  attempts = 0;
  #index = 0;
  #retryAt: Instant = NEVER;
  #transmits: Frame[] = [];
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
    this.#send(0);
  }

  get isDone(): boolean {
    return this.#index === this.#count;
  }

  receive(now: Instant, frame: Frame): void {
    switch (frame.type) {
      case "data":
        this.#transmits.push({ type: "ack", index: frame.index });
        if (frame.index === this.received.length) this.received.push({ index: frame.index, at: now });
        break;
      case "ack":
        if (frame.index !== this.#index) break;
        this.#index++;
        this.#send(now);
        break;
    }
  }

  takeTransmits(): Frame[] {
    const taken = this.#transmits;
    this.#transmits = [];
    return taken;
  }

  nextDeadline(): Instant {
    return this.#retryAt;
  }

  handleTimeout(now: Instant): void {
    if (now >= this.#retryAt) this.#send(now);
  }

  #send(now: Instant): void {
    this.#retryAt = NEVER;
    if (this.isDone) return;
    this.#retryAt = now + 100;
    this.attempts++;
    this.#transmits.push({ type: "data", index: this.#index });
  }
}

/** Answers each frame with a frame, for ever. */
class Echo implements Endpoint<Frame> {
  #transmits: Frame[] = [{ type: "data", index: 0 }];
  receive(_now: Instant, frame: Frame): void {
    this.#transmits.push(frame);
  }
  takeTransmits(): Frame[] {
    const taken = this.#transmits;
    this.#transmits = [];
    return taken;
  }
  nextDeadline(): Instant {
    return NEVER;
  }
  handleTimeout(): void {}
}

describe("Pair", () => {
  it("runs both machines until both rest, on a clock that costs nothing", () => {
    const left = new StopAndWait(3);
    const right = new StopAndWait(0);
    const pair = new Pair(left, right, { link: { seed: 1, minLatencyMs: 10 } });
    pair.run();
    expect(right.received).toEqual([
      { index: 0, at: 10 },
      { index: 1, at: 30 },
      { index: 2, at: 50 },
    ]);
    expect(left.isDone).toBe(true);
    expect(left.attempts).toBe(3);
    expect(pair.now).toBe(60);
  });

  it("fires each machine's own timers: over any lossy link everything arrives once, in order", () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 0.7, noNaN: true }), (seed, loss) => {
        const left = new StopAndWait(5);
        const right = new StopAndWait(4);
        const link = { seed, loss, duplication: 0.2, minLatencyMs: 1, maxLatencyMs: 300 };
        new Pair(left, right, { link }).run();
        expect(left.isDone && right.isDone).toBe(true);
        expect(right.received.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
        expect(left.received.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      }),
    );
  });

  it("stops at `until`, stands there, and goes on from there", () => {
    const left = new StopAndWait(3);
    const right = new StopAndWait(0);
    const pair = new Pair(left, right, { link: { seed: 1, minLatencyMs: 10 } });
    pair.run(29);
    expect(pair.now).toBe(29);
    expect(right.received).toHaveLength(1);
    pair.runFor(1);
    expect(right.received).toHaveLength(2);
    pair.runFor(1000);
    expect(pair.now).toBe(1030);
    expect(left.isDone).toBe(true);
  });

  it("the two directions fail independently", () => {
    const pair = new Pair(new StopAndWait(200), new StopAndWait(200), { link: { seed: 5, loss: 0.5 } });
    pair.run();
    expect(pair.toRight.lostCount).toBeGreaterThan(0);
    expect(pair.toLeft.lostCount).toBeGreaterThan(0);
    expect(pair.toRight.lostCount).not.toBe(pair.toLeft.lostCount);
  });

  it("machines that never rest fail the test, and the failure names the seed", () => {
    const pair = new Pair(new Echo(), new Echo(), { link: { seed: 42 }, maxSteps: 1000 });
    expect(() => pair.run()).toThrow(/seed 42/);
  });
});
