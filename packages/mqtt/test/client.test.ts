import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Client, connect, type ConnectOptions, type Packet, type Transport } from "../src/index.js";
import { deriveScramCredentials, scramSha256, ScramServer } from "../src/scram/index.js";
import { ClientBroker } from "./client-broker.js";

const clients: Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

const FAST = { minDelayMs: 1, maxDelayMs: 4 };

async function connectTo(broker: ClientBroker, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect("mqtt://test", {
    transport: broker.transport,
    clientId: "c",
    reconnect: FAST,
    ...options,
  });
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { interval: 2, timeout: 5_000 });
}

const refused = (reasonCode: number, message: string): object =>
  expect.objectContaining({ name: "RefusedError", reasonCode, message: expect.stringContaining(message) });

describe("connect", () => {
  it("sends what the options and the URL say", async () => {
    const broker = new ClientBroker();
    const client = await connect("mqtt://joe:s%20cret@test", {
      transport: broker.transport,
      will: { topic: "gone", payload: "bye", qos: 1 },
      keepAliveSeconds: 7,
      properties: { userProperties: [["a", "b"]] },
    });
    clients.push(client);
    expect(broker.received).toMatchObject([
      {
        type: "connect",
        protocolVersion: 5,
        cleanStart: true,
        keepAlive: 7,
        username: "joe",
        password: new TextEncoder().encode("s cret"),
        will: { topic: "gone", payload: new TextEncoder().encode("bye"), qos: 1, retain: false },
        properties: { sessionExpiryInterval: 300, userProperties: [["a", "b"]] },
      },
    ]);
    expect(client.clientId).toMatch(/^isthmus-[0-9a-f]{14}$/);
    expect(client.isConnected).toBe(true);
  });

  it("takes the client identifier that the server assigns", async () => {
    const client = await connectTo(new ClientBroker(), { clientId: "" });
    expect(client.clientId).toBe("assigned-1");
  });

  it("fails with the server's refusal, and does not try again", async () => {
    const broker = new ClientBroker({
      intercept: () => [{ type: "connack", sessionPresent: false, reasonCode: 0x86 }],
    });
    await expect(connectTo(broker)).rejects.toMatchObject({ name: "ConnectionRefusedError", reasonCode: 0x86 });
    expect(broker.connections).toHaveLength(1);
  });

  it("fails with what the network says", async () => {
    const broker = new ClientBroker();
    broker.isUp = false;
    await expect(connectTo(broker)).rejects.toThrow("nobody listens");
  });

  it("fails when the server closes without a word", async () => {
    const broker = new ClientBroker({
      intercept: (_, connection) => {
        connection.break();
        return [];
      },
    });
    await expect(connectTo(broker)).rejects.toMatchObject({ name: "ConnectionLostError" });
  });

  it("fails when the server does not answer in time", async () => {
    const broker = new ClientBroker({ intercept: () => [] });
    await expect(connectTo(broker, { connectTimeoutMs: 5 })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("fails when the transport does not open in time, and closes it if it opens later", async () => {
    const broker = new ClientBroker();
    const late = Promise.withResolvers<void>();
    const transport = async () => {
      await late.promise;
      return broker.transport();
    };
    await expect(connectTo(broker, { transport, connectTimeoutMs: 5 })).rejects.toMatchObject({
      name: "TimeoutError",
      message: "no connection to test within 5 ms",
    });
    late.resolve();
    await until(() => broker.connections.length === 1 && !broker.lastConnection.isOpen);
  });

  it("gives up when its signal aborts, before and while connecting", async () => {
    const broker = new ClientBroker({ intercept: () => [] });
    const reason = new Error("changed my mind");
    await expect(connectTo(broker, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(broker.connections).toHaveLength(0);
    const abort = new AbortController();
    const connecting = connectTo(broker, { signal: abort.signal });
    await nextTurn();
    abort.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await until(() => !broker.lastConnection.isOpen);
  });

  it.each([
    ["a password without a user before MQTT 5.0", { protocolVersion: 4, password: "x" }],
    ["a keep alive beyond its field", { keepAliveSeconds: 70_000 }],
    ["a will to a topic with a wildcard", { will: { topic: "a/#" } }],
    ["a property of another packet", { properties: { topicAlias: 1 } }],
  ] as const)("throws for %s before anything is opened", async (_, options) => {
    const broker = new ClientBroker();
    await expect(connectTo(broker, options)).rejects.toThrow();
    expect(broker.connections).toHaveLength(0);
  });

  it("throws for a URL of no scheme that it knows", async () => {
    await expect(connect("coap://test")).rejects.toThrow("coap:// is not one of mqtt://, mqtts://, ws://, wss://");
  });
});

describe("publish", () => {
  it("resolves at the end of each QoS", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    for (const qos of [0, 1, 2] as const) {
      await expect(client.publish(`q${qos}`, "x", { qos })).resolves.toEqual({ reasonCode: 0, properties: undefined });
    }
    await client.close();
    expect(broker.receivedOf("publish").map(({ topic, qos }) => [topic, qos])).toEqual([
      ["q0", 0],
      ["q1", 1],
      ["q2", 2],
    ]);
  });

  it("tells the reason code of success, and throws that of failure", async () => {
    const broker = new ClientBroker({
      intercept: (packet) =>
        packet.type === "publish" && packet.packetIdentifier
          ? [
              {
                type: "puback",
                packetIdentifier: packet.packetIdentifier,
                reasonCode: packet.topic === "no" ? 0x87 : 0x10,
              },
            ]
          : undefined,
    });
    const client = await connectTo(broker);
    await expect(client.publish("yes", "x", { qos: 1 })).resolves.toMatchObject({ reasonCode: 0x10 });
    await expect(client.publish("no", "x", { qos: 1 })).rejects.toEqual(refused(0x87, "the message to no"));
  });

  it("gathers what is published in one turn into one write, large messages by reference", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    await client.publish("first", "x", { qos: 1 });
    const { prototype } = broker.lastConnection.transport.constructor as { prototype: Transport };
    const write = vi.spyOn(prototype, "write");
    const writeAll = vi.spyOn(prototype, "writeAll");
    try {
      for (let i = 0; i < 500; i++) void client.publish("t", String(i));
      await nextTurn();
      expect(write).toHaveBeenCalledTimes(1);
      for (const size of [10, 5_000, 10, 10]) void client.publish("t", new Uint8Array(size));
      await nextTurn();
      expect(writeAll.mock.calls.map(([parts]) => parts.length)).toEqual([3]);
    } finally {
      write.mockRestore();
      writeAll.mockRestore();
    }
    expect(broker.receivedOf("publish")).toHaveLength(505);
  });

  it("of QoS 0 waits while the connection is congested", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    broker.lastConnection.transport.pause();
    await client.publish("fills", new Uint8Array(100_000));
    await nextTurn();
    let isDone = false;
    const waiting = client.publish("waits", "x").then(() => (isDone = true));
    await nextTurn();
    expect(isDone).toBe(false);
    broker.lastConnection.transport.resume();
    await waiting;
  });

  it("fails beyond the limit, also when nobody awaits it", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { queueLimitBytes: 10_000 });
    broker.lastConnection.transport.pause();
    const results = Array.from({ length: 20 }, () => client.publish("t", new Uint8Array(1_000)));
    const settled = await Promise.allSettled(results.slice(10));
    expect(settled.at(-1)).toMatchObject({ status: "rejected", reason: { name: "QueueFullError" } });
    broker.lastConnection.transport.resume();
    await Promise.allSettled(results);
  });

  it("can be aborted: before it is sent for good, after that only the wait", async () => {
    const broker = new ClientBroker({
      connackProperties: { receiveMaximum: 1 },
      intercept: (packet) => (packet.type === "publish" ? [] : undefined),
    });
    const client = await connectTo(broker);
    const abort = new AbortController();
    const sent = client.publish("sent", "x", { qos: 1, signal: abort.signal });
    const queued = client.publish("queued", "x", { qos: 1, signal: abort.signal });
    const reason = new Error("too slow");
    abort.abort(reason);
    await expect(sent).rejects.toBe(reason);
    await expect(queued).rejects.toBe(reason);
    await expect(client.publish("never", "x", { signal: abort.signal })).rejects.toBe(reason);
    expect(broker.receivedOf("publish").map(({ topic }) => topic)).toEqual(["sent"]);
  });

  it("throws what the caller did wrong", async () => {
    const client = await connectTo(new ClientBroker());
    await expect(client.publish("a/#", "x")).rejects.toMatchObject({ name: "TopicSyntaxError" });
    await expect(client.publish("a", "x", { properties: { serverKeepAlive: 1 } })).rejects.toThrow(TypeError);
  });
});

