// What other brokers are known to do wrong: each fault by its name, and a test that this hub would fail if it had it.
import { MemoryStore, type StoreKey, type TableName } from "@isthmus/exchange";
import { fromHex } from "@isthmus/bytes";
import type { ConnectPacket, PublishPacket } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AccessRule } from "../src/index.js";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

let door: MemoryDoor;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  door = new MemoryDoor();
});
afterEach(async () => {
  vi.useRealTimers();
  await door.close();
});

const LASTING = {
  clientId: "c",
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
} satisfies Partial<ConnectPacket>;

async function publications(client: ScriptedClient): Promise<PublishPacket[]> {
  return (await client.settle()).filter((packet) => packet.type === "publish");
}

describe("overlapping subscriptions", () => {
  const inEveryOrder = [
    ["a/b", "a/+", "#"],
    ["#", "a/b", "a/+"],
    ["a/+", "#", "a/b"],
  ] as const;

  test.each(inEveryOrder)("delivered with the QoS of the first match: %s, %s, %s", async (...filters) => {
    const client = await door.connect();
    const granted = { "#": 0, "a/+": 2, "a/b": 1 } as const;
    for (const filter of filters) await client.subscribe(filter, { qos: granted[filter] });
    await client.publish("a/b", "x", { qos: 2 });
    expect((await publications(client)).map(({ qos }) => qos)).toEqual([2]);
  });

  test.each(inEveryOrder)("delivered with one of several subscription identifiers: %s, %s, %s", async (...filters) => {
    const client = await door.connect();
    const identifiers = { "#": 11, "a/+": 22, "a/b": 33 } as const;
    for (const filter of filters) await client.subscribe(filter, { qos: 1 }, identifiers[filter]);
    await client.publish("a/b", "x", { qos: 1 });
    const [only, ...others] = await publications(client);
    expect(only?.properties?.subscriptionIdentifiers?.toSorted((a, b) => a - b)).toEqual([11, 22, 33]);
    expect(others).toEqual([]);
  });
});

test.each([1, 2, 7, 60])("keep alive enforced only coarsely: %i s", async (keepAlive) => {
  const client = await door.connect({ keepAlive });
  vi.advanceTimersByTime(keepAlive * 1500 - 5);
  expect(await client.settle()).toEqual([]);
  vi.advanceTimersByTime(keepAlive * 1500 - 5);
  expect(client.isClosed).toBe(false);
  vi.advanceTimersByTime(10);
  expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
});

test("QoS 1 redelivered without DUP", async () => {
  const client = await door.connect(LASTING);
  await client.subscribe("a", { qos: 1 });
  await client.publish("a", "x", { qos: 1 });
  expect((await publications(client)).map(({ dup }) => dup)).toEqual([false]);
  await client.break();
  expect((await publications(await door.connect(LASTING))).map(({ dup }) => dup)).toEqual([true]);
});

test("no 0x10 when there is no matching subscriber", async () => {
  const client = await door.connect();
  for (const qos of [1, 2] as const) expect(await client.publish("nobody/listens", "x", { qos })).toBe(0x10);
  await client.subscribe("somebody/listens");
  for (const qos of [1, 2] as const) expect(await client.publish("somebody/listens", "x", { qos })).toBe(0);
});

test("no 0x11 when there was no subscription", async () => {
  const client = await door.connect();
  client.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["never/asked"] });
  expect((await client.expect("unsuback")).reasonCodes).toEqual([0x11]);
});

test("receive maximum advertised but not enforced", async () => {
  const client = door.open();
  const { receiveMaximum = 0 } = (await client.connect()).properties ?? {};
  expect(receiveMaximum).toBeGreaterThan(0);
  for (let i = 1; i <= receiveMaximum; i++) client.send(publishPacket("a", "x", { qos: 2, packetIdentifier: i }));
  expect((await client.settle()).filter(({ type }) => type === "pubrec")).toHaveLength(receiveMaximum);
  client.send(publishPacket("a", "x", { qos: 2, packetIdentifier: receiveMaximum + 1 }));
  expect((await client.first("disconnect")).reasonCode).toBe(0x93);
});

