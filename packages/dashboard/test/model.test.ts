import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chartLines, chartScale } from "../src/model/chart-lines.js";
import { devicesOf } from "../src/model/devices.js";
import { formatAge, formatBytes, formatCount, formatRate } from "../src/model/format.js";
import { HubStatus } from "../src/model/hub-status.js";
import { Pacer } from "../src/model/pacer.js";
import { TopicTable } from "../src/model/topic-table.js";

const message = (topic: string, text: string) =>
  ({ topic, payload: new TextEncoder().encode(text), qos: 0, retain: true, properties: {} }) as const;

describe("the pacer", () => {
  /** Frames 16 ms apart. */
  function frames(): {
    readonly run: (count: number) => void;
    readonly requestFrame: (f: (now: number) => void) => void;
  } {
    let now = 0;
    let waiting: ((now: number) => void)[] = [];
    return {
      requestFrame: (callback) => void waiting.push(callback),
      run: (count) => {
        for (; count > 0; count--) {
          now += 16;
          const due = waiting;
          waiting = [];
          for (const callback of due) callback(now);
        }
      },
    };
  }

  test("shows a thousand changes once, in the next frame", () => {
    const clock = frames();
    let shown = 0;
    const pacer = new Pacer(clock, 100, () => shown++);
    for (let at = 0; at < 1000; at++) pacer.ask();
    expect(shown).toBe(0);
    clock.run(1);
    expect(shown).toBe(1);
  });

  test("shows no more often than is asked, and what came last is shown", () => {
    const clock = frames();
    const shownAt: number[] = [];
    const pacer = new Pacer(clock, 100, (now) => void shownAt.push(now));
    for (let at = 0; at < 20; at++) {
      pacer.ask();
      clock.run(1);
    }
    clock.run(20);
    expect(shownAt).toEqual([16, 128, 240, 352]);
  });
});

describe("formats", () => {
  test.each([
    [formatAge(1999), "now"],
    [formatAge(59_999), "59 s"],
    [formatAge(60_000), "1 min"],
    [formatAge(7_199_999), "1 h"],
    [formatAge(3 * 86_400_000), "3 d"],
    [formatRate(0), ""],
    [formatRate(0.24), "0.2/s"],
    [formatRate(9.96), "10/s"],
    [formatRate(1234), "1.2k/s"],
    [formatCount(999), "999"],
    [formatCount(999_949), "999.9k"],
    [formatCount(999_950), "1.0M"],
    [formatBytes(1023), "1023 B"],
    [formatBytes(1536), "1.5 KiB"],
    [formatBytes(3 * 1024 * 1024), "3.0 MiB"],
  ])("%s is %s", (text, expected) => {
    expect(text).toBe(expected);
  });
});

describe("a chart", () => {
  test("has a line for each number of the newest message, as far as others have it", () => {
    const table = new TopicTable();
    const payloads = ['{"a":1}', "text", '{"a":2,"b":5}', '{"b":6,"a":3}'];
    for (const [at, text] of payloads.entries()) table.receive(message("t", text), at);
    const lines = chartLines(table.get("t")?.messages ?? []);
    expect(lines.map(({ name, points }) => [name, points.map(({ at, value }) => [at, value])])).toEqual([
      [
        "b",
        [
          [2, 5],
          [3, 6],
        ],
      ],
      [
        "a",
        [
          [0, 1],
          [2, 2],
          [3, 3],
        ],
      ],
    ]);
  });

  test("of one value has no line", () => {
    const table = new TopicTable();
    table.receive(message("t", "1"), 0);
    expect(chartLines(table.get("t")?.messages ?? [])).toEqual([]);
  });

  test("has an axis with round numbers", () => {
    expect(chartScale([20.1, 22.9])).toEqual({ minimum: 20, maximum: 23, ticks: [20, 21, 22, 23] });
    expect(chartScale([5])).toEqual({ minimum: 4.5, maximum: 5.5, ticks: [4.5, 5, 5.5] });
    expect(chartScale([0.1, 0.3]).ticks).toEqual([0.1, 0.2, 0.3]);
  });

  test("has an axis for any numbers", () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(values, (all) => {
        const { minimum, maximum, ticks } = chartScale(all);
        expect(ticks.length).toBeLessThanOrEqual(6);
        expect([minimum, maximum, ...ticks].every(Number.isFinite)).toBe(true);
        if (Math.max(...all.map(Math.abs)) < 1e300) {
          expect(minimum).toBeLessThanOrEqual(Math.min(...all));
          expect(maximum).toBeGreaterThanOrEqual(Math.max(...all));
          expect(maximum).toBeGreaterThan(minimum);
        }
      }),
    );
  });
});

describe("devices", () => {
  test("are those that tell whether they are online, with their resources", () => {
    const table = new TopicTable();
    const values = {
      "devices/b/$online": "false",
      "devices/z/$online": "true",
      "devices/z/temp": "21",
      "devices/z/led/0": "on",
      "devices/z/$error": "none",
      "devices/stray/x": "1",
      "other/$online": "true",
    };
    for (const [topic, text] of Object.entries(values)) table.receive(message(topic, text), 0);
    const seen = devicesOf(table).map(({ name, isOnline, resources }) => [
      name,
      isOnline,
      resources.map((r) => r.topic),
    ]);
    expect(seen).toEqual([
      ["z", true, ["devices/z/led/0", "devices/z/temp"]],
      ["b", false, []],
    ]);
  });
});

describe("the hub's status", () => {
  test("tells what people ask first, and leaves out what the hub does not tell", () => {
    const status = new HubStatus();
    expect(status.facts()).toEqual([]);
    const values = { uptime: "7300 seconds", version: "isthmus version 1.2.3", "load/publish/received/1min": "600.00" };
    for (const [name, value] of Object.entries(values)) status.receive(message(`$SYS/broker/${name}`, value));
    status.receive(message("$SYS/other", "x"));
    expect(status.facts()).toEqual([
      { name: "Published", value: "10/s" },
      { name: "Uptime", value: "2 h" },
      { name: "Version", value: "1.2.3" },
    ]);
    expect(status.values().map(({ name }) => name)).toEqual(["load/publish/received/1min", "uptime", "version"]);
  });

  test("keeps no more than 500 values", () => {
    const status = new HubStatus();
    for (let at = 0; at < 600; at++) status.receive(message(`$SYS/broker/${at}`, "x"));
    expect(status.values()).toHaveLength(500);
  });
});
