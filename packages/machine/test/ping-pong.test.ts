import { describe, expect, test } from "vitest";
import { PingPong } from "../src/index.js";

const POLL_MS = 0.1;

/** Answers each of `partners` in turn, `gapMs` apart; returns for how long to look for input after the last one. */
function play(pingPong: PingPong, partners: readonly unknown[], gapMs: number): number {
  let now = 1_000;
  let pollUntil = now;
  for (const partner of partners) {
    now += gapMs;
    pollUntil = pingPong.handleAnswered(partner, now);
  }
  return pollUntil - now;
}

describe("PingPong", () => {
  test("looks for the next message of one who sends each soon after the answer", () => {
    expect(play(new PingPong(POLL_MS), Array(17).fill("a"), 0.05)).toBeCloseTo(POLL_MS);
  });

  test("looks for the next message of two who talk to each other", () => {
    const partners = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? "a" : "b"));
    expect(play(new PingPong(POLL_MS), partners, 0.05)).toBeCloseTo(POLL_MS);
  });

  test.each([
    ["a few messages", Array(10).fill("a"), 0.05],
    ["one who sends now and then", Array(100).fill("a"), 5],
    ["many whose messages come close together", Array.from({ length: 99 }, (_, index) => index % 3), 0.01],
  ])("does not for %s", (_name, partners, gapMs) => {
    expect(play(new PingPong(POLL_MS), partners, gapMs)).toBe(0);
  });

  test("never does with a time of 0", () => {
    expect(play(new PingPong(0), Array(100).fill("a"), 0)).toBe(0);
  });
});
