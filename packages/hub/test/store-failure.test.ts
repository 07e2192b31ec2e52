import { MemoryStore, StoreError } from "@isthmus/exchange";
import { afterEach, describe, expect, test } from "vitest";
import { createHub } from "../src/index.js";
import { publishPacket, type ScriptedClient } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

/** A store whose disk is full when the test says so. */
class FailingStore extends MemoryStore {
  readonly error = new StoreError("the disk is full: make room");
  hasFailed = false;

  constructor() {
    super({ durability: "sync" });
  }

  override commit(): Promise<void> | undefined {
    const committed = super.commit();
    return this.hasFailed ? Promise.reject(this.error) : committed;
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.hasFailed) throw this.error;
  }
}

let hub: TcpHub | undefined;
afterEach(() => hub?.close());

async function start(): Promise<{ store: FailingStore; hub: TcpHub }> {
  const store = new FailingStore();
  hub = new TcpHub(await createHub({ store, mqtt: { port: 0 }, http: { port: 0 } }));
  return { store, hub };
}

async function textsUntilClosed(client: ScriptedClient): Promise<string[]> {
  const types: string[] = [];
  for (let packet = await client.next(); packet !== undefined; packet = await client.next()) {
    types.push(packet.type === "disconnect" ? `disconnect 0x${packet.reasonCode.toString(16)}` : packet.type);
  }
  return types;
}

describe("a store that fails", () => {
  test.each([1, 2] as const)("nothing is acknowledged from then on: QoS %d", async (qos) => {
    const { store, hub: running } = await start();
    const client = await running.connect();
    client.send(publishPacket("a", "1", { qos, retain: true, packetIdentifier: 1 }));
    expect((await client.expect(qos === 1 ? "puback" : "pubrec")).packetIdentifier).toBe(1);
    store.hasFailed = true;
    client.send(publishPacket("a", "2", { qos, retain: true, packetIdentifier: 2 }));
    client.send(publishPacket("a", "3", { qos, retain: true, packetIdentifier: 3 }));
    expect(await textsUntilClosed(client)).toEqual(["disconnect 0x80"]);
  });

  test("all clients are sent away, and those who come are turned away", async () => {
    const { store, hub: running } = await start();
    const [quiet, older, publisher] = await Promise.all([
      running.connect({ clientId: "quiet" }),
      running.connect({ clientId: "older" }, 4),
      running.connect({ clientId: "publisher" }),
    ]);
    store.hasFailed = true;
    publisher.send(publishPacket("a", "1", { qos: 1, packetIdentifier: 1 }));
    expect(await textsUntilClosed(quiet)).toEqual(["disconnect 0x80"]);
    expect(await textsUntilClosed(older)).toEqual([]);
    const late = await running.open();
    expect((await late.connect()).reasonCode).toBe(0x88);
    const lateAndOlder = await running.open(4);
    expect((await lateAndOlder.connect()).reasonCode).toBe(3);
  });

  test("whoever runs the hub is told, and whoever asks whether it is ready", async () => {
    const { store, hub: running } = await start();
    const url = `${running.hub.http?.url}/readyz`;
    expect((await fetch(url)).status).toBe(200);
    const client = await running.connect();
    store.hasFailed = true;
    client.send(publishPacket("a", "1", { qos: 1, retain: true, packetIdentifier: 1 }));
    expect(await running.hub.failed).toBe(store.error);
    expect((await fetch(url)).status).toBe(503);
    // The failure was told: closing is no failure of its own.
    await running.hub.close();
  });
});

describe("a client that waits for its CONNACK", () => {
  test("is closed without a word: nothing goes before it", async () => {
    const { store, hub: running } = await start();
    const client = await running.open();
    store.hasFailed = true;
    client.send({
      type: "connect",
      protocolVersion: 5,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
      properties: { sessionExpiryInterval: 100 },
    });
    expect(await textsUntilClosed(client)).toEqual([]);
  });
});
