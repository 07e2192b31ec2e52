import { describe, expect, it } from "vitest";
import { VirtualClock } from "../src/index.js";

describe("VirtualClock", () => {
  it("moves only when told to", () => {
    const clock = new VirtualClock(5);
    expect(clock.now).toBe(5);
    clock.advanceBy(10);
    clock.advanceTo(20);
    clock.advanceTo(20);
    expect(clock.now).toBe(20);
  });

  it("never goes backwards", () => {
    const clock = new VirtualClock(5);
    expect(() => clock.advanceTo(4)).toThrow(RangeError);
    expect(() => clock.advanceBy(-1)).toThrow(RangeError);
    expect(clock.now).toBe(5);
  });
});
