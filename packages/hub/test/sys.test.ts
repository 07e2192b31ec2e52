import { once } from "node:events";
import { spawn } from "node:child_process";
import { MemoryStore } from "@isthmus/exchange";
import { findProgram, launchMosquitto } from "@isthmus/testing/peers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { LoadAverage } from "../src/sys/load-average.js";

const hubs: Hub[] = [];
async function start(options: Parameters<typeof createHub>[0] = {}): Promise<Hub> {
  const hub = await createHub(options);
  hubs.push(hub);
  return hub;
}
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

function valueOf(hub: Hub, name: string): string | undefined {
  const message = hub.exchange.retained.get(`$SYS/broker/${name}`);
  return message && Buffer.from(message.payload).toString();
}

describe("status topics", () => {
  test("are there from the start and follow what happens", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const hub = await start({ sys: { intervalMs: 1000 } });
    expect(valueOf(hub, "version")).toMatch(/^isthmus version \d+\.\d+\.\d+$/);
    expect(valueOf(hub, "uptime")).toBe("0 seconds");
    const away = await hub.connect({ clientId: "away", cleanStart: false });
    await away.subscribe("q", { qos: 1 });
    await away.close();
    const client = await hub.connect();
    await client.publish("q", "12345678", { qos: 1, retain: true });
    expect(valueOf(hub, "clients/total")).toBe("0");
    vi.advanceTimersByTime(1000);
    const expected = {
      "clients/total": "2",
      "clients/connected": "1",
      "clients/disconnected": "1",
      "clients/maximum": "1",
      "subscriptions/count": "1",
      "publish/messages/received": "1",
      "publish/messages/sent": "0",
      "publish/bytes/received": "8",
      // CONNECT, SUBSCRIBE, DISCONNECT; CONNECT, PUBLISH.
      "messages/received": "5",
      // CONNACK, SUBACK; CONNACK, PUBACK.
      "messages/sent": "4",
    };
    for (const [name, value] of Object.entries(expected)) expect([name, valueOf(hub, name)]).toEqual([name, value]);
    expect(Number(valueOf(hub, "load/publish/received/1min"))).toBeGreaterThan(0);
  });

  test("only what has changed is published again, and # does not match it", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const hub = await start({ sys: { intervalMs: 1000 } });
    const client = await hub.connect({ bufferLimitBytes: 1 << 24 });
    const everything = await client.subscribe("#");
    const status = await client.subscribe(["$SYS/broker/version", "$SYS/broker/clients/total"]);
    const messages = status[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value } = await messages.next();
      return `${value?.topic} ${value?.text()}`;
    };
    expect(await next()).toBe(`$SYS/broker/version ${valueOf(hub, "version")}`);
    expect(await next()).toBe("$SYS/broker/clients/total 0");
    vi.advanceTimersByTime(1000);
    expect(await next()).toBe("$SYS/broker/clients/total 1");
    await client.publish("end", "");
    expect((await everything[Symbol.asyncIterator]().next()).value?.topic).toBe("end");
  });

  test("are not written to the store", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start({ store });
    expect(valueOf(hub, "version")).toBeDefined();
    expect([...store.range("retained", [])]).toEqual([]);
    const client = await hub.connect();
    await client.publish("kept", "1", { qos: 1, retain: true });
    expect([...store.range("retained", [])].length).toBe(1);
  });

  test("none with an interval of 0", async () => {
    const hub = await start({ sys: { intervalMs: 0 } });
    expect(hub.exchange.retained.size).toBe(0);
  });
});

describe("load averages", () => {
  test("a steady rate is reached by the average of one minute first", () => {
    const load = new LoadAverage();
    for (let seconds = 10; seconds <= 60; seconds += 10) load.update(seconds, 10_000);
    // 1 - 1/e, 1 - e^(-1/5), 1 - e^(-1/15) of 60 a minute.
    expect(load.averages.map((average) => average.toFixed(2))).toEqual(["37.93", "10.88", "3.87"]);
  });

  test("it does not matter how often one looks", () => {
    const [often, seldom] = [new LoadAverage(), new LoadAverage()];
    for (let seconds = 1; seconds <= 300; seconds++) often.update(seconds * 7, 1000);
    seldom.update(2100, 300_000);
    for (const at of [0, 1, 2] as const) expect(often.averages[at]).toBeCloseTo(seldom.averages[at], 6);
  });

  test("it decays to nothing when all is quiet", () => {
    const load = new LoadAverage();
    load.update(1000, 1000);
    load.update(1000, 3600_000);
    expect(load.averages[0]).toBeCloseTo(0, 6);
  });
});

const mosquitto = findProgram("mosquitto");
const mosquittoSub = findProgram("mosquitto_sub");

/** The status topics that a real mosquitto_sub sees. */
async function statusTopics(path: string, port: string | number): Promise<Set<string>> {
  const child = spawn(path, ["-p", String(port), "-t", "$SYS/#", "-F", "%t", "-W", "2"]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  return new Set(output.trim().split("\n"));
}

test.skipIf(mosquitto === undefined || mosquittoSub === undefined)("mosquitto's names are all there", async () => {
  if (mosquitto === undefined || mosquittoSub === undefined) return;
  await using broker = await launchMosquitto(mosquitto, { config: "sys_interval 1" });
  const hub = await start({ mqtt: { port: 0 }, sys: { intervalMs: 1000 } });
  const theirs = await statusTopics(mosquittoSub, broker.port);
  const ours = await statusTopics(mosquittoSub, new URL(hub.mqtt?.url ?? "").port);
  expect(theirs.size).toBeGreaterThan(40);
  expect([...theirs].filter((topic) => !ours.has(topic))).toEqual([]);
});