describe("subscribe", () => {
  it("gives a stream of what matches, and leaving the loop unsubscribes", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe("house/+/temperature", { qos: 1 });
    expect(subscription.reasonCodes).toEqual([1]);
    broker.publish("house/door", "open");
    broker.publish("house/kitchen/temperature", "21.5");
    broker.publish("house/cellar/temperature", "{}", { properties: { contentType: "application/json" } });
    const seen: unknown[] = [];
    for await (const message of subscription) {
      seen.push([message.topic, message.text(), message.json(), message.properties.contentType]);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([
      ["house/kitchen/temperature", "21.5", 21.5, undefined],
      ["house/cellar/temperature", "{}", {}, "application/json"],
    ]);
    await until(() => broker.receivedOf("unsubscribe").length === 1);
    expect(broker.receivedOf("unsubscribe")).toMatchObject([{ topicFilters: ["house/+/temperature"] }]);
    expect(subscription.isClosed).toBe(true);
  });

  it("feeds overlapping subscriptions once each, by subscription identifier", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const all = await client.subscribe("#");
    const one = await client.subscribe("a/b");
    const message = {
      type: "publish",
      topic: "a/b",
      payload: new Uint8Array(1),
      qos: 0,
      retain: false,
      dup: false,
    } as const;
    // A server may send a copy for each subscription, each with its identifier. (3.3.4)
    broker.lastConnection.send(
      { ...message, properties: { subscriptionIdentifiers: [1] } },
      { ...message, properties: { subscriptionIdentifiers: [2] } },
    );
    broker.publish("end", "");
    expect([(await all.next()).value?.topic, (await all.next()).value?.topic]).toEqual(["a/b", "end"]);
    expect((await one.next()).value?.topic).toBe("a/b");
    await one.close();
    expect((await one.next()).done).toBe(true);
  });

  it.each([4, 5] as const)(
    "of the same filter twice feeds both, and unsubscribes when the last one leaves (version %i)",
    async (protocolVersion) => {
      const broker = new ClientBroker();
      const client = await connectTo(broker, { protocolVersion });
      const [first, second] = await Promise.all([client.subscribe("a"), client.subscribe(["a", "b"])]);
      broker.publish("a", "1");
      expect((await first.next()).value?.text()).toBe("1");
      expect((await second.next()).value?.text()).toBe("1");
      await first.close();
      expect(broker.receivedOf("unsubscribe")).toEqual([]);
      broker.publish("a", "2");
      expect((await second.next()).value?.text()).toBe("2");
      await second.close();
      expect(broker.receivedOf("unsubscribe")).toMatchObject([{ topicFilters: ["a", "b"] }]);
    },
  );

  it("fails when the server refuses all, and tells the codes when it refuses some", async () => {
    const broker = new ClientBroker({
      intercept: (packet) =>
        packet.type === "subscribe"
          ? [
              {
                type: "suback",
                packetIdentifier: packet.packetIdentifier,
                reasonCodes: packet.subscriptions.map(({ topicFilter }) => (topicFilter === "no" ? 0x87 : 0)),
              },
            ]
          : undefined,
    });
    const client = await connectTo(broker);
    await expect(client.subscribe("no")).rejects.toEqual(refused(0x87, "the server refused no"));
    const some = await client.subscribe(["yes", "no"]);
    expect(some.reasonCodes).toEqual([0, 0x87]);
    await expect(client.subscribe([])).rejects.toThrow("at least one");
    await expect(client.subscribe("a#")).rejects.toMatchObject({ name: "TopicSyntaxError" });
    expect(broker.receivedOf("subscribe")).toHaveLength(2);
    expect(broker.receivedOf("unsubscribe")).toHaveLength(0);
    await some.close();
    expect(broker.receivedOf("unsubscribe")).toMatchObject([{ topicFilters: ["yes"] }]);
  });

  it("can be left while there is no connection", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe("a");
    broker.publish("a", "1");
    await nextTurn();
    broker.isUp = false;
    broker.lastConnection.break();
    await until(() => !client.isConnected);
    for await (const _ of subscription) break;
    broker.isUp = true;
    await until(() => broker.receivedOf("unsubscribe").length === 1);
  });

  it("can be aborted, and then leaves nothing on the server", async () => {
    const broker = new ClientBroker({ intercept: (packet) => (packet.type === "subscribe" ? [] : undefined) });
    const client = await connectTo(broker);
    const abort = new AbortController();
    const subscribing = client.subscribe("a", { signal: abort.signal });
    await nextTurn();
    abort.abort();
    await expect(subscribing).rejects.toMatchObject({ name: "AbortError" });
    await until(() => broker.receivedOf("unsubscribe").length === 1);
  });

  it("ends the streams of what is unsubscribed by name, with what they have buffered", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe(["a", "b"]);
    broker.publish("a", "1");
    await client.unsubscribe("a");
    expect(subscription.isClosed).toBe(false);
    await client.unsubscribe(["b", "unknown"]);
    expect((await subscription.next()).value?.topic).toBe("a");
    expect((await subscription.next()).done).toBe(true);
  });
});

