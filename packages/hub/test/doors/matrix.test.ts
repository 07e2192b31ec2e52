import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "@isthmus/testing/peers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHub, type Hub } from "../../src/index.js";
import { Program } from "./program.js";
import { type DoorClient, doorClients, type Received, type Sample, type Subscriber } from "./clients.js";

const isInstalled = ["mosquitto_pub", "mosquitto_sub", "coap-client-notls", "curl", "stdbuf"].every(
  (name) => findProgram(name) !== undefined,
);

const PAYLOADS = [
  ["text", Buffer.from('21.5 °C, with "quotes"'), "text/plain; charset=utf-8", 0],
  ["JSON", Buffer.from('{"celsius":21.50,"list":[1,2]}'), "application/json", 50],
  ["CBOR", Buffer.from("a167636573697573f94d60", "hex"), "application/cbor", 60],
  ["binary", Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => 255 - index)), "application/octet-stream", 42],
] as const;

const pairs = doorClients.flatMap((from) => doorClients.map((to) => [`${from.name} → ${to.name}`, from, to] as const));

let directory: string;
let hub: Hub;
let samples: readonly Sample[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "doors-"));
  samples = await Promise.all(
    PAYLOADS.map(([name, bytes, contentType, contentFormat]) => sampleOf(name, bytes, contentType, contentFormat)),
  );
  hub = await createHub({ mqtt: { port: 0 }, coap: { port: 0 }, http: { port: 0 } });
});
afterAll(async () => {
  await hub.close();
  await rm(directory, { recursive: true });
});

async function sampleOf(name: string, bytes: Buffer, contentType: string, contentFormat: number): Promise<Sample> {
  const file = join(directory, name);
  await writeFile(file, bytes);
  return { name, bytes, file, contentType, contentFormat };
}

/** A subscriber that the hub knows of. */
async function subscribed(to: DoorClient, filter: string, sample: Sample): Promise<Subscriber> {
  const before = hub.exchange.subscriptionCount;
  const subscriber = to.subscribe(hub, filter, sample);
  await expect.poll(() => hub.exchange.subscriptionCount, { timeout: 20_000 }).toBeGreaterThan(before);
  return subscriber;
}

function expectSame(received: Received | undefined, topic: string, { bytes, contentType }: Sample): void {
  expect(received?.topic).toBe(topic);
  expect(received?.bytes).toEqual(bytes);
  if (received?.contentType !== undefined) expect(received.contentType).toBe(contentType);
}

describe.runIf(isInstalled).each(pairs)("%s", (name, from, to) => {
  const base = name.replace(" → ", "-");

  test.each(PAYLOADS.map(([kind], index) => [kind, index] as const))("%s, live and retained", async (kind, index) => {
    const sample = samples[index];
    if (sample === undefined) throw new Error("no sample");
    const topic = `${base}/${kind}`;
    const subscriber = await subscribed(to, topic, sample);
    expect(await from.publish(hub, topic, sample, false)).toBe("");
    expectSame(await subscriber(), topic, sample);
    expect(await from.publish(hub, topic, sample, true)).toBe("");
    expectSame(await to.read(hub, topic, sample), topic, sample);
  });

  test("wildcard", async () => {
    const [sample] = samples;
    if (sample === undefined) throw new Error("no sample");
    const subscriber = await subscribed(to, `${base}/+/temperature`, sample);
    await from.publish(hub, `${base}/kitchen/light`, sample, false);
    await from.publish(hub, `${base}/kitchen/temperature`, sample, false);
    expectSame(await subscriber(), `${base}/kitchen/temperature`, sample);
  });

  test("delete", async () => {
    const [sample] = samples;
    if (sample === undefined) throw new Error("no sample");
    const topic = `${base}/gone`;
    await from.publish(hub, topic, sample, true);
    await from.publish(hub, "marker", sample, true);
    expectSame(await to.read(hub, topic, sample), topic, sample);
    expect(await from.clear(hub, topic)).toBe("");
    expect(await to.read(hub, topic, sample)).toBeUndefined();
  });

  test("error: what the hub does not take is told in the door's own words, and reaches nobody", async () => {
    const [sample] = samples;
    if (sample === undefined) throw new Error("no sample");
    const subscriber = await subscribed(to, `${base}/after`, sample);
    expect(await from.publish(hub, "$SYS/forbidden", sample, true)).toContain(FORBIDDEN[from.name]);
    await from.publish(hub, `${base}/after`, sample, false);
    expectSame(await subscriber(), `${base}/after`, sample);
    expect(hub.exchange.retained.get("$SYS/forbidden")).toBeUndefined();
  });
});