describe("alias tables", () => {
  test("that outlive the connection", async () => {
    const client = await door.connect(LASTING);
    await client.publish("house/a", "x", { properties: { topicAlias: 1 } });
    await client.break();
    const back = await door.connect(LASTING);
    back.send(publishPacket("", "x", { properties: { topicAlias: 1 } }));
    expect((await back.expect("disconnect")).reasonCode).toBe(0x82);
  });

  test("that grow without bound", async () => {
    const small = new MemoryDoor({ limits: { topicAliasMaximum: 10 } });
    const client = small.open();
    expect((await client.connect()).properties?.topicAliasMaximum).toBe(10);
    for (let i = 0; i < 1000; i++) {
      client.send(publishPacket(`house/${i}`, "x", { properties: { topicAlias: 1 + (i % 10) } }));
    }
    client.send(publishPacket("house/11", "x", { properties: { topicAlias: 11 } }));
    expect((await client.expect("disconnect")).reasonCode).toBe(0x94);
    await small.close();
  });
});

test("a wildcard inside a level accepted", async () => {
  const client = await door.connect();
  const { reasonCodes } = await client.subscribe(["a+/b", "a/b#", "+a", "a/+b+/c", "a/##"]);
  expect(reasonCodes).toEqual([0x8f, 0x8f, 0x8f, 0x8f, 0x8f]);
});

test("will delay ignored, or late", async () => {
  const watcher = await door.connect({ clientId: "watcher" });
  await watcher.subscribe("will");
  const properties = { willDelayInterval: 10 };
  const will = { topic: "will", payload: new Uint8Array(0), qos: 0, retain: false, properties } as const;
  await (await door.connect({ ...LASTING, will })).break();
  vi.advanceTimersByTime(9_995);
  expect(await watcher.settle()).toEqual([]);
  vi.advanceTimersByTime(10);
  expect(await publications(watcher)).toHaveLength(1);
});

describe("message expiry not decremented", () => {
  const properties = { messageExpiryInterval: 100 };

  test("of a message that waits for its client", async () => {
    const client = await door.connect(LASTING);
    await client.subscribe("a", { qos: 1 });
    await client.break();
    await (await door.connect()).publish("a", "x", { qos: 1, properties });
    vi.advanceTimersByTime(30_000);
    const [message] = await publications(await door.connect(LASTING));
    expect(message?.properties?.messageExpiryInterval).toBe(70);
  });

  test("of a retained message", async () => {
    const client = await door.connect();
    await client.publish("a", "x", { retain: true, properties });
    vi.advanceTimersByTime(30_000);
    await client.subscribe("a");
    expect((await publications(client))[0]?.properties?.messageExpiryInterval).toBe(70);
  });
});

test("one slow socket that holds a global slot and freezes everyone", async () => {
  const limits = { congestionBytes: 100_000, maxOutboundBytes: 500_000, slowReceiverGraceMs: 500 };
  const small = new MemoryDoor({ limits });
  const [slow, fast, other] = [await small.connect(), await small.connect(), await small.connect()];
  for (const client of [slow, fast]) await client.subscribe("a");
  await other.subscribe("b");
  slow.transport.pause();
  const publisher = await small.connect();
  for (let i = 0; i < 2000; i++) publisher.send(publishPacket("a", "x".repeat(1000)));
  // Those who have nothing to do with it go on at once.
  for (let i = 0; i < 10; i++) await (await small.connect()).publish("b", String(i));
  expect(await other.settledTexts()).toHaveLength(10);
  // Those who share a publisher with it wait for its grace, and no longer.
  vi.advanceTimersByTime(501);
  for (let i = 0; i < 2000; i++) await fast.expect("publish");
  expect(small.metrics.messagesDropped["slow-receiver"]).toBeGreaterThan(0);
  slow.transport.destroy();
  await small.close();
});

test("ten publishers to one subscriber ending in a stack overflow", async () => {
  const subscriber = await door.connect({ clientId: "s" });
  await subscriber.subscribe("#", { qos: 2 });
  const publishers = await Promise.all(Array.from({ length: 10 }, () => door.connect()));
  const count = 2000;
  for (const [n, publisher] of publishers.entries()) {
    publisher.send(...Array.from({ length: count }, (_, i) => publishPacket(`p/${n}`, String(i))));
    publisher.send(
      ...Array.from({ length: 500 }, (_, i) => publishPacket(`q/${n}`, String(i), { qos: 1, packetIdentifier: i + 1 })),
    );
  }
  let received = 0;
  while (received < 10 * (count + 500)) {
    const packet = await subscriber.expect("publish");
    received++;
    const { packetIdentifier } = packet;
    if (packetIdentifier !== undefined) subscriber.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  }
});

test("a duplicated CONNECT property ending the process", async () => {
  const bystander = await door.connect();
  // Session expiry interval, receive maximum, maximum packet size, each twice.
  for (const property of ["1100000001", "210001", "2700010000"]) {
    const properties = property + property;
    const body = `00044d51545405020000${(properties.length / 2).toString(16).padStart(2, "0")}${properties}000163`;
    const client = door.open();
    client.sendBytes(fromHex(`10${(body.length / 2).toString(16).padStart(2, "0")}${body}`));
    expect((await client.expect("connack")).reasonCode).toBe(0x82);
    await client.closed;
  }
  expect(await bystander.settle()).toEqual([]);
});

