import { describe, expect, it } from "vitest";

import { parseChoice } from "../../../bench/command-line.ts";
import { medianReport, type Report } from "../../../bench/measure.ts";
import { PLAN } from "../../../bench/plan.ts";
import { formatTable } from "../../../bench/table.ts";
import { SCENARIOS } from "../src/bench/scenarios.js";

function report(value: number | undefined, notes: readonly string[] = []): Report {
  return {
    scenario: "1:1",
    ...(value !== undefined && { figure: { value, unit: "deliveries/s", better: "higher" } }),
    windows: [],
    details: {},
    generator: { cpu: 0.5 },
    broker: { cpu: 0.5 },
    brokerResidentBytes: 9e6,
    notes,
  };
}

describe("the plan of the comparison", () => {
  it("measures every scenario that isthmus bench has, and knows which speak MQTT 5.0", () => {
    const planned = PLAN.filter(({ name }) => name !== "start");
    expect(planned.map(({ name }) => name).sort()).toEqual(Object.keys(SCENARIOS).sort());
    for (const { name, protocolVersion } of planned) {
      expect([name, Object.entries(SCENARIOS).find(([key]) => key === name)?.[1].version]).toEqual([
        name,
        protocolVersion,
      ]);
    }
  });
});

describe("the command line of the comparison", () => {
  const read = (...args: string[]): ReturnType<typeof parseChoice> =>
    parseChoice(args, {
      command: "bench",
      kind: "broker",
      scenarios: PLAN,
      subjects: {
        isthmus: { name: "isthmus", missing: () => undefined },
        absent: { name: "absent", missing: () => "it is not installed" },
      },
      standard: "isthmus",
      rounds: 3,
      seconds: 2,
      filePrefix: "",
    });
  const names = (list: readonly { readonly name: string }[] = []): string[] => list.map(({ name }) => name);

  it("measures all rows, or those that are named, or the quick ones", () => {
    expect(names(read()?.scenarios)).toEqual(names(PLAN));
    expect(names(read("--only", "fan-in,1:1")?.scenarios)).toEqual(["fan-in", "1:1"]);
    expect(names(read("--quick")?.scenarios)).toEqual(names(PLAN.filter(({ isQuick }) => isQuick)));
  });

  it("leaves out what is not on this machine", () => {
    expect(names(read("--brokers", "absent,isthmus")?.subjects)).toEqual(["isthmus"]);
  });

  it("takes numbers, and knows its own", () => {
    expect(read()).toMatchObject({ rounds: 3, timing: { seconds: 2, warmup: 1 } });
    expect(read("--quick")).toMatchObject({ rounds: 1, timing: { seconds: 1 } });
    expect(read("--rounds", "5", "--seconds", "0.5")).toMatchObject({ rounds: 5, timing: { seconds: 0.5 } });
  });

  it("refuses what there is not", () => {
    expect(() => read("--only", "2:2")).toThrow(/no row "2:2"; there are start, 1:1/);
    expect(() => read("--brokers", "emqx")).toThrow('no broker "emqx"; there are isthmus, absent');
    expect(() => read("--seconds", "two")).toThrow("--seconds two is not a number");
    expect(() => read("--servers", "isthmus")).toThrow("--servers");
  });
});

describe("the median of the rounds", () => {
  it("is the one in the middle, with the figures of all rounds", () => {
    expect(medianReport([report(3), report(1), report(2)])).toMatchObject({ figure: { value: 2 }, windows: [3, 1, 2] });
  });

  it("leaves out disturbed rounds while there are others", () => {
    const disturbed = ["contended: no core for 30 % of the time"];
    expect(medianReport([report(1, disturbed), report(2, disturbed), report(9)])?.figure?.value).toBe(9);
    expect(medianReport([report(1, disturbed), report(2, disturbed)])?.figure?.value).toBe(1);
  });

  it("keeps what failed in view", () => {
    const median = medianReport([report(undefined, ["failed: it crashed"]), report(4)]);
    expect(median).toMatchObject({ figure: { value: 4 }, notes: ["failed: it crashed"] });
    expect(medianReport([report(undefined, ["failed: it crashed"])])?.figure).toBeUndefined();
  });
});

describe("the table", () => {
  const lines = (...rows: Parameters<typeof formatTable>[0]): string[][] =>
    formatTable(rows)
      .trim()
      .split("\n")
      .map((line) => line.split("|").map((cell) => cell.trim()));

  it("tells how many times better isthmus is, whichever way better is", () => {
    const time = (value: number): Report => ({ ...report(0), figure: { value, unit: "µs", better: "lower" } });
    const table = lines(
      { scenario: "1:1", broker: "isthmus", report: report(1000) },
      { scenario: "1:1", broker: "mosquitto", report: report(100) },
      { scenario: "latency", broker: "isthmus", report: time(100) },
      { scenario: "latency", broker: "aedes", report: time(50) },
    );
    expect(table.map((cells) => cells[4])).toEqual(["isthmus is", expect.any(String), "", "10 x", "", "0.5 x"]);
    expect(table[3]).toEqual([
      "",
      "1:1",
      "mosquitto",
      "100 deliveries/s",
      "10 x",
      "200",
      "50 %",
      "50 %",
      "9 MB",
      "",
      "",
    ]);
  });

  it("marks what the generator limits, and what could not be measured", () => {
    const row = { scenario: "1:1", broker: "aedes", report: report(undefined, ["failed: one | two\n  at three"]) };
    const table = lines({ scenario: "1:1", broker: "isthmus", report: report(5, ["generator-bound: at least"]) }, row);
    expect(table[2]?.[3]).toBe("≥ 5 deliveries/s");
    expect(table[3]?.[3]).toBe("-");
    expect(formatTable([row])).toContain("failed: one \\| two at three");
  });
});
