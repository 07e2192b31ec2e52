import { createServer } from "node:net";

import { createHub } from "@isthmus/hub";
import { Aedes } from "aedes";
import { afterEach, describe, expect, it } from "vitest";

import { adaptScenario, type Adaptations } from "../src/bench/adapt-scenario.js";
import { BenchConnectionError } from "../src/bench/bench-connection.js";
import { type BrokerAddress, parseBrokerUrl } from "../src/bench/fleet.js";
import type { RunOptions } from "../src/bench/run-options.js";
import { runScenario, type ScenarioReport } from "../src/bench/run-scenario.js";
import { findScenario, type ScenarioName } from "../src/bench/scenarios.js";
import { type Misbehaviour, ScriptedBroker } from "./bench-scripted-broker.js";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const QUICK: RunOptions = {
  warmupMs: 20,
  windowMs: 60,
  repeat: 2,
  brokerPid: undefined,
  signal: new AbortController().signal,
};

async function scripted(misbehaviour: Misbehaviour = {}): Promise<BrokerAddress & { readonly broker: ScriptedBroker }> {
  const broker = new ScriptedBroker(misbehaviour);
  cleanups.push(() => broker.close());
  return { ...(await broker.listen()), broker };
}

function run(
  { host, port }: BrokerAddress,
  name: ScenarioName,
  adaptations: Adaptations = {},
  options: Partial<RunOptions> = {},
): Promise<ScenarioReport> {
  const scenario = adaptScenario(findScenario(name), adaptations);
  return runScenario({ host, port }, name, scenario, { ...QUICK, ...options });
}

const BROKERS: Readonly<Record<string, () => Promise<BrokerAddress>>> = {
  hub: async () => {
    const hub = await createHub({ mqtt: { port: 0 } });
    cleanups.push(() => hub.close());
    return parseBrokerUrl(hub.mqtt?.url ?? "");
  },
  aedes: async () => {
    const aedes = await Aedes.createBroker();
    const server = createServer((socket) => aedes.handle(socket));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise((resolve) => void server.close(resolve));
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
    return { host: "127.0.0.1", port: address.port };
  },
  "a scripted broker": () => scripted(),
};

const THROUGHPUT: readonly [ScenarioName, Adaptations][] = [
  ["1:1", {}],
  ["10:10", {}],
  ["fan-out", { subscribers: 20 }],
  ["fan-in", { publishers: 20 }],
  ["single-writes", { publishers: 5, subscribers: 5 }],
  ["1:1-qos1", {}],
  ["1:1-qos2", {}],
  ["10:10-qos1", {}],
  ["10:10-qos2", {}],
  ["fan-out-qos1", { subscribers: 20 }],
  ["fan-in-qos1", { publishers: 20 }],
  ["payload-16k", {}],
  ["payload-16k", { qos: 2 }],
];

describe.each(Object.entries(BROKERS))("measuring %s", (name, start) => {
  it.each(THROUGHPUT)(
    "%s %j: every message that was sent is delivered, and counted once",
    async (scenario, changes) => {
      const report = await run(await start(), scenario, changes);
      expect(report.figure).toMatchObject({ unit: "deliveries/s", better: "higher" });
      expect(report.figure?.value).toBeGreaterThan(100);
      expect(report.windows).toHaveLength(2);
      expect(report.details["deliveredCount"]).toBe(report.details["dueCount"]);
      expect(report.notes.filter((note) => !/^(generator-bound|contended)/.test(note))).toEqual([]);
    },
  );

  it.each(["latency-qos0", "latency-qos1"] as const)("%s: the times of lone messages", async (scenario) => {
    const { figure, details } = await run(await start(), scenario);
    expect(figure).toMatchObject({ unit: "µs", better: "lower" });
    expect(figure?.value).toBe(details["p50"]);
    expect(details["count"]).toBeGreaterThan(5);
    expect(details["p50"]).toBeGreaterThan(5);
    expect(details["p99"]).toBeGreaterThanOrEqual(details["p50"] ?? 0);
    expect(details["max"]).toBeGreaterThanOrEqual(details["p99"] ?? 0);
  });

  it("connect-storm: connections come and go", async () => {
    const { figure } = await run(await start(), "connect-storm", { concurrency: 5 });
    expect(figure?.unit).toBe("connects/s");
    expect(figure?.value).toBeGreaterThan(20);
  });

  // The scripted broker knows no wildcards.
  if (name === "a scripted broker") return;
  it("many topics and subscriptions: filters with wildcards", async () => {
    const topics = await run(await start(), "many-topics", {
      publishers: 2,
      subscribers: 2,
      "topics-per-publisher": 500,
    });
    expect(topics.details["deliveredCount"]).toBe(topics.details["dueCount"]);
    const subscriptions = await run(await start(), "subscriptions", { subscriptions: 3000, subscribers: 3 });
    expect(subscriptions.details).toMatchObject({ subscriptions: 3000 });
    expect(subscriptions.details["deliveredCount"]).toBe(subscriptions.details["dueCount"]);
    expect(subscriptions.figure?.value).toBeGreaterThan(100);
  });
});

