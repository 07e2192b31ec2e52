import { type Durability, MemoryStore } from "@isthmus/exchange";
import { afterEach, describe, expect, test } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket } from "./scripted-client.js";

/** A store whose batches become safe when the test says so, in order. */
class SlowStore extends MemoryStore {
  isSlow = false;
  readonly #batches: PromiseWithResolvers<void>[] = [];

  constructor(durability: Durability = "sync") {
    super({ durability });
  }

  override commit(): Promise<void> | undefined {
    const committed = super.commit();
    if (!this.isSlow || committed === undefined) return committed;
    const batch = Promise.withResolvers<void>();
    this.#batches.push(batch);
    return batch.promise;
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  finish(): void {
    this.#batches.shift()?.resolve();
  }
}

async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

let door: MemoryDoor;
let store: SlowStore;

function open(): void {
  store = new SlowStore();
  door = new MemoryDoor({ exchange: { store } });
}

afterEach(async () => {
  store.isSlow = false;
  while (store.batchCount > 0) store.finish();
  await turns();
  await door.close();
});

describe("an acknowledgement", () => {
  test.each([
    ["PUBACK", 1],
    ["PUBREC", 2],
  ] as const)("%s leaves when its own batch is safe, not with the one before", async (_name, qos) => {
    open();
    const client = await door.connect();
    store.isSlow = true;
    for (const packetIdentifier of [1, 2, 3]) {
      client.send(publishPacket("a", String(packetIdentifier), { qos, retain: true, packetIdentifier }));
      await turns();
    }
    expect(store.batchCount).toBe(3);
    const answers: number[] = [];
    const heard = (async () => {
      for (let i = 0; i < 3; i++) answers.push((await client.first(qos === 1 ? "puback" : "pubrec")).packetIdentifier);
    })();
    for (const finished of [1, 2, 3]) {
      expect(answers).toHaveLength(finished - 1);
      store.finish();
      await turns();
      expect(answers).toHaveLength(finished);
    }
    await heard;
    expect(answers).toEqual([1, 2, 3]);
  });

  test("does not hold up the others: a QoS 0 subscriber has the message before the publisher has its PUBACK", async () => {
    open();
    const subscriber = await door.connect({ clientId: "s" });
    await subscriber.subscribe("a");
    const publisher = await door.connect({ clientId: "p" });
    store.isSlow = true;
    publisher.send(publishPacket("a", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    expect((await subscriber.expect("publish")).topic).toBe("a");
    expect(await subscriber.settledTexts()).toEqual([]);
    store.finish();
    expect((await publisher.expect("puback")).packetIdentifier).toBe(1);
  });

  test("comes before the DISCONNECT that ends the connection", async () => {
    open();
    const client = await door.connect();
    store.isSlow = true;
    client.send(publishPacket("a", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    await turns();
    client.send({ type: "pingresp" });
    await turns();
    expect(client.isClosed).toBe(false);
    store.isSlow = false;
    while (store.batchCount > 0) store.finish();
    expect((await client.next())?.type).toBe("puback");
    expect((await client.next())?.type).toBe("disconnect");
    await client.closed;
  });
});

describe("what nobody waits for is committed at the end of its turn all the same", () => {
  test("a retained QoS 0 message, small or large", async () => {
    open();
    const client = await door.connect();
    client.send(publishPacket("small", "x", { retain: true }));
    await turns();
    client.send(publishPacket("large", "x".repeat(5000), { retain: true }));
    await turns();
    const kept = Array.from(store.crash().range("retained", []), ([[topic]]) => topic);
    expect(kept).toEqual(["large", "small"]);
  });

  test("the retained will of a client that was lost", async () => {
    open();
    const will = { topic: "will", payload: new Uint8Array(2000), qos: 0, retain: true } as const;
    const client = await door.connect({ will });
    await client.break();
    await turns();
    expect(Array.from(store.crash().range("retained", []), ([[topic]]) => topic)).toEqual(["will"]);
  });
});
