import { MemoryStore } from "@isthmus/exchange";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import type { ScriptedClient } from "./scripted-client.js";

const encoder = new TextEncoder();

const doors: MemoryDoor[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(doors.splice(0).map((door) => door.close()));
});

function start(store: MemoryStore): MemoryDoor {
  const door = new MemoryDoor({ exchange: { store } });
  doors.push(door);
  return door;
}

interface Client {
  readonly clientId?: string;
  readonly expiry?: number;
  readonly delay?: number;
}

/** A client with a retained will on `will`. */
function connect(door: MemoryDoor, { clientId = "c", expiry = 0, delay }: Client): Promise<ScriptedClient> {
  return door.connect({
    clientId,
    properties: { sessionExpiryInterval: expiry },
    will: {
      topic: "will",
      payload: encoder.encode(`of ${clientId}`),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: delay, contentType: "text/plain" },
    },
  });
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

function willOf({ exchange }: MemoryDoor): string | undefined {
  const message = exchange.retained.get("will");
  return message && `${Buffer.from(message.payload).toString()}, ${message.properties?.contentType}`;
}

describe("a will outlives the hub", () => {
  test.each([0, 3600])(
    "it is published at the start when its client was connected: session expiry %i",
    async (expiry) => {
      const store = new MemoryStore({ durability: "sync" });
      const door = start(store);
      await connect(door, { expiry });
      expect(willOf(door)).toBeUndefined();
      const restarted = start(store.crash());
      expect(willOf(restarted)).toBe("of c, text/plain");
    },
  );

  test("a session that lasts gets it", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const door = start(store);
    const watcher = await door.connect({ clientId: "watcher", properties: { sessionExpiryInterval: 3600 } });
    await watcher.subscribe("will", { qos: 1 });
    await connect(door, {});
    const restarted = start(store.crash());
    const back = await restarted.connect({
      clientId: "watcher",
      cleanStart: false,
      properties: { sessionExpiryInterval: 3600 },
    });
    expect(Buffer.from((await back.expect("publish")).payload).toString()).toBe("of c");
  });

  test("it is published once, however often the hub starts", async () => {
    const store = new MemoryStore({ durability: "sync" });
    await connect(start(store), {});
    const first = store.crash();
    const restarted = start(first);
    restarted.exchange.clearRetained("will");
    await turns();
    expect(willOf(start(first.crash()))).toBeUndefined();
  });

  test("not when the client has left as it should, nor when its next connection has none", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const door = start(store);
    const gone = await connect(door, { clientId: "gone" });
    gone.send({ type: "disconnect", reasonCode: 0 });
    await gone.closed;
    await connect(door, { clientId: "changed", expiry: 3600, delay: 60 });
    await door.connect({ clientId: "changed", cleanStart: false, properties: { sessionExpiryInterval: 3600 } });
    await turns();
    expect(Array.from(store.crash().range("wills", []))).toEqual([]);
    expect(willOf(start(store.crash()))).toBeUndefined();
  });

  test("its delay goes on over the restart, and ends with the session", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    const store = new MemoryStore({ durability: "sync" });
    const door = start(store);
    const client = await connect(door, { expiry: 3600, delay: 100 });
    await client.break();
    vi.advanceTimersByTime(60_000);
    await turns();
    const restarted = start(store.crash());
    expect(willOf(restarted)).toBeUndefined();
    vi.advanceTimersByTime(39_000);
    expect(willOf(restarted)).toBeUndefined();
    vi.advanceTimersByTime(1_000);
    expect(willOf(restarted)).toBe("of c, text/plain");
  });

  test("the client that comes back in time takes it back", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    const store = new MemoryStore({ durability: "sync" });
    await connect(start(store), { expiry: 3600, delay: 100 });
    const crashed = store.crash();
    const restarted = start(crashed);
    vi.advanceTimersByTime(50_000);
    await restarted.connect({ clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 3600 } });
    vi.advanceTimersByTime(100_000);
    expect(willOf(restarted)).toBeUndefined();
    await turns();
    expect(Array.from(crashed.crash().range("wills", []))).toEqual([]);
  });
});

describe("a session expires over a restart", () => {
  test.each([
    ["that was away", true],
    ["that was connected", false],
  ])("one %s, by the time since its connection ended", async (_name, isAway) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    let store = new MemoryStore({ durability: "sync" });
    const client = await start(store).connect({ clientId: "c", properties: { sessionExpiryInterval: 100 } });
    await client.subscribe("a", { qos: 1 });
    if (isAway) await client.break();
    // The hub starts again and again: the time that is left does not begin anew.
    for (let restart = 0; restart < 3; restart++) {
      await turns();
      store = store.crash();
      const door = start(store);
      expect(door.exchange.subscriptionCount, `restart ${restart}`).toBe(1);
      vi.advanceTimersByTime(30_000);
    }
    vi.advanceTimersByTime(10_000);
    await turns();
    store = store.crash();
    expect(start(store).exchange.subscriptionCount).toBe(0);
    await turns();
    for (const table of ["sessions", "subscriptions"] as const) expect(Array.from(store.range(table, []))).toEqual([]);
  });
});
