import { MqttProtocolError, ReasonCode } from "@isthmus/mqtt/codec";
import type { Client, Message } from "@isthmus/mqtt";
import { pino } from "pino";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { HookClient, HookOptions, Hooks } from "../src/index.js";
import { publishPacket } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

const hubs: TcpHub[] = [];
let log: Record<string, unknown>[] = [];

async function start(hooks: Hooks & HookOptions, rest: Parameters<typeof TcpHub.start>[0] = {}): Promise<TcpHub> {
  log = [];
  const hub = await TcpHub.start({
    ...rest,
    hooks,
    // A line of the log is one JSON object.
    log: pino({ level: "warn" }, { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) }),
  });
  hubs.push(hub);
  return hub;
}
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

async function take(client: Client, filter: string, count: number): Promise<() => Promise<string[]>> {
  const messages = (await client.subscribe(filter, { qos: 2 }))[Symbol.asyncIterator]();
  return async () => {
    const texts: string[] = [];
    while (texts.length < count) {
      // The stream does not end before the client does.
      const { value } = (await messages.next()) as { value: Message };
      texts.push(`${value.topic} ${value.text()} ${value.qos} ${value.retain}`);
    }
    return texts;
  };
}

/** Settles after other clients had their turn. */
function later<T>(value: T): Promise<T> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(value))));
}

describe("authenticate", () => {
  const KEY = "secret-of-a";
  const authenticate: NonNullable<Hooks["authenticate"]> = ({ user, password }) => {
    if (user === undefined) return undefined;
    if (user === "broken") throw new Error("the database is away");
    const isRight = password !== undefined && Buffer.from(password).toString() === KEY;
    return isRight ? { user } : { reasonCode: ReasonCode.badUserNameOrPassword, reason: "wrong password" };
  };
  const ways: readonly (readonly [string, NonNullable<Hooks["authenticate"]>])[] = [
    ["at once", authenticate],
    ["later", async (credentials) => later(await authenticate(credentials))],
  ];

  test.each(ways)("lets in and turns away %s, and whom it says nothing of is a stranger", async (_, hook) => {
    const { hub } = await start({ authenticate: hook });
    await (await hub.connect({ username: "a", password: KEY })).close();
    await expect(hub.connect({ username: "a", password: "x" })).rejects.toMatchObject({
      reasonCode: ReasonCode.badUserNameOrPassword,
    });
    await expect(hub.connect()).rejects.toMatchObject({ reasonCode: ReasonCode.notAuthorized });
  });

  test.each(ways)("fails closed when it throws %s", async (_, hook) => {
    const { hub } = await start({ authenticate: hook }, { allowAnonymous: true });
    await expect(hub.connect({ username: "broken", password: KEY })).rejects.toThrow();
    expect(log.find(({ msg }) => msg === "a hook has failed")).toMatchObject({ hook: "authenticate" });
  });

  test("one that never settles turns the client away when its time is over", async () => {
    const { hub } = await start({ authenticate: () => new Promise(() => {}), timeoutMs: 20 }, { allowAnonymous: true });
    await expect(hub.connect()).rejects.toThrow();
    expect(JSON.stringify(log)).toContain("has not settled within 20 ms");
  });

  test("the settings decide where it says nothing and they say who may come in", async () => {
    const { hub } = await start({ authenticate: () => undefined }, { allowAnonymous: true });
    await expect(hub.connect()).resolves.toBeDefined();
  });
});

