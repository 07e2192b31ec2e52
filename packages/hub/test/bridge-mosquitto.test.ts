import { connect, type Client, type Message } from "@isthmus/mqtt";
import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { Cut } from "./cut.js";

// Debian's mosquitto at the other end: real sockets and real time.
const program = findProgram("mosquitto");
const PATIENCE = { timeout: 30_000, interval: 20 };

const hubs: Hub[] = [];
const cuts: Cut[] = [];
const brokers: Mosquitto[] = [];
const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
  for (const cut of cuts.splice(0)) cut.close();
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

async function start(options: HubOptions = {}): Promise<Hub> {
  const hub = await createHub({ mqtt: { port: 0 }, ...options });
  hubs.push(hub);
  return hub;
}

async function launch(config = ""): Promise<Mosquitto> {
  const broker = await launchMosquitto(program ?? "", { config });
  brokers.push(broker);
  return broker;
}

async function cutBefore(port: number): Promise<Cut> {
  const cut = await Cut.before(port);
  cuts.push(cut);
  return cut;
}

async function clientOf(url: string | undefined): Promise<Client> {
  const client = await connect(url ?? "");
  clients.push(client);
  return client;
}

async function gather(client: Client, filter: string): Promise<Message[]> {
  const messages: Message[] = [];
  const stream = await client.subscribe(filter, { qos: 2 });
  void (async () => {
    for await (const message of stream) messages.push(message);
  })();
  return messages;
}

/** Publishes on both sides while the link breaks and mends; everything arrives on the other, of QoS 2 once. */
async function survive(way: Cut, here: Client, there: Client, isUp: () => Promise<void>): Promise<void> {
  const [seenHere, seenThere] = [await gather(here, "in/#"), await gather(there, "out/#")];
  const COUNT = 40;
  for (let i = 0; i < COUNT; i++) {
    if (i % 20 === 7) way.cut();
    if (i % 20 === 13) {
      way.mend();
      await isUp();
    }
    const qos = i % 2 === 0 ? 2 : 1;
    await Promise.all([here.publish(`out/${qos}`, String(i), { qos }), there.publish(`in/${qos}`, String(i), { qos })]);
  }
  const numbers = Array.from({ length: COUNT }, (_, i) => i);
  await vi.waitFor(() => {
    for (const [seen, name] of [
      [seenHere, "in"],
      [seenThere, "out"],
    ] as const) {
      const of = (qos: number): string[] =>
        seen.filter(({ topic }) => topic === `${name}/${qos}`).map((message) => message.text());
      expect([name, of(2)]).toEqual([name, numbers.filter((i) => i % 2 === 0).map(String)]);
      expect([name, [...new Set(of(1))].toSorted()]).toEqual([
        name,
        numbers
          .filter((i) => i % 2 === 1)
          .map(String)
          .toSorted(),
      ]);
    }
  }, PATIENCE);
}

const TOPICS = [
  { filter: "out/#", direction: "out" },
  { filter: "in/#", direction: "in" },
] as const;

