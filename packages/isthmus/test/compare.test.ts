import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatComparison } from "../src/compare/compare-ways.js";
import { runIsthmus } from "./run-cli.js";

/** Where packets are counted: Linux alone. */
const isCounted = existsSync("/proc/net/dev");

describe("isthmus compare", { timeout: 60_000 }, () => {
  test.skipIf(!isCounted)("sends a reading by each way, and counts what it takes (on Linux)", async () => {
    const { stdout, exitCode } = await runIsthmus(["compare", "-n", "5", "-t", "a/b", "-m", "17.25"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('"17.25" on a/b: once, and each of 5\n');
    const rows = stdout.split("\n").filter((line) => /^\| (?:MQTT|CoAP|HTTP)/.test(line));
    expect(rows).toHaveLength(13);
    for (const row of rows) {
      const [, , bytes, packets, , bytesEach] = row.split("|").map((cell) => cell.trim());
      // Other tests' traffic may be counted with it, so there is no upper bound. A packet has 28 bytes of headers.
      expect(Number(packets)).toBeGreaterThanOrEqual(2);
      expect(Number(bytes)).toBeGreaterThanOrEqual(28 * 2 + "17.25".length);
      expect(Number(bytesEach)).toBeGreaterThanOrEqual(28 + "17.25".length);
    }
  });

  test("prints a table that reads as Markdown", () => {
    const comparison = {
      name: "a way",
      once: { bytes: 110, packets: 2 },
      firstRoundTrips: "1",
      each: { bytes: 75.96, packets: 1.5 },
      nextRoundTrips: "0",
      timeMs: 0.1234,
    };
    expect(formatComparison([comparison]).split("\n")).toEqual([
      "| way   | bytes | packets | round trips | bytes each | packets each | round trips each | ms each |",
      "| ----- | ----: | ------: | ----------: | ---------: | -----------: | ---------------: | ------: |",
      "| a way |   110 |       2 |           1 |         76 |         1.50 |                0 |   0.123 |",
    ]);
  });

  test.each([
    [["compare", "-n", "0"], "-n 0: not a whole number"],
    [["compare", "now"], 'nothing to do with "now"'],
  ])("%j is refused", async (args, message) => {
    const { stderr, exitCode } = await runIsthmus(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });
});