describe("authorizePublish and authorizeSubscribe", () => {
  test("are asked once for consecutive messages on one topic, and no is no", async () => {
    const authorizePublish = vi.fn<NonNullable<Hooks["authorizePublish"]>>((_identity, topic) => topic !== "closed");
    const authorizeSubscribe = vi.fn<NonNullable<Hooks["authorizeSubscribe"]>>((_identity, filter) => filter !== "#");
    const { hub } = await start({ authorizePublish, authorizeSubscribe });
    const client = await hub.connect();
    await expect(client.subscribe("#")).rejects.toMatchObject({ reasonCode: ReasonCode.notAuthorized });
    const messages = await take(client, "open", 3);
    for (let i = 0; i < 3; i++) await client.publish("open", String(i), { qos: 1 });
    expect(await messages()).toHaveLength(3);
    expect(authorizePublish).toHaveBeenCalledTimes(1);
    await expect(client.publish("closed", "", { qos: 1 })).rejects.toMatchObject({
      reasonCode: ReasonCode.notAuthorized,
    });
  });

  test("fail closed when they throw, or answer with a promise", async () => {
    const { hub } = await start({
      authorizePublish: () => {
        throw new Error("oops");
      },
      // What a program without types may do.
      authorizeSubscribe: (() => Promise.resolve(true)) as unknown as NonNullable<Hooks["authorizeSubscribe"]>,
    });
    const client = await hub.connect();
    await expect(client.publish("t", "", { qos: 1 })).rejects.toThrow("authorized");
    await expect(client.subscribe("t")).rejects.toThrow("authorized");
    expect(log.filter(({ msg }) => msg === "a hook has failed").map(({ hook }) => hook)).toEqual([
      "authorizePublish",
      "authorizeSubscribe",
    ]);
  });

  test("not even a hook can write status topics", async () => {
    const { hub } = await start({ authorizePublish: () => true });
    await expect((await hub.connect()).publish("$SYS/broker/uptime", "", { qos: 1 })).rejects.toThrow("authorized");
  });
});

describe("onPublish", () => {
  test.each([
    ["at once", <T>(value: T) => value],
    ["later", later],
  ])("passes on, changes and refuses %s, with every QoS and in order", async (_, answer) => {
    const { hub } = await start({
      onPublish: (_client, message) => {
        const text = Buffer.from(message.payload).toString();
        if (text === "refuse") return answer({ reasonCode: ReasonCode.quotaExceeded, reason: "too much" });
        if (text === "move") return answer({ topic: "to/there", payload: Buffer.from("moved"), retain: true });
        return answer(undefined);
      },
    });
    const [publisher, subscriber] = [await hub.connect(), await hub.connect()];
    const messages = await take(subscriber, "to/#", 12);
    const published: Promise<unknown>[] = [];
    for (const qos of [0, 1, 2, 1, 2, 0] as const) {
      published.push(publisher.publish("to/here", `plain ${qos}`, { qos }));
      if (qos > 0) {
        const refused = publisher.publish("to/here", "refuse", { qos });
        published.push(expect(refused).rejects.toMatchObject({ reasonCode: ReasonCode.quotaExceeded }));
      }
      published.push(publisher.publish("to/here", "move", { qos }));
    }
    await Promise.all(published);
    expect(await messages()).toEqual(
      [0, 1, 2, 1, 2, 0].flatMap((qos) => [`to/here plain ${qos} ${qos} false`, `to/there moved ${qos} false`]),
    );
    expect(Buffer.from(hub.exchange.retained.get("to/there")?.payload ?? []).toString()).toBe("moved");
    expect(hub.metrics.messagesRefused.get("hook")).toBe(4);
  });

  test("one client that waits for its hook holds up nobody else, and gets its answers in order", async () => {
    const release = Promise.withResolvers<void>();
    const hub = await start({
      onPublish: async ({ name }) => {
        if (name === "slow") await release.promise;
      },
    });
    const slow = await hub.connect({ clientId: "slow" });
    slow.send(publishPacket("t", "1", { qos: 1, packetIdentifier: 1 }), { type: "pingreq" });
    const fast = await hub.connect({ clientId: "fast" });
    expect(await fast.publish("t", "2", { qos: 1 })).toBeDefined();
    expect(hub.metrics.messagesReceived).toBe(1);
    release.resolve();
    expect((await slow.next())?.type).toBe("puback");
    expect((await slow.next())?.type).toBe("pingresp");
    expect(hub.metrics.messagesReceived).toBe(2);
  });

  test("what a client sends before it closes is handled, hook by hook", async () => {
    const hub = await start({ onPublish: () => later(undefined) });
    const messages = await take(await hub.hub.connect(), "t", 3);
    const client = await hub.connect({}, 4);
    client.send(
      publishPacket("t", "1", { qos: 0 }),
      publishPacket("t", "2", { qos: 0 }),
      publishPacket("t", "3", { qos: 0 }),
      { type: "disconnect", reasonCode: 0 },
    );
    client.transport.end();
    expect((await messages()).map((line) => line.split(" ")[1])).toEqual(["1", "2", "3"]);
  });

  test("a QoS 2 message that comes again is not shown again, and a refused one is not remembered", async () => {
    let refusals = 1;
    const onPublish = vi.fn<NonNullable<Hooks["onPublish"]>>(() =>
      refusals-- > 0 ? { reasonCode: ReasonCode.notAuthorized, reason: "no" } : undefined,
    );
    const hub = await start({ onPublish });
    const client = await hub.connect();
    const again = { qos: 2, packetIdentifier: 7 } as const;
    for (const expected of [ReasonCode.notAuthorized, ReasonCode.noMatchingSubscribers, ReasonCode.success]) {
      client.send(publishPacket("t", "x", again));
      expect((await client.expect("pubrec")).reasonCode).toBe(expected);
    }
    expect(onPublish).toHaveBeenCalledTimes(2);
  });

  test("fails closed when it throws, names a topic that is none, or gives properties that MQTT cannot carry", async () => {
    const { hub } = await start({
      onPublish: (_client, { topic }) => {
        if (topic === "throw") throw new MqttProtocolError(ReasonCode.protocolError, "not the client's fault");
        if (topic === "respond") return { properties: { responseTopic: "a/#" } };
        return { topic: "a/#" };
      },
    });
    const client = await hub.connect();
    for (const topic of ["throw", "rename", "respond"]) {
      await expect(client.publish(topic, "", { qos: 1 })).rejects.toMatchObject({
        reasonCode: ReasonCode.implementationSpecificError,
      });
    }
  });

  test("sees wills, of a client that is gone", async () => {
    const seen: HookClient[] = [];
    const hub = await start({
      onPublish: (client, message) => {
        seen.push(client);
        return later({ payload: Buffer.from(`${Buffer.from(message.payload).toString()} indeed`) });
      },
    });
    const messages = await take(await hub.hub.connect(), "gone", 1);
    const will = { topic: "gone", payload: Buffer.from("gone"), qos: 1, retain: false, properties: undefined } as const;
    (await hub.connect({ clientId: "w", will })).transport.destroy();
    expect(await messages()).toEqual(["gone gone indeed 1 false"]);
    expect(seen).toMatchObject([{ door: "mqtt", name: "w", address: undefined }]);
  });
});

