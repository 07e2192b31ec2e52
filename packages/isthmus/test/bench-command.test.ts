import { createHub, type Hub } from "@isthmus/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { formatReport } from "../src/bench/format-report.js";
import { runIsthmus } from "./run-cli.js";

let hub: Hub;
beforeAll(async () => {
  hub = await createHub({ mqtt: { port: 0 } });
});
afterAll(() => hub.close());

const bench = (args: readonly string[]) => runIsthmus(["bench", ...args]);

const SHORT = ["--seconds=0.05", "--warmup=0.02", "--repeat=1"];

describe("isthmus bench", () => {
  it("measures the broker at a URL, and tells it to people", async () => {
    const { exitCode, stdout, stderr } = await bench(["mqtt", hub.mqtt?.url ?? "", ...SHORT]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^1:1: [\d,]+ deliveries\/s\n/);
    expect(stdout).toMatch(/generator \d+ % of a core/);
  });

  it("--json writes one object a scenario, each on a line", async () => {
    const { stdout } = await bench(["mqtt", hub.mqtt?.url ?? "", "--json", "--scenario=10:10,latency-qos1", ...SHORT]);
    const reports: unknown[] = Buffer.from(stdout, "latin1")
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(reports).toMatchObject([
      { scenario: "10:10", figure: { unit: "deliveries/s" } },
      { scenario: "latency-qos1", figure: { unit: "µs" } },
    ]);
  });

  it.each([
    [[], /isthmus bench mqtt \[URL\]/],
    [["coap"], /isthmus bench mqtt \[URL\]/],
    [["mqtt", "mqtts://localhost"], /not mqtt:/],
    [["mqtt", "--scenario=none"], /no scenario "none"; there are 1:1/],
    [["mqtt", "--seconds=soon"], /--seconds soon is not a number/],
    [["mqtt", "--scenario=idle", "--payload=1"], /no payload/],
    [["mqtt", "--warm"], /--warm/],
  ])("%j is refused with what is wrong", async (args, message) => {
    const { exitCode, stdout, stderr } = await bench(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("a broker that is not there is one line, not a stack", async () => {
    const { exitCode, stderr } = await bench(["mqtt", "mqtt://127.0.0.1:1", ...SHORT]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^isthmus bench: connection .*ECONNREFUSED.*\n$/);
  });

  it("an interrupted run ends as shells expect it, without figures", async () => {
    const running = bench(["mqtt", hub.mqtt?.url ?? "", "--seconds=60"]);
    running.stop();
    expect(await running).toEqual({ exitCode: 130, stdout: "", stderr: "" });
  });
});

describe("a report for people", () => {
  it("has the figure first, then the windows, the numbers, the use of processors, and what to mind", () => {
    const text = formatReport({
      scenario: "1:1",
      figure: { value: 1_234_567.8, unit: "deliveries/s", better: "higher" },
      windows: [1_234_567.8, 9.876],
      details: { sentCount: 5 },
      generator: { cpu: 0.987, waited: 0 },
      broker: { cpu: 0.5, waited: 0 },
      brokerResidentBytes: 12_345_678,
      notes: ["generator-bound: at least"],
    });
    expect(text).toBe(
      [
        "1:1: 1,234,568 deliveries/s",
        "    windows 1,234,568  9.88",
        "    sentCount 5",
        "    generator 99 % of a core  broker 50 % of a core  broker resident 12.3 MB",
        "    ! generator-bound: at least",
        "",
      ].join("\n"),
    );
  });
});
