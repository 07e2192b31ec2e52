import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MemoryStore } from "@isthmus/exchange";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { formatFamilies } from "../src/prometheus/exposition.js";
import { Histogram } from "../src/prometheus/histogram.js";
import { VERSION } from "../src/version.js";
import manifest from "../package.json" with { type: "json" };

let hub: Hub;
async function start(options: HubOptions = {}): Promise<void> {
  hub = await createHub({ http: { port: 0 }, sys: { intervalMs: 0 }, ...options });
}
beforeEach(() => start());
afterEach(() => hub.close());

async function scrape(): Promise<string> {
  const response = await fetch(new URL("/metrics", hub.http?.url));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return response.text();
}

/** The values of one name by their labels as written. */
async function values(name: string): Promise<Record<string, number>> {
  const found = [...(await scrape()).matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)].filter((line) => line[1] === name);
  return Object.fromEntries(found.map(([, , labels = "", value]) => [labels, Number(value)]));
}

/** Those that are not zero. */
async function counted(name: string): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await values(name)).filter(([, value]) => value !== 0));
}

describe("/metrics counts", () => {
  test("messages by door, QoS and direction, and their payloads", async () => {
    const [publisher, subscriber] = [await hub.connect(), await hub.connect()];
    const received = await subscriber.subscribe("t", { qos: 2 });
    for (let i = 0; i < 5; i++) await publisher.publish("t", "12345678", { qos: 0 });
    for (const qos of [1, 2, 2] as const) await publisher.publish("t", "12345678", { qos });
    const messages = received[Symbol.asyncIterator]();
    for (let i = 0; i < 8; i++) await messages.next();
    expect(await counted("isthmus_messages_received_total")).toEqual({
      'door="mqtt",qos="0"': 5,
      'door="mqtt",qos="1"': 1,
      'door="mqtt",qos="2"': 2,
    });
    expect(await counted("isthmus_messages_sent_total")).toEqual(await counted("isthmus_messages_received_total"));
    expect(await counted("isthmus_received_payload_bytes_total")).toEqual({ 'door="mqtt"': 64 });
    expect(await counted("isthmus_sent_payload_bytes_total")).toEqual({ 'door="mqtt"': 64 });
    // CONNECT, CONNECT, SUBSCRIBE, 8 PUBLISH, 2 PUBREL; and from the subscriber PUBACK, 2 PUBREC, 2 PUBCOMP.
    expect((await values("isthmus_packets_received_total"))['door="mqtt"']).toBe(18);
    // CONNACK, CONNACK, SUBACK, PUBACK, 2 PUBREC, 2 PUBCOMP; and to the subscriber 8 PUBLISH, 2 PUBREL.
    expect((await values("isthmus_packets_sent_total"))['door="mqtt"']).toBe(18);
  });

  test("the bytes that the network carried", async () => {
    const client = await hub.connect({ clientId: "a", protocolVersion: 4, keepAliveSeconds: 0 });
    // CONNECT of 12 + 3 bytes; CONNACK of 4.
    expect((await values("isthmus_received_bytes_total"))['door="mqtt"']).toBe(15);
    expect((await values("isthmus_sent_bytes_total"))['door="mqtt"']).toBe(4);
    await client.publish("t", "x", { qos: 1 });
    expect((await values("isthmus_received_bytes_total"))['door="mqtt"']).toBe(15 + 8);
    expect((await values("isthmus_sent_bytes_total"))['door="mqtt"']).toBe(4 + 4);
  });

  test("what waits, what is in flight, subscriptions, retained messages and sessions as they are now", async () => {
    const away = await hub.connect({ clientId: "away", cleanStart: false });
    await away.subscribe(["q", "$share/g/q"], { qos: 1 });
    await away.close();
    const publisher = await hub.connect();
    await publisher.publish("q", "12345", { qos: 1, retain: true });
    expect(await values("isthmus_queued_messages")).toEqual({ "": 2 });
    expect(await values("isthmus_queued_bytes")).toEqual({ "": 12 });
    expect(await values("isthmus_in_flight_messages")).toEqual({ "": 0 });
    expect(await values("isthmus_subscriptions")).toEqual({ 'kind="plain"': 1, 'kind="shared"': 1 });
    expect(await values("isthmus_retained_messages")).toEqual({ "": 1 });
    expect(await values("isthmus_retained_bytes")).toEqual({ "": 6 });
    expect(await values("isthmus_sessions")).toEqual({ 'client="connected"': 1, 'client="away"': 1 });
    expect(await values("isthmus_connections")).toEqual({ "": 1 });
  });

  test("refusals and drops by reason", async () => {
    await hub.close();
    await start({ limits: { maxQueuedMessages: 1, maxSubscriptionsPerClient: 1 } });
    const away = await hub.connect({ clientId: "away", cleanStart: false });
    await away.subscribe("q", { qos: 1 });
    await expect(away.subscribe("r")).rejects.toThrow("quota");
    await away.close();
    const publisher = await hub.connect();
    for (let i = 0; i < 3; i++) await publisher.publish("q", "1", { qos: 1 });
    await expect(publisher.publish("$SYS/broker/uptime", "1", { qos: 1 })).rejects.toThrow("authorized");
    expect(await counted("isthmus_messages_dropped_total")).toEqual({ 'reason="queue-full"': 2 });
    expect(await counted("isthmus_messages_refused_total")).toEqual({ 'reason="not-authorized"': 1 });
    expect(await counted("isthmus_subscriptions_refused_total")).toEqual({ 'reason="quota-exceeded"': 1 });
    await hub.close();
    await start({ allowAnonymous: false, metrics: { isPublic: true } });
    await expect(hub.connect()).rejects.toThrow("authorized");
    expect(await counted("isthmus_connections_refused_total")).toEqual({ 'reason="not-authorized"': 1 });
  });

  test("how long the store takes, in cumulative buckets", async () => {
    await hub.close();
    await start({ store: new MemoryStore({ durability: "sync" }) });
    const client = await hub.connect();
    for (let i = 0; i < 3; i++) await client.publish("t", String(i), { qos: 1, retain: true });
    const buckets = Object.values(await values("isthmus_store_commit_duration_seconds_bucket"));
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
    expect(buckets.at(-1)).toBeGreaterThanOrEqual(3);
    expect(await values("isthmus_store_commit_duration_seconds_count")).toEqual({ "": buckets.at(-1) });
  });

  test("event-loop lag, from the second scrape on", async () => {
    expect(await values("nodejs_eventloop_lag_max_seconds")).toEqual({});
    await expect.poll(() => values("nodejs_eventloop_lag_max_seconds"), { timeout: 10_000 }).toHaveProperty([""]);
  });
});