describe.each([["hub", BROKERS["hub"]] as const])("MQTT 5.0 against %s", (_name, start) => {
  it.each(["10:10-v5", "10:10-qos1-v5", "10:10-qos2-v5"] as const)("%s is complete", async (scenario) => {
    const { details } = await run(await (start ?? scripted)(), scenario);
    expect(details["deliveredCount"]).toBeGreaterThan(0);
    expect(details["deliveredCount"]).toBe(details["dueCount"]);
  });
});

describe("a broker that does it wrong", () => {
  it("lost messages of QoS 0 are told, and do not stop the load", async () => {
    const broker = await scripted({ copiesOf: (index) => (index % 10 === 0 ? 0 : 1) });
    const { figure, details, notes } = await run(broker, "1:1", {}, { windowMs: 1500 });
    expect(figure?.value).toBeGreaterThan(100);
    expect((details["deliveredCount"] ?? 0) / (details["dueCount"] ?? 0)).toBeCloseTo(0.9, 2);
    expect(notes.join()).toMatch(/\d+ of \d+ deliveries lost/);
    expect(notes.join()).not.toMatch(/void/);
  });

  it.each([
    ["lost", 0],
    ["delivered twice", 2],
  ])("a message of QoS 1 that is %s voids the row", async (what, copies) => {
    const { notes } = await run(await scripted({ copiesOf: (index) => (index === 50 ? copies : 1) }), "1:1-qos1");
    expect(notes.join()).toContain(what);
    expect(notes).toContain("void: the QoS was broken");
  });

  it.each([
    ["refuses the connection", { connackCode: 5 }, /CONNACK with code 5/],
    ["closes a connection under load", { closesAfter: 500 }, /connection bench-\w+-0: /],
    ["changes the size of a message", { extraPayload: 1 }, /has 87 bytes, where 86 were sent/],
    [
      "acknowledges what was not sent",
      { acknowledges: (id: number) => id + 1000 },
      /identifier 1001, which does not wait/,
    ],
    ["acknowledges twice", { acknowledges: () => 1 }, /identifier 1, which does not wait/],
  ] as const)("one that %s ends the measurement with its reason", async (_what, misbehaviour: Misbehaviour, reason) => {
    const measuring = run(await scripted(misbehaviour), "1:1-qos1");
    await expect(measuring).rejects.toThrow(reason);
    await expect(measuring).rejects.toThrow(BenchConnectionError);
  });

  it("one that falls silent has no figure but that it did", async () => {
    const silence = { copiesOf: (index: number) => (index < 200 ? 1 : 0) };
    const load = await run(await scripted(silence), "1:1-qos1");
    expect(load.notes).toContain("stalled: nothing came in the window");
    const latency = await run(await scripted({ copiesOf: () => 0 }), "latency-qos0");
    expect(latency.figure).toBeUndefined();
    expect(latency.notes).toContain("stalled: nothing came in the window");
  });

  it("acknowledgements out of order are put up with", async () => {
    for (const scenario of ["1:1-qos1", "1:1-qos2"] as const) {
      const { details } = await run(await scripted({ reversesAcknowledgements: true }), scenario);
      expect(details["deliveredCount"]).toBeGreaterThan(200);
      expect(details["deliveredCount"]).toBe(details["dueCount"]);
    }
  });

  it("its Receive Maximum is kept [MQTT-3.3.4-9]", async () => {
    const { broker, ...address } = await scripted({ receiveMaximum: 7 });
    const { details } = await run(address, "10:10-qos1-v5", { publishers: 1, subscribers: 1 });
    expect(details["deliveredCount"]).toBe(details["dueCount"]);
    expect(broker.mostPerChunk).toBe(7);
  });

  it("one that is not there is an error that says so", async () => {
    const { broker, ...address } = await scripted();
    await broker.close();
    await expect(run(address, "1:1")).rejects.toThrow(/ECONNREFUSED/);
    await expect(run(address, "connect-storm")).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe("a run", () => {
  it("ends when its signal says so", async () => {
    const controller = new AbortController();
    const measuring = run(await scripted(), "1:1", {}, { windowMs: 60_000, signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(measuring).rejects.toThrow(/abort/i);
  });

  it("tells the broker's processor use and memory when it knows the process", async () => {
    const { broker, brokerResidentBytes } = await run(await scripted(), "1:1", {}, { brokerPid: process.pid });
    if (process.platform !== "linux") return;
    expect(broker?.cpu).toBeGreaterThan(0);
    expect(brokerResidentBytes).toBeGreaterThan(10e6);
  });
});
