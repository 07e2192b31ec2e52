// What other clients are known to do wrong: each fault by its name, and a test that this client would fail if it had it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Client, connect, type ConnectOptions, type Packet } from "../src/index.js";
import { ClientBroker } from "./client-broker.js";
import { acknowledgement, inboundPublish, Ladder } from "./session-client-ladder.js";

const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function connectTo(broker: ClientBroker, options: ConnectOptions = {}): Promise<Client> {
  const reconnect = { minDelayMs: 1, maxDelayMs: 4 };
  const client = await connect("mqtt://test", { transport: broker.transport, clientId: "c", reconnect, ...options });
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { interval: 2, timeout: 10_000 });
}

/** A broker that answers CONNECT and nothing else. */
function muteBroker(): ClientBroker {
  return new ClientBroker({ intercept: (packet) => (packet.type === "connect" ? undefined : []) });
}

describe("a promise that never settles when the link closes", () => {
  const operations: readonly (readonly [string, (client: Client) => Promise<unknown>])[] = [
    ["publish at QoS 1", (client) => client.publish("a", "x", { qos: 1 })],
    ["publish at QoS 2", (client) => client.publish("a", "x", { qos: 2 })],
    ["subscribe", (client) => client.subscribe("a")],
    ["unsubscribe", (client) => client.unsubscribe("a")],
    ["request", (client) => client.request("a", "x")],
  ];

  it.each(operations)("%s, when the client is closed", async (_name, operate) => {
    const client = await connectTo(muteBroker());
    const settled = expect(operate(client)).rejects.toBeInstanceOf(Error);
    await nextTurn();
    await client.close();
    await settled;
  });

  it.each(operations)("%s, when the connection breaks for good", async (_name, operate) => {
    const broker = muteBroker();
    const client = await connectTo(broker, { reconnect: false });
    const settled = expect(operate(client)).rejects.toBeInstanceOf(Error);
    await nextTurn();
    broker.lastConnection.break();
    await settled;
    await client.closed;
  });

  it.each(operations)("%s, when the client is closed while it is connecting again", async (_name, operate) => {
    const broker = muteBroker();
    const client = await connectTo(broker, { reconnect: { minDelayMs: 60_000 } });
    broker.lastConnection.break();
    await until(() => !client.isConnected);
    const settled = expect(operate(client)).rejects.toBeInstanceOf(Error);
    await nextTurn();
    await client.close();
    await settled;
  });
});

it("reconnected, but unable to publish", async () => {
  const broker = new ClientBroker();
  const client = await connectTo(broker, { cleanStart: false });
  for (let round = 1; round <= 20; round++) {
    broker.lastConnection.break();
    // Some of it before the connection is back, and some after.
    const early = client.publish("a", `early ${round}`, { qos: 1 });
    await until(() => broker.connections.length === round + 1 && client.isConnected);
    await Promise.all([early, client.publish("a", `late ${round}`, { qos: 1 }), client.publish("a", "x")]);
  }
});

it.each([true, false])(
  "subscriptions lost after a reconnect with QoS 2 in flight, session kept: %s",
  async (isKept) => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { cleanStart: false });
    const readings = await client.subscribe("house/#", { qos: 1 });
    broker.behaviour.intercept = (packet) => (packet.type === "publish" ? [] : undefined);
    const outcome = client.publish("a", "x", { qos: 2 }).then(
      () => "delivered",
      (error: unknown) => (error instanceof Error ? error.name : error),
    );
    await until(() => broker.receivedOf("publish").length === 1);
    if (!isKept) broker.sessions.clear();
    broker.behaviour.intercept = undefined;
    broker.lastConnection.break();
    await until(() => broker.connections.length === 2 && client.isConnected);
    // Without a session nobody can tell whether it has arrived.
    expect(await outcome).toBe(isKept ? "delivered" : "SessionLostError");
    await until(() => broker.sessions.get("c")?.filters.has("house/#") === true);
    broker.publish("house/door", "open");
    expect((await readings.next()).value?.text()).toBe("open");
  },
);

