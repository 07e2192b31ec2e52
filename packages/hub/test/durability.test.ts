import { MemoryStore } from "@isthmus/exchange";
import type { Client, ConnectOptions, Message } from "@isthmus/mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";

const PERSISTENT = { cleanStart: false, reconnect: false } as const satisfies ConnectOptions;

let hubs: Hub[] = [];
afterEach(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  hubs = [];
});

async function start(store: MemoryStore): Promise<Hub> {
  const hub = await createHub({ store });
  hubs.push(hub);
  return hub;
}

async function take(client: Client, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  for await (const message of client.messages()) if (taken.push(message) === count) break;
  return taken;
}

describe("acknowledged means stored", () => {
  test("a retained message that was acknowledged is there after a crash", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const before = await (await start(store)).connect();
    await before.publish("house/door", "open", { qos: 1, retain: true });

    const after = await (await start(store.crash())).connect();
    const doors = await after.subscribe("house/#");
    for await (const message of doors) {
      expect([message.topic, message.text(), message.retain]).toEqual(["house/door", "open", true]);
      break;
    }
  });

  test("what waited for a session that was away is delivered after a crash, in order, with its properties", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start(store);
    const subscriber = await hub.connect({ ...PERSISTENT, clientId: "s" });
    await subscriber.subscribe("a/+", { qos: 2 });
    await subscriber.close();
    const publisher = await hub.connect();
    for (let i = 0; i < 20; i++) {
      await publisher.publish(`a/${i % 3}`, String(i), { qos: i % 2 === 0 ? 1 : 2, properties: { contentType: "n" } });
    }

    const back = await (await start(store.crash())).connect({ ...PERSISTENT, clientId: "s" });
    const messages = await take(back, 20);
    expect(messages.map((message) => Number(message.text()))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(messages.every(({ properties }) => properties?.contentType === "n")).toBe(true);
  });

  test.each([1, 2] as const)("a QoS %d message is not acknowledged before the store has it", async (qos) => {
    const store = new HeldStore({ durability: "sync" });
    const publisher = await (await start(store)).connect({ sessionExpiryIntervalSeconds: 0 });
    store.hold();
    let isAcknowledged = false;
    const acknowledged = publisher.publish("a", "1", { qos, retain: true }).then(() => (isAcknowledged = true));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isAcknowledged).toBe(false);
    store.release();
    await acknowledged;
  });

  test("a QoS 2 message that was not released when the hub crashed is published once", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start(store);
    const subscriber = await hub.connect({ ...PERSISTENT, clientId: "s" });
    const received = await subscriber.subscribe("a", { qos: 2 });
    const publisher = await hub.connect({ ...PERSISTENT, clientId: "p" });
    await publisher.publish("a", "once", { qos: 2 });
    // Leaving a loop over the subscription would unsubscribe.
    const first = await received[Symbol.asyncIterator]().next();
    expect(first.value?.text()).toBe("once");

    const restarted = await start(store.crash());
    const again = await restarted.connect({ ...PERSISTENT, clientId: "s" });
    const taken = take(again, 1);
    await (await restarted.connect()).publish("a", "twice", { qos: 2 });
    const [next] = await taken;
    expect(next?.text()).toBe("twice");
  });

  test("a session that ends leaves nothing in the store", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start(store);
    const subscriber = await hub.connect({ ...PERSISTENT, clientId: "s" });
    await subscriber.subscribe("a/#", { qos: 1 });
    await subscriber.close();
    const publisher = await hub.connect();
    await publisher.publish("a/b", "x", { qos: 1 });
    const fresh = await hub.connect({ clientId: "s", cleanStart: true, sessionExpiryIntervalSeconds: 0 });
    await fresh.close();
    await publisher.close();
    await hub.close();
    const crashed = store.crash();
    for (const table of ["messages", "queues", "sessions", "subscriptions", "inbound"] as const) {
      expect([table, Array.from(crashed.range(table, []))]).toEqual([table, []]);
    }
  });
});

/** A store whose batches become safe when the test says so. */
class HeldStore extends MemoryStore {
  #held = Promise.withResolvers<void>();
  #isHeld = false;

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#held.resolve();
  }

  override commit(): Promise<void> | undefined {
    const committed = super.commit();
    return this.#isHeld && committed !== undefined ? this.#held.promise : committed;
  }
}