const FORBIDDEN: Readonly<Record<string, string>> = {
  MQTT: "Not authorized",
  CoAP: "4.03",
  HTTP: '"status": 403',
};

describe.runIf(isInstalled)("a megabyte", () => {
  test.each(doorClients.map((from) => [from.name, from] as const))(
    "from %s to subscribers of all doors",
    async (_name, from) => {
      const bytes = Buffer.from(Uint8Array.from({ length: 2 ** 20 }, (_, index) => (index * 31) ^ (index >>> 8)));
      const sample = await sampleOf(`large-${from.name}`, bytes, "application/octet-stream", 42);
      const topic = `large/${from.name}`;
      const subscribers: Subscriber[] = [];
      for (const to of doorClients) subscribers.push(await subscribed(to, topic, sample));
      expect(await from.publish(hub, topic, sample, false)).toBe("");
      for (const received of await Promise.all(subscribers.map((subscriber) => subscriber()))) {
        expect(received.bytes.equals(bytes)).toBe(true);
      }
    },
  );
});

describe.runIf(isInstalled)("a payload that is too large for one door", () => {
  test("gets that door's own error; the others are not disturbed", async () => {
    const small = await createHub({
      mqtt: { port: 0 },
      coap: { port: 0, limits: { maximumBodySize: 1000 } },
      http: { port: 0 },
      limits: { maximumPacketSize: 3000 },
      httpLimits: { maximumBodySize: 2000 },
    });
    const sample = await sampleOf("medium", Buffer.alloc(4000, "x"), "text/plain; charset=utf-8", 0);
    const [, ...others] = doorClients;
    const told = await Promise.all(others.map((from) => from.publish(small, "a", sample, true)));
    expect(told).toEqual([expect.stringContaining("4.13"), expect.stringContaining('"status": 413')]);
    // With MQTT 5.0, mosquitto_pub keeps to what CONNACK told it, and says nothing; with 3.1.1 there is nothing to tell.
    const { hostname, port } = new URL(small.mqtt?.url ?? "");
    const args = ["-V", "mqttv311", "-h", hostname, "-p", port, "-t", "a", "-q", "1", "-f", sample.file];
    expect(await new Program("mosquitto_pub", args).end()).toMatchObject({ code: 7 });
    expect(small.exchange.retained.get("a")).toBeUndefined();
    const [fitting] = samples;
    if (fitting === undefined) throw new Error("no sample");
    for (const from of doorClients) expect(await from.publish(small, "a", fitting, true)).toBe("");
    await small.close();
  });
});

/** The table of docs/doors.md, made of what the tests above run over. */
function formatMatrix(): string {
  const kinds = [...PAYLOADS.map(([kind]) => `${kind}, live and retained`), "wildcard", "delete", "error"];
  const head = `| from → to | ${kinds.join(" | ")} |`;
  const rows = pairs.map(([name]) => `| ${name} | ${kinds.map(() => "✓").join(" | ")} |`);
  return [head, ...rows].join("\n");
}

test("docs/doors.md has the table of what is tested", () => {
  const page = readFileSync(fileURLToPath(new URL("../../../../docs/doors.md", import.meta.url)), "utf8");
  const table = page
    .split("\n")
    .filter((line) => /^\| (from → to|\w+ → \w+) /.test(line))
    .map((line) => line.replaceAll(/ +\|/g, " |"));
  expect(table.join("\n")).toBe(formatMatrix());
});