test("a maximum packet size above 268,435,455, where there is no limit to tell", async () => {
  const boundless = new MemoryDoor({ limits: { maximumPacketSize: 268_435_460 } });
  expect((await boundless.open().connect()).properties?.maximumPacketSize).toBeUndefined();
  expect((await door.open().connect()).properties?.maximumPacketSize).toBe(16 * 1024 * 1024);
  await boundless.close();
});

test("connection storms that loop for ever", async () => {
  const last = { ...LASTING, clientId: "everybody" };
  const clients: ScriptedClient[] = [];
  for (let i = 0; i < 500; i++) {
    const client = door.open();
    clients.push(client);
    client.send({ type: "connect", protocolVersion: 5, keepAlive: 0, ...last });
  }
  const winner = clients.at(-1);
  await winner?.expect("connack");
  await Promise.all(clients.slice(0, -1).map(({ closed }) => closed));
  expect(await winner?.settle()).toEqual([]);
  expect([door.metrics.sessions, door.metrics.connectionsOpen, door.metrics.connectionsOpened]).toEqual([1, 1, 500]);
});

describe("with a store", () => {
  /** Counts what is written, by table. */
  class CountingStore extends MemoryStore {
    readonly writes = new Map<TableName, number>();

    override put(table: TableName, key: StoreKey, value: Uint8Array): void {
      this.writes.set(table, (this.writes.get(table) ?? 0) + 1);
      super.put(table, key, value);
    }
  }

  const hubs: TcpHub[] = [];
  beforeEach(() => vi.useRealTimers());
  afterEach(async () => {
    for (const hub of hubs.splice(0)) await hub.close();
  });

  async function start(store: MemoryStore): Promise<TcpHub> {
    const hub = await TcpHub.start({ store });
    hubs.push(hub);
    return hub;
  }

  test("QoS 2 state never cleaned up", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const client = await (await start(store)).connect(LASTING);
    for (let i = 1; i <= 300; i++) expect(await client.publish("a", "x", { qos: 2, packetIdentifier: i })).toBe(0x10);
    await client.settle();
    expect([...store.range("inbound", [])]).toEqual([]);
  });

  test("a queue shrink not saved, so that all comes double after a crash", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start(store);
    const client = await hub.connect(LASTING);
    await client.subscribe("a", { qos: 1 });
    await client.break();
    const publisher = await hub.connect();
    for (let i = 0; i < 10; i++) await publisher.publish("a", String(i), { qos: 1 });
    const back = await hub.connect(LASTING);
    for (let i = 0; i < 7; i++) {
      const { packetIdentifier = 0 } = await back.first("publish");
      back.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    // Answered after what the acknowledgements have changed was stored.
    await back.publish("b", "x", { qos: 1 });

    const again = await (await start(store.crash())).connect(LASTING);
    expect((await publications(again)).map(textOf)).toEqual(["7", "8", "9"]);
  });

  test("retained state rewritten whole on every save", async () => {
    const store = new CountingStore({ durability: "sync" });
    const client = await (await start(store)).connect();
    for (let i = 0; i < 500; i++) await client.publish(`house/${i}`, "x", { retain: true });
    await client.publish("house/0", "settled", { qos: 1, retain: true });
    store.writes.clear();
    await client.publish("house/7", "once more", { qos: 1, retain: true });
    expect([...store.writes.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2);
  });
});

test("SUBSCRIBE not checked by the rules", async () => {
  vi.useRealTimers();
  const rules: readonly AccessRule[] = [
    { allow: "write", topics: ["#"] },
    { allow: "read", topics: ["public/#"] },
    { deny: "read", topics: ["public/secret"] },
  ];
  const hub = await TcpHub.start({ access: { allowAnonymous: true, rules } });
  try {
    const client = await hub.connect();
    const { reasonCodes } = await client.subscribe(["public/#", "private/x", "private/#", "$share/s/private/x"]);
    expect(reasonCodes).toEqual([0, 0x87, 0x87, 0x87]);
    // What a filter covers besides is held back message by message.
    await client.subscribe("#");
    for (const topic of ["private/x", "public/x", "public/secret"]) await client.publish(topic, topic, { qos: 1 });
    expect(await client.settledTexts()).toEqual(["public/x"]);
  } finally {
    await hub.close();
  }
});