test("only GET and HEAD", async () => {
  const response = await fetch(new URL("/metrics", hub.http?.url), { method: "POST" });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("the version is that of the package", () => {
  expect(VERSION).toBe(manifest.version);
});

describe("the text format", () => {
  test("escapes labels and help, and writes what is no number", () => {
    const samples = [{ labels: { a: 'x"\\\n' }, value: Number.POSITIVE_INFINITY }, { value: Number.NaN }];
    expect(formatFamilies([{ name: "m", help: "back\\slash\nline", type: "gauge", samples }])).toBe(
      '# HELP m back\\\\slash\\nline\n# TYPE m gauge\nm{a="x\\"\\\\\\n"} +Inf\nm NaN\n',
    );
  });

  test("a bound belongs to its bucket, and what is above all bounds counts in the sum", () => {
    const histogram = new Histogram([1, 2]);
    for (const value of [1, 1.5, 2, 7]) histogram.observe(value);
    expect(formatFamilies([{ name: "h", help: "h", type: "histogram", histogram }])).toBe(
      "# HELP h h\n# TYPE h histogram\n" +
        'h_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\nh_sum 11.5\nh_count 4\n',
    );
  });
});

/** Debian's, which has python3-prometheus-client. */
const PYTHON = "/usr/bin/python3";
const hasParser = spawnSync(PYTHON, ["-c", "import prometheus_client.parser"]).status === 0;
if (!hasParser && process.env["CI"]) throw new Error("python3-prometheus-client is not installed");

test.skipIf(!hasParser)("Prometheus' own parser understands all of it", async () => {
  await (await hub.connect()).publish("t", "x", { qos: 1 });
  await expect(hub.connect({ clientId: "x".repeat(70_000) })).rejects.toThrow();
  const script = fileURLToPath(new URL("prometheus-peer.py", import.meta.url));
  const output = execFileSync(PYTHON, [script], { input: await scrape(), encoding: "utf8" });
  // The script beside this file answers in this form.
  const families = JSON.parse(output) as { name: string; type: string; help: string; samples: { value: string }[] }[];
  expect(families.length).toBeGreaterThan(25);
  expect(families.filter(({ type, help }) => type === "unknown" || help === "")).toEqual([]);
  expect(families.flatMap(({ samples }) => samples).filter(({ value }) => value === "nan")).toEqual([]);
  const names = families.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("isthmus_store_commit_duration_seconds");
});
