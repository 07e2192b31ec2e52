import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SignInDelay } from "../src/access/sign-in-delay.js";
import { ConnectionGate } from "../src/listeners/connection-gate.js";
import { TokenBucket } from "../src/listeners/token-bucket.js";

describe("who tries passwords", () => {
  test("waits after the third failure, twice as long after each, and no longer than the longest", () => {
    const delay = new SignInDelay();
    const waits: (number | undefined)[] = [];
    let now = 0;
    for (let i = 0; i < 12; i++) {
      const wait = delay.take("a", "anna", now);
      waits.push(wait);
      now += wait ?? 0;
      delay.noteFailure("a", "anna", now);
      // Comes back at its leisure.
      now += 20_000;
    }
    expect(waits).toEqual([0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
  });

  test("waits for the tries before, and is sent away when too many wait", () => {
    const delay = new SignInDelay();
    for (let i = 0; i < 8; i++) delay.noteFailure("a", "anna", 0);
    expect([1, 2, 3].map(() => delay.take("a", "anna", 0))).toEqual([5000, undefined, undefined]);
    expect(delay.take("a", "anna", 10_000)).toBe(5000);
  });

  test("has its own turn: another address and, for long, another user do not wait", () => {
    const delay = new SignInDelay();
    for (let i = 0; i < 29; i++) delay.noteFailure("a", "anna", 0);
    expect(delay.take("b", "anna", 0)).toBe(0);
    expect(delay.take("a", "ben", 0)).toBe(0);
    delay.noteFailure("a", "ben", 0);
    expect(delay.take("a", "carl", 0)).toBe(250);
  });

  test("starts anew once in, and after ten minutes; success does not clear the address", () => {
    const delay = new SignInDelay();
    for (let i = 0; i < 30; i++) delay.noteFailure("a", "anna", 0);
    delay.noteSuccess("a", "anna");
    expect(delay.take("a", "anna", 0)).toBe(250);
    expect(delay.take("a", "anna", 600_000)).toBe(0);
  });

  test("and whose password is remembered waits for tries of the same user alone", () => {
    const delay = new SignInDelay();
    for (let i = 0; i < 100; i++) delay.noteFailure("a", `u${i}`, 0);
    expect([1, 2, 3].map(() => delay.take("a", "anna", 0, () => true))).toEqual([0, 0, 0]);
    for (let i = 0; i < 8; i++) delay.noteFailure("a", "anna", 0);
    expect([1, 2].map(() => delay.take("a", "anna", 0, () => true))).toEqual([5000, undefined]);
  });

  test("and guesses at what is remembered is slowed down, also where no password is looked at any more", () => {
    const delay = new SignInDelay();
    for (let i = 0; i < 100; i++) delay.noteFailure("a", `u${i}`, 0);
    while (delay.take("a", "zoe", 0) !== undefined);
    let compared = 0;
    for (let i = 0; i < 1000; i++) {
      delay.take("a", "anna", 0, () => {
        compared++;
        return false;
      });
    }
    // The free ones, and those that have had a turn in what may wait at the most.
    expect(compared).toBeLessThan(12);
  });

  test("does not fill the memory", () => {
    const delay = new SignInDelay({ maxEntries: 10 });
    for (let i = 0; i < 1000; i++) delay.noteFailure(`a${i}`, `u${i}`, i);
    expect(delay.size).toBe(10);
    delay.noteFailure("b", "u", 1_000_000);
    expect(delay.size).toBe(2);
  });

  test("waits for nothing when that is turned off", () => {
    const delay = new SignInDelay({ maxDelayMs: 0 });
    for (let i = 0; i < 100; i++) delay.noteFailure("a", "anna", 0);
    expect(delay.take("a", "anna", 0)).toBe(0);
  });
});

test("a token bucket gives its rate over any time, and a burst of as much", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.tuple(fc.nat(50), fc.nat(1000)), { maxLength: 50 }),
      (rate, steps) => {
        const bucket = new TokenBucket(rate, 0);
        let [now, spent] = [0, 0];
        for (const [count, pauseMs] of steps) {
          now += pauseMs;
          spent += count;
          // Waits as it is told to.
          now += bucket.spend(count, now);
        }
        expect(spent).toBeLessThanOrEqual(rate + (now * rate) / 1000 + 1e-6);
      },
    ),
  );
});

describe("a gate for connections", () => {
  test("holds as many as it may, in all and of one address", () => {
    const gate = new ConnectionGate({ maxConnections: 3, maxConnectionsPerAddress: 2 });
    expect(["a", "a", "a", "b", "b"].map((address) => gate.enter(address, 0)?.label)).toEqual([
      undefined,
      undefined,
      "too-many-connections",
      undefined,
      "too-many-connections",
    ]);
    gate.leave("a");
    expect(gate.enter("b", 0)).toBeUndefined();
  });

  test("lets in so many a second of one address, and forgets whom it has not seen", () => {
    const gate = new ConnectionGate({ maxConnectionRate: 2 });
    const labels = [0, 0, 0, 400, 500, 501, 1000].map((now) => gate.enter("a", now)?.label);
    const rate = "connection-rate";
    expect(labels).toEqual([undefined, undefined, rate, rate, undefined, rate, undefined]);
    expect(gate.enter("b", 1000)).toBeUndefined();
  });
});
