import { readFileSync } from "node:fs";
import { MemoryStore } from "@isthmus/exchange";
import { type Client, connect, type Message } from "@isthmus/mqtt";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type BridgeOptions, createHub, type Hub, type HubOptions } from "../src/index.js";
import { TopicMap } from "../src/bridge/topic-map.js";
import { HopMark } from "../src/bridge/hop-mark.js";
import { TestAuthority } from "./certificates.js";
import { Cut } from "./cut.js";

const hubs: Hub[] = [];
const cuts: Cut[] = [];
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
  for (const cut of cuts.splice(0)) cut.close();
});

async function start(options: HubOptions = {}): Promise<Hub> {
  const hub = await createHub({ mqtt: { port: 0 }, ...options });
  hubs.push(hub);
  return hub;
}

async function cutBefore(url: string | undefined): Promise<Cut> {
  const cut = await Cut.before(Number(new URL(url ?? "").port));
  cuts.push(cut);
  return cut;
}

const FAST = { minReconnectMs: 5, maxReconnectMs: 20 } as const;

function bridgeTo(url: string | undefined, rest: Omit<BridgeOptions, "name" | "url">): Pick<HubOptions, "bridges"> {
  return { bridges: [{ name: "b", url: url ?? "", ...FAST, ...rest }] };
}

function stateOf(hub: Hub): string {
  return Buffer.from(hub.exchange.retained.get("$SYS/broker/connection/b/state")?.payload ?? []).toString();
}

function isUp(hub: Hub, state = "1"): Promise<void> {
  return vi.waitFor(() => expect(stateOf(hub)).toBe(state), { timeout: 20_000, interval: 5 });
}

/** Gathers what `filter` brings. */
async function gather(client: Client, filter: string): Promise<Message[]> {
  const messages: Message[] = [];
  const stream = await client.subscribe(filter, { qos: 2 });
  void (async () => {
    for await (const message of stream) messages.push(message);
  })();
  return messages;
}

function have(messages: readonly Message[], count: number): Promise<void> {
  return vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(count), { timeout: 30_000, interval: 5 });
}

function lines(messages: readonly Message[]): string[] {
  return messages.map((message) => `${message.topic} ${message.text()} ${message.qos} ${message.retain}`);
}