describe.skipIf(program === undefined)("a bridge of ours to mosquitto", () => {
  test.each([4, 5] as const)(
    "loses and doubles nothing when the link breaks, with MQTT version %d",
    async (version) => {
      const broker = await launch("max_inflight_messages 100");
      const way = await cutBefore(broker.port);
      const bridge = { name: "b", url: way.url, protocolVersion: version, minReconnectMs: 10, maxReconnectMs: 50 };
      const hub = await start({ bridges: [{ ...bridge, topics: TOPICS }] });
      const isUp = (): Promise<void> =>
        vi.waitFor(() => {
          expect(String(hub.exchange.retained.get("$SYS/broker/connection/b/state")?.payload)).toBe("49");
        }, PATIENCE);
      await isUp();
      await survive(way, await clientOf(hub.mqtt?.url), await clientOf(broker.url), isUp);
    },
  );

  test.each([4, 5] as const)(
    "carries both ways, retained messages as such, and nothing twice, version %d",
    async (version) => {
      const broker = await launch();
      const there = await clientOf(broker.url);
      await there.publish("old", "1", { qos: 1, retain: true });
      const hub = await start({
        bridges: [{ name: "b", url: broker.url, protocolVersion: version, topics: [{ direction: "both" }] }],
      });
      const here = await clientOf(hub.mqtt?.url);
      await vi.waitFor(() => expect(hub.exchange.retained.get("old")?.qos).toBe(1), PATIENCE);
      const [seenHere, seenThere] = [await gather(here, "live/#"), await gather(there, "live/#")];
      await here.publish("live/1", "from here", { qos: 2, retain: true });
      await there.publish("live/2", "from there", { qos: 1, retain: true });
      await vi.waitFor(() => expect(hub.exchange.retained.get("live/2")).toBeDefined(), PATIENCE);
      await here.publish("live/end", "", { qos: 1 });
      await there.publish("live/end", "", { qos: 1 });
      await vi.waitFor(() => expect([seenHere.length, seenThere.length]).toEqual([4, 4]), PATIENCE);
      const late = await gather(await clientOf(broker.url), "live/1");
      await vi.waitFor(() => expect(late.map(({ retain }) => retain)).toEqual([true]), PATIENCE);
    },
  );
});

describe.skipIf(program === undefined)("mosquitto as a bridge to us", () => {
  function bridgeConfig(port: number, version: string): string {
    return [
      "connection ours",
      `address 127.0.0.1:${port}`,
      `bridge_protocol_version ${version}`,
      "topic out/# out 2",
      "topic in/# in 2",
      "topic both/# both 2",
      "cleansession false",
      "restart_timeout 1",
      "keepalive_interval 5",
      "remote_clientid mosquitto-bridge",
    ].join("\n");
  }

  // Not with MQTT 5.0: the bridge of mosquitto 2.0 asks for no session expiry there, so its session ends with the link.
  test("loses and doubles nothing when the link breaks, with mqttv311", async () => {
    const hub = await start();
    const way = await cutBefore(Number(new URL(hub.mqtt?.url ?? "").port));
    const broker = await launch(bridgeConfig(way.port, "mqttv311"));
    const isUp = (): Promise<void> =>
      vi.waitFor(() => expect([...hubClients(hub)]).toContain("mosquitto-bridge"), PATIENCE);
    await isUp();
    await survive(way, await clientOf(broker.url), await clientOf(hub.mqtt?.url), isUp);
  }, 90_000);

  test.each(["mqttv311", "mqttv50"])(
    "gets nothing of its own back, and its retain flags stay, with %s",
    async (version) => {
      const hub = await start();
      const broker = await launch(bridgeConfig(Number(new URL(hub.mqtt?.url ?? "").port), version));
      await vi.waitFor(() => expect([...hubClients(hub)]).toContain("mosquitto-bridge"), PATIENCE);
      await vi.waitFor(() => expect(hub.exchange.subscriptionCount).toBe(2), PATIENCE);
      const [here, there] = [await clientOf(hub.mqtt?.url), await clientOf(broker.url)];
      const [seenHere, seenThere] = [await gather(here, "both/#"), await gather(there, "both/#")];
      await there.publish("both/a", "theirs", { qos: 1, retain: true });
      await here.publish("both/b", "ours", { qos: 1, retain: true });
      await vi.waitFor(() => expect(hub.exchange.retained.get("both/a")).toBeDefined(), PATIENCE);
      await here.publish("both/end", "", { qos: 1 });
      await there.publish("both/end", "", { qos: 1 });
      await vi.waitFor(() => expect([seenHere.length, seenThere.length]).toEqual([4, 4]), PATIENCE);
      const late = await gather(await clientOf(broker.url), "both/b");
      await vi.waitFor(() => expect(late.map(({ retain }) => retain)).toEqual([true]), PATIENCE);
    },
  );
});

/** Client identifiers of those who are connected, by the status that others see. */
function* hubClients(hub: Hub): Generator<string> {
  for (const { receiver } of hub.exchange.route(hub.exchange.topics.internName("in/x")).deliveries) {
    if ("clientId" in receiver && receiver.isOnline) yield String(receiver.clientId);
  }
}