describe("messages", () => {
  it("gives all that comes in, also what a resumed session holds and no subscription reads", async () => {
    const broker = new ClientBroker();
    const first = await connectTo(broker, { cleanStart: false });
    await first.subscribe("a", { qos: 1 });
    await first.close();
    await until(() => !broker.lastConnection.isOpen);
    broker.publish("a", "while away", { qos: 1 });
    const second = await connectTo(broker, { cleanStart: false });
    const messages = second.messages();
    expect((await messages.next()).value?.text()).toBe("while away");
    await second.subscribe("b");
    broker.publish("b", "1");
    expect((await messages.next()).value?.topic).toBe("b");
    await messages.close();
    expect((await messages.next()).done).toBe(true);
  });

  it("a reader that does not read pauses the connection, and the buffer stays bounded", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { bufferLimitBytes: 10_000 });
    const subscription = await client.subscribe("a");
    for (let i = 0; i < 100; i++) broker.publish("a", "x".repeat(1_000));
    await nextTurn();
    expect(broker.lastConnection.transport.bufferedBytes).toBeGreaterThan(80_000);
    let count = 0;
    for await (const message of subscription) {
      expect(message.payload.length).toBe(1_000);
      if (++count === 100) break;
    }
    expect(broker.lastConnection.transport.bufferedBytes).toBe(0);
  });

  it("a subscription that was never read does not stop who reads all messages", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { bufferLimitBytes: 10_000 });
    const messages = client.messages();
    const ignored = await client.subscribe("a");
    const read = await client.subscribe("b");
    void read.next();
    for (let i = 0; i < 100; i++) broker.publish("a", "x".repeat(1_000));
    broker.publish("b", "1");
    broker.publish("b", "2");
    let count = 0;
    for await (const _ of messages) if (++count === 102) break;
    expect((await read.next()).value?.text()).toBe("2");
    const next = ignored.next();
    broker.publish("a", "late reader");
    expect((await next).value?.text()).toBe("late reader");
  });
});