describe.each([4, 5] as const)("between two hubs, over MQTT version %d", (protocolVersion) => {
  test("messages go out and come in under other names, with their QoS, and none comes back", async () => {
    const far = await start();
    const near = await start(
      bridgeTo(far.mqtt?.url, {
        protocolVersion,
        topics: [
          { filter: "+/temperature", direction: "out", localPrefix: "plant/", remotePrefix: "site/7/" },
          { filter: "#", direction: "in", localPrefix: "orders/", remotePrefix: "site/7/orders/" },
          { filter: "chat/#", direction: "both" },
        ],
      }),
    );
    await isUp(near);
    const [here, there] = [await near.connect(), await far.connect()];
    const [seenHere, seenThere] = [await gather(here, "#"), await gather(there, "#")];
    for (const qos of [0, 1, 2] as const) {
      await here.publish("plant/oven/temperature", `${qos}`, { qos });
      await there.publish("site/7/orders/a", `${qos}`, { qos });
      await here.publish("chat/x", `from here ${qos}`, { qos });
      await there.publish("chat/x", `from there ${qos}`, { qos });
    }
    await here.publish("not/for/them", "", { qos: 1 });
    await have(seenHere, 13);
    await have(seenThere, 12);
    // What would come back has had its time: it would come before this.
    await here.publish("chat/end", "", { qos: 1 });
    await there.publish("chat/end", "", { qos: 1 });
    await have(seenHere, 15);
    await have(seenThere, 14);
    const of = (messages: readonly Message[], topic: string): string[] =>
      lines(messages.filter((message) => message.topic === topic));
    expect(of(seenThere, "site/7/oven/temperature")).toEqual(
      [0, 1, 2].map((q) => `site/7/oven/temperature ${q} ${q} false`),
    );
    expect(of(seenHere, "orders/a")).toEqual([0, 1, 2].map((q) => `orders/a ${q} ${q} false`));
    expect(of(seenThere, "chat/x").toSorted()).toEqual(of(seenHere, "chat/x").toSorted());
    expect([seenHere.length, seenThere.length]).toEqual([15, 14]);
  });

  test("retained messages are carried as such, those that were there before too", async () => {
    const far = await start();
    const here = await start();
    await (await here.connect()).publish("never/bridged", "", { qos: 1 });
    await (await far.connect()).publish("in/old", "1", { qos: 1, retain: true });
    const near = await start(bridgeTo(far.mqtt?.url, { protocolVersion, topics: [{ direction: "both" }] }));
    const client = await near.connect();
    await client.publish("out/new", "2", { qos: 1, retain: true });
    await isUp(near);
    await client.publish("out/live", "3", { qos: 1, retain: true });
    await (await far.connect()).publish("in/live", "4", { qos: 1, retain: true });
    await vi.waitFor(() => {
      expect(["in/old", "in/live"].map((topic) => near.exchange.retained.get(topic)?.qos)).toEqual([1, 1]);
      expect(["out/new", "out/live"].map((topic) => far.exchange.retained.get(topic)?.qos)).toEqual([1, 1]);
    });
    await client.publish("in/live", "", { qos: 1, retain: true });
    await vi.waitFor(() => expect(far.exchange.retained.get("in/live")).toBeUndefined());
  });

  test("a link that breaks again and again loses and doubles nothing of QoS 1 and 2, in either direction", async () => {
    const far = await start();
    const way = await cutBefore(far.mqtt?.url);
    const near = await start(
      bridgeTo(way.url, {
        protocolVersion,
        topics: [
          { filter: "out/#", direction: "out" },
          { filter: "in/#", direction: "in" },
        ],
      }),
    );
    await isUp(near);
    const [here, there] = [await near.connect(), await far.connect()];
    const [seenHere, seenThere] = [await gather(here, "in/#"), await gather(there, "out/#")];
    const COUNT = 60;
    for (let i = 0; i < COUNT; i++) {
      if (i % 10 === 3) way.cut();
      if (i % 10 === 8) {
        way.mend();
        await isUp(near);
      }
      const qos = i % 2 === 0 ? 2 : 1;
      await Promise.all([
        here.publish(`out/${qos}`, String(i), { qos }),
        there.publish(`in/${qos}`, String(i), { qos }),
      ]);
    }
    way.mend();
    await have(seenHere, COUNT);
    await have(seenThere, COUNT);
    for (const [seen, name] of [
      [seenHere, "in"],
      [seenThere, "out"],
    ] as const) {
      const texts = (qos: number): string[] =>
        seen.filter(({ topic }) => topic === `${name}/${qos}`).map((message) => message.text());
      const sent = (qos: number): string[] =>
        Array.from({ length: COUNT }, (_, i) => i)
          .filter((i) => i % 2 === qos % 2)
          .map(String);
      // QoS 2 exactly once and in order; QoS 1 at least once.
      expect(texts(2)).toEqual(sent(2));
      expect([...new Set(texts(1))].toSorted()).toEqual(sent(1).toSorted());
    }
  });
});

test("what is published while the other broker is away waits, in the store too", async () => {
  const far = await start();
  const way = await cutBefore(far.mqtt?.url);
  way.cut();
  const store = new MemoryStore({ durability: "sync" });
  const bridges = bridgeTo(way.url, { topics: [{ filter: "q/#" }] });
  const near = await start({ ...bridges, store });
  const client = await near.connect();
  for (let i = 0; i < 5; i++) await client.publish("q/1", String(i), { qos: 2 });
  const seen = await gather(await far.connect(), "q/#");
  const crashed = store.crash();
  await near.close();
  const again = await start({ ...bridges, store: crashed });
  await (await again.connect()).publish("q/1", "5", { qos: 2 });
  way.mend();
  await have(seen, 6);
  expect(seen.map((message) => message.text())).toEqual(["0", "1", "2", "3", "4", "5"]);
});