describe("onSubscribe", () => {
  test.each([
    ["at once", <T>(value: T) => value],
    ["later", later],
  ])("grants less and refuses %s, and what follows waits for it", async (_, answer) => {
    const hub = await start({
      onSubscribe: (_client, { topicFilter }) => {
        if (topicFilter === "a") return answer({ qos: 0 as const });
        if (topicFilter === "b") return answer({ reasonCode: ReasonCode.quotaExceeded, reason: "enough" });
        // The word of CONNACK: SUBACK has none like it.
        if (topicFilter === "c") return answer({ reasonCode: ReasonCode.banned, reason: "banned" });
        return answer(undefined);
      },
    });
    const client = await hub.connect();
    const subscriptions = ["a", "b", "c", "d"].map((topicFilter) => ({
      topicFilter,
      qos: 2 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    }));
    client.send(
      { type: "subscribe", packetIdentifier: 1, subscriptions, properties: undefined },
      publishPacket("d", "x", { qos: 0 }),
    );
    expect((await client.expect("suback")).reasonCodes).toEqual([0, 0x97, 0x87, 2]);
    expect((await client.expect("publish")).topic).toBe("d");
  });
});

test("onConnect, onUnsubscribe and onDisconnect tell of one and the same client, and may fail without harm", async () => {
  const told: unknown[] = [];
  const known = new Set<HookClient>();
  const hub = await start({
    onConnect: (client) => {
      known.add(client);
      told.push(["connect", client.name, client.identity.user]);
      throw new Error("oops");
    },
    onUnsubscribe: async (client, filter) => {
      told.push(["unsubscribe", client.name, filter]);
      await Promise.reject(new Error("oops"));
    },
    onDisconnect: (client, { isGraceful }) => {
      known.add(client);
      told.push(["disconnect", client.name, isGraceful]);
    },
  });
  const client = await hub.hub.connect({ clientId: "c" });
  await client.subscribe("t");
  await client.unsubscribe("t");
  await client.unsubscribe("never");
  await client.close();
  (await hub.connect({ clientId: "d" })).transport.destroy();
  await vi.waitFor(() => expect(told).toHaveLength(5));
  expect(told).toEqual([
    ["connect", "c", undefined],
    ["unsubscribe", "c", "t"],
    ["disconnect", "c", true],
    ["connect", "d", undefined],
    ["disconnect", "d", false],
  ]);
  expect(known.size).toBe(2);
  expect(log.filter(({ msg }) => msg === "a hook has failed")).toHaveLength(3);
});