describe("when the connection breaks", () => {
  it("connects again, resumes the session and goes on", async () => {
    const broker = new ClientBroker();
    const log: string[] = [];
    const client = await connectTo(broker, {
      onConnect: ({ isReconnect, isSessionPresent }) => log.push(`connected ${isReconnect} ${isSessionPresent}`),
      onDisconnect: ({ error, retryInMs }) => log.push(`lost ${error?.name} ${retryInMs !== undefined}`),
    });
    const subscription = await client.subscribe("a", { qos: 1 });
    broker.lastConnection.break();
    broker.publish("a", "while away", { qos: 1 });
    expect((await subscription.next()).value?.text()).toBe("while away");
    expect(broker.receivedOf("subscribe")).toHaveLength(1);
    expect(broker.receivedOf("connect")).toMatchObject([{ cleanStart: true }, { cleanStart: false }]);
    await client.close();
    await nextTurn();
    expect(log).toEqual([
      "connected false false",
      "lost ConnectionLostError true",
      "connected true true",
      "lost undefined false",
    ]);
  });

  it("subscribes again where the server has lost the session", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const [one] = await Promise.all([client.subscribe(["a", "b"], { qos: 1 }), client.subscribe("c")]);
    broker.sessions.clear();
    broker.lastConnection.break();
    await until(() => broker.receivedOf("subscribe").length === 4);
    expect(broker.receivedOf("subscribe").slice(2)).toEqual([
      expect.objectContaining({ subscriptions: broker.receivedOf("subscribe")[0]?.subscriptions }),
      expect.objectContaining({ subscriptions: broker.receivedOf("subscribe")[1]?.subscriptions }),
    ]);
    broker.publish("b", "1");
    expect((await one.next()).value?.text()).toBe("1");
  });

  it("ends a subscription that the server, asked again, refuses", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe("a");
    broker.behaviour.intercept = (packet) =>
      packet.type === "subscribe"
        ? [{ type: "suback", packetIdentifier: packet.packetIdentifier, reasonCodes: [0x87] }]
        : undefined;
    broker.sessions.clear();
    broker.lastConnection.break();
    await expect(subscription.next()).rejects.toEqual(refused(0x87, "refused a"));
  });

  it("keeps what is published meanwhile, up to the limit", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { queueLimitBytes: 5_000 });
    broker.isUp = false;
    broker.lastConnection.break();
    await until(() => !client.isConnected);
    const payload = new Uint8Array(1_000);
    const kept = [0, 1, 2].map((qos) => client.publish(`q${qos}`, payload, { qos: qos as 0 | 1 | 2 }));
    await expect(client.publish("too much", new Uint8Array(2_000))).rejects.toMatchObject({ name: "QueueFullError" });
    broker.isUp = true;
    await Promise.all(kept);
    expect(broker.receivedOf("publish").map(({ topic }) => topic)).toEqual(["q0", "q1", "q2"]);
  });

  it("settles what was in flight once it is resumed", async () => {
    const broker = new ClientBroker({
      intercept: (packet, connection) => {
        if (packet.type !== "publish" || packet.dup) return undefined;
        connection.break();
        return [];
      },
    });
    const client = await connectTo(broker);
    await client.publish("a", "x", { qos: 2 });
    expect(broker.receivedOf("publish")).toMatchObject([{ dup: false }, { dup: true }]);
  });

  it("does not come back after its session was taken over", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe("a");
    await client.publish("b", "x", { qos: 1, signal: new AbortController().signal });
    broker.behaviour.intercept = () => [];
    const pending = client.publish("c", "x", { qos: 1 });
    broker.lastConnection.send({ type: "disconnect", reasonCode: 0x8e });
    await expect(client.closed).resolves.toMatchObject({ name: "ServerDisconnectError", reasonCode: 0x8e });
    await expect(pending).rejects.toMatchObject({ reasonCode: 0x8e });
    await expect(subscription.next()).rejects.toMatchObject({ reasonCode: 0x8e });
    expect((await subscription.next()).done).toBe(true);
    await expect(client.publish("d", "x")).rejects.toMatchObject({ reasonCode: 0x8e });
    expect(broker.connections).toHaveLength(1);
  });

  it("ends at once when it is not to connect again", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { reconnect: false });
    broker.lastConnection.break();
    await expect(client.closed).resolves.toMatchObject({ name: "ConnectionLostError" });
    expect(client.isClosed).toBe(true);
  });

  it("asks `shouldRetry` each time", async () => {
    const broker = new ClientBroker();
    const errors: string[] = [];
    const shouldRetry = (error: Error): boolean => errors.push(error.message) < 3;
    const client = await connectTo(broker, { reconnect: { ...FAST, shouldRetry } });
    broker.isUp = false;
    broker.lastConnection.break();
    await expect(client.closed).resolves.toMatchObject({ message: "nobody listens" });
    expect(errors).toEqual(["the connection was lost", "nobody listens", "nobody listens"]);
  });
});