describe("keep-alive loops", () => {
  it("pings once for each interval of silence, on whichever connection", () => {
    const ladder = new Ladder({ keepAlive: 10, pingTimeoutMs: 5_000 });
    ladder.connect();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) {
        ladder.advance(10_000);
        expect(ladder.sentInShort()).toEqual(["pingreq"]);
        ladder.reply({ type: "pingresp" });
      }
      ladder.reconnect();
    }
  });

  it("gives up once on a server that answers no ping, and leaves no timer behind", () => {
    const ladder = new Ladder({ keepAlive: 10, pingTimeoutMs: 5_000 });
    ladder.connect();
    ladder.advance(1_000_000);
    expect(ladder.sentInShort()).toEqual(["pingreq"]);
    expect(ladder.events().filter(({ type }) => type === "close")).toHaveLength(1);
    expect(ladder.session.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("maps that are never cleared", () => {
  it("keep nothing of what is acknowledged, at any QoS, and use its identifiers again", () => {
    const ladder = new Ladder();
    ladder.connect();
    const identifiers = new Set<number>();
    for (let i = 0; i < 70_000; i++) {
      const qos = i % 2 === 0 ? 1 : 2;
      ladder.publish(qos, "a");
      const [packet] = ladder.sent();
      const identifier = packet?.type === "publish" ? (packet.packetIdentifier ?? 0) : 0;
      identifiers.add(identifier);
      ladder.reply(acknowledgement(qos === 1 ? "puback" : "pubrec", identifier));
      if (qos === 2) ladder.reply(acknowledgement("pubcomp", identifier));
      ladder.sent();
      ladder.events();
    }
    expect(ladder.session.pendingCount).toBe(0);
    // An identifier that stayed in use would not come again.
    expect(identifiers.size).toBeLessThan(1000);
  });

  it("keep nothing of what came in: its identifiers may be used again for ever", () => {
    const ladder = new Ladder({ properties: { receiveMaximum: 2 } });
    ladder.connect();
    for (let i = 0; i < 1000; i++) {
      const identifier = 1 + (i % 2);
      ladder.reply(inboundPublish(1, identifier), inboundPublish(2, identifier), acknowledgement("pubrel", identifier));
      expect(ladder.sent()).toHaveLength(3);
    }
    expect(ladder.events().filter(({ type }) => type === "message")).toHaveLength(2000);
  });

  it("keep nothing of requests that were given up", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    for (let i = 0; i < 50; i++) {
      await expect(client.request("a", "x", { timeoutMs: 1 })).rejects.toMatchObject({ name: "TimeoutError" });
    }
    expect(broker.receivedOf("subscribe")).toHaveLength(1);
    // A late answer is nobody's.
    const [question] = broker.receivedOf("publish");
    const { responseTopic = "", correlationData } = question?.properties ?? {};
    broker.publish(responseTopic, "late", { properties: { correlationData } });
    const answering = await connectTo(broker, { clientId: "answering" });
    const questions = await answering.subscribe("b");
    void (async () => {
      for await (const each of questions) void answering.reply(each, "now");
    })();
    expect((await client.request("b", "x")).text()).toBe("now");
  });
});

describe("no types in the browser or under ESM", () => {
  const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
  const CODE = `
    import { type Client, connect, type Message } from "@isthmus/mqtt";
    import { scramSha256 } from "@isthmus/mqtt/scram";
    const client: Client = await connect("ws://x", { authentication: scramSha256({ username: "u", password: "p" }) });
    for await (const message of await client.subscribe("a")) { const known: Message = message; void known.text(); }
    // @ts-expect-error: without types this would be any, and no error.
    const wrong: number = client;
  `;

  it.each([
    [
      "a browser",
      ["--moduleResolution", "bundler", "--module", "esnext", "--customConditions", "browser", "--lib", "es2024,dom"],
    ],
    ["ESM in Node", ["--moduleResolution", "nodenext", "--module", "nodenext", "--lib", "es2024", "--types", "node"]],
  ])("they are there for %s", (_name, options) => {
    const folder = mkdtempSync(path.join(ROOT, "packages/mqtt/dist/types-"));
    try {
      writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
      writeFileSync(path.join(folder, "main.ts"), CODE);
      const tsc = path.join(ROOT, "node_modules/.bin/tsc");
      const args = [
        "--ignoreConfig",
        "--noEmit",
        "--strict",
        "--target",
        "es2024",
        "--skipLibCheck",
        ...options,
        "main.ts",
      ];
      const { stdout, status } = spawnSync(tsc, args, { cwd: folder, encoding: "utf8" });
      expect([stdout, status]).toEqual(["", 0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it("368 KB in a bundle", async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./bundles/isthmus.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    conditions: ["isthmus-source"],
    write: false,
  });
  expect(outputFiles[0]?.contents.length).toBeLessThan(80_000);
});

it("a maximum packet size above 268,435,455, where there is no limit to tell", async () => {
  const broker = new ClientBroker();
  await connectTo(broker);
  const properties = broker.receivedOf("connect").map((packet: Packet) => "properties" in packet && packet.properties);
  expect(properties).toEqual([expect.not.objectContaining({ maximumPacketSize: expect.anything() })]);
});