test("messages do not go round in a ring of three hubs", async () => {
  const ring: Hub[] = [];
  const first = await start();
  const both = [{ direction: "both" as const }];
  ring.push(first, await start(bridgeTo(first.mqtt?.url, { topics: both })));
  const third = await start({
    bridges: [
      { name: "b", url: ring[1]?.mqtt?.url ?? "", topics: both, ...FAST },
      { name: "c", url: first.mqtt?.url ?? "", topics: both, ...FAST },
    ],
  });
  await isUp(ring[1] ?? third);
  await isUp(third);
  await vi.waitFor(() =>
    expect(String(third.exchange.retained.get("$SYS/broker/connection/c/state")?.payload)).toBe("49"),
  );
  const seen = await gather(await first.connect(), "#");
  await (await third.connect()).publish("ring", "x", { qos: 1 });
  // By both ways, once each: over the one bridge and over the other hub.
  await have(seen, 2);
  const received = first.metrics.messagesReceived;
  await (await first.connect()).publish("end", "", { qos: 1 });
  await have(seen, 3);
  expect(first.metrics.messagesReceived).toBeLessThanOrEqual(received + 2);
  expect(third.metrics.messagesReceived).toBeLessThan(10);
});

test("no client from outside takes the bridge's session, and rules apply to it only where they deny", async () => {
  const far = await start();
  const near = await start({
    ...bridgeTo(far.mqtt?.url, { topics: [{}] }),
    access: { allowAnonymous: true, rules: [{ anonymous: true, allow: "write", topics: ["a"] }] },
  });
  await isUp(near);
  await expect(near.connect({ clientId: "$isthmus/bridge/b", reconnect: false })).rejects.toThrow("identifier");
  const seen = await gather(await far.connect(), "a");
  await (await near.connect()).publish("a", "x", { qos: 1 });
  await have(seen, 1);
});

test("a bridge that is no longer configured leaves no session", async () => {
  const store = new MemoryStore({ durability: "sync" });
  const near = await start({ ...bridgeTo("mqtt://127.0.0.1:1", { topics: [{}] }), store });
  expect(near.metrics.sessions).toBe(1);
  const again = await start({ store: store.crash() });
  expect(again.metrics.sessions).toBe(0);
});

test("a broker that does not let the bridge in is tried again, and says why in the log", async () => {
  const far = await start({ allowAnonymous: false });
  const near = await start(bridgeTo(far.mqtt?.url, { topics: [{}] }));
  expect(stateOf(near)).toBe("0");
  await vi.waitFor(() => expect(far.metrics.connectionsRefused.get("not-authorized")).toBeGreaterThan(2));
  expect(stateOf(near)).toBe("0");
});

test.each([
  ["bad name", [{ name: "a/b", url: "mqtt://h", topics: [] }]],
  [
    "two of one name",
    [
      { name: "a", url: "mqtt://h", topics: [] },
      { name: "a", url: "mqtt://h", topics: [] },
    ],
  ],
  ["bad filter", [{ name: "a", url: "mqtt://h", topics: [{ filter: "a#" }] }]],
  ["bad prefix", [{ name: "a", url: "mqtt://h", topics: [{ localPrefix: "+/" }] }]],
] as const)("%s is refused at the start", async (_, bridges) => {
  await expect(createHub({ bridges })).rejects.toThrow();
});

describe("topic maps", () => {
  const map = new TopicMap([{ filter: "a/#", direction: "out", localPrefix: "l/", remotePrefix: "rr/" }, {}], "out");

  test.each([
    ["l/a/b", "rr/a/b"],
    ["l/a", "rr/a"],
    ["x", "x"],
    ["$SYS/x", undefined],
  ])("%s becomes %s", (topic, translated) => {
    expect(map.translate(topic)).toBe(translated);
  });

  test("a topic that its prefix leaves nothing of is not carried", () => {
    const all = new TopicMap([{ filter: "#", localPrefix: "house/" }], "out");
    expect([all.translate("house"), all.translate("house/a")]).toEqual([undefined, "a"]);
  });

  test("tells how much longer topics get", () => {
    expect(map.growthBytes).toBe(1);
    expect(new TopicMap([], "in").growthBytes).toBe(0);
  });
});

test("a hop mark is found again, and too many of others end the way as well", () => {
  const mine = new HopMark("a", 3);
  expect(mine.isCircling(undefined)).toBe(false);
  expect(mine.isCircling(mine.add(undefined))).toBe(true);
  const others = ["b", "c", "d"].reduce((properties, mark) => new HopMark(mark, 3).add(properties), {});
  expect(mine.isCircling(others)).toBe(true);
  expect(new HopMark("a", 4).isCircling(others)).toBe(false);
});