describe("close", () => {
  it("disconnects, fails what is open, ends streams, and is idempotent", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    const subscription = await client.subscribe("a");
    broker.publish("a", "buffered");
    await nextTurn();
    broker.behaviour.intercept = () => [];
    const publishing = client.publish("b", "x", { qos: 1 });
    const subscribing = client.subscribe("c");
    const closing = client.close();
    await expect(publishing).rejects.toMatchObject({ name: "ClientClosedError" });
    await expect(subscribing).rejects.toMatchObject({ name: "ClientClosedError" });
    await closing;
    await client.close();
    await expect(client.closed).resolves.toBeUndefined();
    await expect(client.publish("d", "x")).rejects.toMatchObject({ name: "ClientClosedError" });
    await expect(client.subscribe("d")).rejects.toMatchObject({ name: "ClientClosedError" });
    expect((await subscription.next()).value?.text()).toBe("buffered");
    expect((await subscription.next()).done).toBe(true);
    expect(broker.receivedOf("disconnect")).toMatchObject([
      { reasonCode: 0, properties: { sessionExpiryInterval: 0 } },
    ]);
  });

  it("leaves a session that was asked for on the server", async () => {
    const broker = new ClientBroker();
    for (const options of [
      { sessionExpiryIntervalSeconds: 60 },
      { cleanStart: false },
      { protocolVersion: 4 as const },
    ]) {
      const client = await connectTo(broker, options);
      await client.close();
      expect(broker.receivedOf("disconnect").at(-1)?.properties).toBeUndefined();
    }
  });

  it("ends the wait for the next connection", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker, { reconnect: { minDelayMs: 60_000 } });
    broker.lastConnection.break();
    await until(() => !client.isConnected);
    await client.close();
  });

  it("is what the signal of `connect` does, and `await using`", async () => {
    const broker = new ClientBroker();
    const abort = new AbortController();
    const client = await connectTo(broker, { signal: abort.signal });
    abort.abort();
    await client.closed;
    expect(broker.receivedOf("disconnect")).toHaveLength(1);
    {
      await using other = await connectTo(broker);
      expect(other.isConnected).toBe(true);
    }
    expect(broker.receivedOf("disconnect")).toHaveLength(2);
  });
});

describe("request and reply", () => {
  it("meet by response topic and correlation data (4.10)", async () => {
    const broker = new ClientBroker({ connackProperties: { responseInformation: "answers" } });
    const asking = await connectTo(broker, { clientId: "asking" });
    const answering = await connectTo(broker, { clientId: "answering" });
    const questions = await answering.subscribe("square", { qos: 1 });
    const serving = (async () => {
      for await (const question of questions) void answering.reply(question, String(Number(question.text()) ** 2));
    })();
    const answers = await Promise.all([3, 4, 5].map((n) => asking.request("square", String(n))));
    expect(answers.map((answer) => answer.text())).toEqual(["9", "16", "25"]);
    expect(answers[0]?.topic).toBe("answers/asking");
    expect(
      broker.receivedOf("subscribe").filter((packet) => packet.subscriptions[0]?.topicFilter === "answers/asking"),
    ).toHaveLength(1);
    await answering.close();
    await serving;
  });

  it("fails in time, by signal, by refusal, at the end of the client, and before MQTT 5.0", async () => {
    const broker = new ClientBroker();
    const client = await connectTo(broker);
    await expect(client.request("a", "x", { timeoutMs: 5 })).rejects.toMatchObject({ name: "TimeoutError" });
    const abort = new AbortController();
    const aborted = client.request("a", "x", { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    broker.behaviour.intercept = (packet) =>
      packet.type === "publish" && packet.packetIdentifier
        ? [{ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0x87 }]
        : undefined;
    await expect(client.request("a", "x", { qos: 1 })).rejects.toEqual(refused(0x87, "the message to a"));
    const open = client.request("a", "x");
    await nextTurn();
    await client.close();
    await expect(open).rejects.toThrow();
    const old = await connectTo(broker, { protocolVersion: 4 });
    await expect(old.request("a", "x")).rejects.toThrow("request needs MQTT 5.0");
    const messages = old.messages();
    await old.subscribe("#");
    broker.publish("b", "x");
    const { value } = await messages.next();
    if (!value) throw new Error("a message was published");
    await expect(old.reply(value, "y")).rejects.toThrow("the message to b has no response topic");
  });
});

describe("enhanced authentication (4.12)", () => {
  const method = "COUNT";
  const step = (value: number, reasonCode = 0x18): Packet => ({
    type: "auth",
    reasonCode,
    properties: { authenticationMethod: method, authenticationData: Uint8Array.of(value) },
  });

  it("asks the application for each step, and can be done again", async () => {
    const broker = new ClientBroker({
      intercept: (packet) => {
        const value = "properties" in packet ? (packet.properties?.authenticationData?.[0] ?? 0) : 0;
        if (packet.type === "connect") return [step(value + 1)];
        if (packet.type !== "auth") return undefined;
        if (packet.reasonCode === 0x19) return [step(7)];
        if (value === 8) return [step(0, 0)];
        const properties = { authenticationMethod: method };
        return value < 4 ? [step(value + 1)] : [{ type: "connack", sessionPresent: false, reasonCode: 0, properties }];
      },
    });
    const steps: (number | undefined)[] = [];
    const client = await connectTo(broker, {
      authentication: {
        method,
        start: () => Uint8Array.of(1),
        respond: (data) => {
          steps.push(data?.[0]);
          return Promise.resolve(Uint8Array.of((data?.[0] ?? 0) + 1));
        },
      },
    });
    expect(steps).toEqual([2, 4]);
    await client.reauthenticate();
    expect(steps).toEqual([2, 4, 7]);
    broker.behaviour.intercept = () => [];
    const unanswered = client.reauthenticate();
    await nextTurn();
    broker.lastConnection.break();
    await expect(unanswered).rejects.toMatchObject({ name: "ConnectionLostError" });
  });

  it("by SCRAM-SHA-256 shows each side that the other knows the password, again and again", async () => {
    const broker = new ClientBroker({ intercept: scramServer("sesame") });
    const authentication = scramSha256({ username: "anna", password: "sesame" });
    const client = await connectTo(broker, { authentication });
    await Promise.all([client.reauthenticate(), client.reauthenticate()]);
    await client.reauthenticate();
    expect(broker.receivedOf("auth").map(({ reasonCode }) => reasonCode)).toEqual([0x18, 0x19, 0x18, 0x19, 0x18]);
    broker.lastConnection.break();
    await until(() => broker.connections.length === 2 && client.isConnected);
  });

  it("by SCRAM-SHA-256 does not trust a server that lets everybody in", async () => {
    const lax = new ClientBroker({
      intercept: (packet) =>
        packet.type === "connect"
          ? [{ type: "connack", sessionPresent: false, reasonCode: 0, properties: { authenticationMethod } }]
          : undefined,
    });
    const authenticationMethod = "SCRAM-SHA-256";
    const authentication = scramSha256({ username: "anna", password: "sesame" });
    await expect(connectTo(lax, { authentication })).rejects.toMatchObject({ name: "ScramError" });
  });

  it("keeps what the URL says about the user to itself, and needs MQTT 5.0", async () => {
    const broker = new ClientBroker({ intercept: scramServer("sesame") });
    const authentication = scramSha256({ username: "anna", password: "sesame" });
    const options = { transport: broker.transport, authentication };
    clients.push(await connect("mqtt://anna:sesame@test", options));
    expect(broker.receivedOf("connect")).toMatchObject([{ username: undefined, password: undefined }]);
    await expect(connect("mqtt://test", { ...options, protocolVersion: 4 })).rejects.toThrow("needs MQTT 5.0");
  });

  it("anew needs an authentication, and a connection", async () => {
    const broker = new ClientBroker();
    const plain = await connectTo(broker);
    await expect(plain.reauthenticate()).rejects.toThrow("reauthenticate needs the option authentication");
    const guarded = new ClientBroker({ intercept: scramServer("sesame") });
    const authentication = { ...scramSha256({ username: "anna", password: "sesame" }) };
    const client = await connectTo(guarded, { authentication, reconnect: { minDelayMs: 60_000 } });
    guarded.lastConnection.break();
    await until(() => !client.isConnected);
    await expect(client.reauthenticate()).rejects.toMatchObject({ name: "ConnectionLostError" });
  });

  it("ends the connection with the application's error", async () => {
    const broker = new ClientBroker({ intercept: () => [step(1)] });
    const authentication = {
      method,
      respond: () => {
        throw new Error("that is not my server");
      },
    };
    await expect(connectTo(broker, { authentication })).rejects.toThrow("that is not my server");
  });
});

/** A server of SCRAM-SHA-256 for one user, whose password it knows. */
function scramServer(password: string): NonNullable<ClientBroker["behaviour"]["intercept"]> {
  let server = new ScramServer("x");
  let isOpen = false;
  const authenticationMethod = "SCRAM-SHA-256";
  const auth = (reasonCode: number, authenticationData: Uint8Array): Packet => ({
    type: "auth",
    reasonCode,
    properties: { authenticationMethod, authenticationData },
  });
  const answer = async (data: Uint8Array | undefined, isFirst: boolean): Promise<Packet> => {
    if (isFirst) {
      server = new ScramServer("server");
      expect(server.receiveFirst(data)).toBe("anna");
      return auth(0x18, server.challenge(await deriveScramCredentials(password, new Uint8Array(16), 4096)));
    }
    const authenticationData = await server.receiveFinal(data);
    if (isOpen) return auth(0, authenticationData);
    isOpen = true;
    const properties = { authenticationMethod, authenticationData };
    return { type: "connack", sessionPresent: false, reasonCode: 0, properties };
  };
  return (packet, connection) => {
    if (packet.type === "connect") isOpen = false;
    if (packet.type !== "connect" && packet.type !== "auth") return undefined;
    const isFirst = packet.type === "connect" || packet.reasonCode === 0x19;
    void answer(packet.properties?.authenticationData, isFirst).then((reply) => connection.send(reply));
    return [];
  };
}