test("the client of a bridge is not the hub's to connect to from outside over TCP either", async () => {
  const near = await start();
  await expect(connect(near.mqtt?.url ?? "", { clientId: "$isthmus/bridge/x", reconnect: false })).rejects.toThrow(
    "identifier",
  );
});

test("over TLS, with a name and a password, to a broker that shows a good certificate and to no other", async () => {
  const [authority, stranger] = [new TestAuthority(), new TestAuthority("stranger")];
  onTestFinished(() => {
    authority.close();
    stranger.close();
  });
  const far = await start({
    listeners: [{ type: "mqtt", port: 0, tls: authority.issue("localhost") }],
    hooks: {
      authenticate: ({ user, password }) => {
        const isRight = user === "plant" && Buffer.from(password ?? []).toString() === "secret";
        return isRight ? { user } : { reasonCode: 0x86, reason: "wrong" };
      },
    },
  });
  const tlsUrl = far.listeners.find(({ url }) => url.startsWith("mqtts:"))?.url;
  const rest = { username: "plant", password: "secret", topics: [{ filter: "t/#" }] };
  const trusting = (caFile: string): Omit<BridgeOptions, "name" | "url"> => ({
    ...rest,
    tls: { ca: readFileSync(caFile) },
  });
  const wary = await start(bridgeTo(tlsUrl, trusting(stranger.caFile)));
  const near = await start(bridgeTo(tlsUrl, trusting(authority.caFile)));
  await isUp(near);
  expect(stateOf(wary)).toBe("0");
  const messages = await gather(await far.connect({ username: "plant", password: "secret" }), "t/1");
  await (await near.connect()).publish("t/1", "x", { qos: 2 });
  await have(messages, 1);
  expect(lines(messages)).toEqual(["t/1 x 2 false"]);
});

test("what one side can take is told to the other: a message that is too large for the far one is left out and counted", async () => {
  const far = await start({ limits: { maximumPacketSize: 1000, receiveMaximum: 2 } });
  const near = await start(bridgeTo(far.mqtt?.url, { topics: [{ filter: "t/#", remotePrefix: "much/longer/" }] }));
  await isUp(near);
  const messages = await gather(await far.connect(), "much/longer/t/#");
  const client = await near.connect();
  await client.publish("t/large", new Uint8Array(980), { qos: 1 });
  const small = Array.from({ length: 20 }, (_, i) => client.publish("t/small", String(i), { qos: 2 }));
  await Promise.all(small);
  await have(messages, 20);
  expect(messages.map((message) => message.text())).toEqual(small.map((_, i) => String(i)));
  expect(near.metrics.messagesDropped["too-large"]).toBe(1);
  expect(stateOf(near)).toBe("1");
});

test("a hub that crashes again and again with messages on their way loses none and doubles none of QoS 2", async () => {
  const far = await start();
  const way = await cutBefore(far.mqtt?.url);
  const bridges = bridgeTo(way.url, { topics: [{ filter: "q" }] });
  const seen = await gather(await far.connect(), "q");
  let store = new MemoryStore({ durability: "sync" });
  const acknowledged: string[] = [];
  for (let round = 0; round < 8; round++) {
    way.mend();
    const near = await start({ ...bridges, store });
    if (round % 2 === 0) await isUp(near);
    const client = await near.connect({ reconnect: false });
    const published = Array.from({ length: 10 }, async (_, i) => {
      await client.publish("q", `${round}-${i}`, { qos: 2 });
      acknowledged.push(`${round}-${i}`);
      // In the midst of it the machine dies: nothing leaves any more, and what is not on disk is gone.
      if (i === 5) {
        way.cut();
        store = store.crash();
      }
    });
    await Promise.allSettled(published);
    await near.close();
  }
  way.mend();
  await isUp(await start({ ...bridges, store }));
  const before = new Set(acknowledged.filter((text) => Number(text.split("-")[1]) <= 5));
  await vi.waitFor(() => expect([...before].filter((text) => !textsOf(seen).includes(text))).toEqual([]), {
    timeout: 20_000,
  });
  expect(textsOf(seen).length).toBe(new Set(textsOf(seen)).size);
});

function textsOf(messages: readonly Message[]): string[] {
  return messages.map((message) => message.text());
}
