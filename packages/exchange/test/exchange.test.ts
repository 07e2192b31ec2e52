import { encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test, vi } from "vitest";
import {
  createMessage,
  type Delivery,
  Exchange,
  type ExchangeOptions,
  type FrameRun,
  MemoryStore,
  type Message,
  type MessageInit,
  type Subscription,
  type Topic,
} from "../src/index.js";
import { RecordingReceiver } from "./naive-exchange.js";

const NOW = 1_000_000;

function topicOf(exchange: Exchange, name: string): Topic {
  const bytes = encodeUtf8(name);
  return exchange.topics.intern(bytes, 0, bytes.length);
}

function publish(exchange: Exchange, topic: string, rest: Partial<MessageInit> = {}): number {
  const init = { topic, payload: encodeUtf8("x"), publishedAt: NOW, ...rest };
  return exchange.publish(topicOf(exchange, topic), createMessage(init));
}

function subscribe(
  exchange: Exchange,
  receiver: RecordingReceiver,
  filter: string,
  rest: Partial<Subscription> = {},
): boolean {
  return exchange.subscribe({ receiver, filter, qos: 2, noLocal: false, retainAsPublished: false, ...rest });
}

function retained(exchange: Exchange, filter = "#", now = NOW): string[] {
  return Array.from(exchange.retainedMatching(filter, now), ({ topic }) => topic).sort();
}

describe("routes", () => {
  test("are compiled once and kept while no subscription changes", () => {
    const exchange = new Exchange();
    subscribe(exchange, new RecordingReceiver("r"), "a/+");
    const topic = topicOf(exchange, "a/b");
    expect(exchange.route(topic)).toBe(exchange.route(topic));
  });

  test("are those of the present: a change of subscriptions is seen by the next message", () => {
    const exchange = new Exchange();
    const [first, second] = [new RecordingReceiver("first"), new RecordingReceiver("second")];
    expect(publish(exchange, "a/b")).toBe(0);
    subscribe(exchange, first, "a/+");
    expect(publish(exchange, "a/b")).toBe(1);
    subscribe(exchange, second, "a/b");
    expect(publish(exchange, "a/b")).toBe(2);
    subscribe(exchange, second, "a/b", { qos: 0 });
    publish(exchange, "a/b");
    exchange.unsubscribe(first, "a/+");
    expect(publish(exchange, "a/b")).toBe(1);
    expect(first.received).toHaveLength(3);
    expect(second.received.map(({ delivery }) => delivery.qos)).toEqual([2, 0, 0]);
    expect(exchange.subscriptionCount).toBe(1);
  });

  test("a route of a topic that gave up its slot is compiled anew", () => {
    const exchange = new Exchange({ topicCacheSize: 2 });
    const receiver = new RecordingReceiver("r");
    subscribe(exchange, receiver, "#");
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 50; i++) expect(publish(exchange, `t/${i}`)).toBe(1);
    }
    expect(receiver.received).toHaveLength(150);
  });
});

describe("publishing", () => {
  test("gives one copy to a receiver with overlapping subscriptions, with all identifiers [MQTT-3.3.4-3]", () => {
    const exchange = new Exchange();
    const receiver = new RecordingReceiver("r");
    subscribe(exchange, receiver, "a/#", { qos: 0, identifier: 1 });
    subscribe(exchange, receiver, "a/+", { qos: 2, identifier: 2, retainAsPublished: true });
    subscribe(exchange, receiver, "a/b", { qos: 1 });
    publish(exchange, "a/b");
    expect(receiver.received).toHaveLength(1);
    const [delivery] = receiver.received.map((each) => each.delivery);
    expect(delivery).toMatchObject({ qos: 2, retainAsPublished: true });
    expect(delivery?.identifiers?.toSorted()).toEqual([1, 2]);
  });

  test("leaves out what a receiver published itself, for subscriptions that want no local [MQTT-3.8.3-3]", () => {
    const exchange = new Exchange();
    const [own, other] = [new RecordingReceiver("own"), new RecordingReceiver("other")];
    for (const receiver of [own, other]) {
      subscribe(exchange, receiver, "a/#", { noLocal: true, qos: 2, identifier: 1 });
    }
    const origin = { door: "test", name: "own", receiver: own };
    publish(exchange, "a/b", { origin });
    expect([own.received.length, other.received.length]).toEqual([0, 1]);
    subscribe(exchange, own, "a/b", { qos: 1, identifier: 2 });
    publish(exchange, "a/b", { origin });
    expect(own.received.map(({ delivery }) => [delivery.qos, delivery.identifiers])).toEqual([[1, [2]]]);
    publish(exchange, "a/b");
    expect(own.received.at(-1)?.delivery).toMatchObject({ qos: 2 });
  });

  test("a run of frames goes to a receiver that takes its form, else message by message", () => {
    const exchange = new Exchange();
    const plain = new RecordingReceiver("plain");
    const runs: [FrameRun, Delivery][] = [];
    let takesForm = true;
    const forwarding = Object.assign(new RecordingReceiver("forwarding"), {
      forward: (run: FrameRun, delivery: Delivery) => takesForm && runs.push([run, delivery]) > 0,
    });
    const member = new RecordingReceiver("member");
    subscribe(exchange, plain, "a");
    subscribe(exchange, forwarding, "a");
    subscribe(exchange, member, "a", { shareName: "s" });
    const noLocal = new RecordingReceiver("own");
    subscribe(exchange, noLocal, "a", { noLocal: true });
    const messages = ["1", "2"].map((text) =>
      createMessage({ topic: "a", payload: encodeUtf8(text), publishedAt: NOW }),
    );
    const run: FrameRun = {
      topic: topicOf(exchange, "a"),
      origin: { door: "test", name: "own", receiver: noLocal },
      form: 4,
      source: new Uint8Array(0),
      start: 0,
      end: 0,
      count: 2,
      largestFrameBytes: 0,
      payloadBytes: 2,
      messages: () => messages,
    };
    expect(exchange.publishRun(run)).toBe(4);
    expect([plain, forwarding, member, noLocal].map(({ received }) => received.length)).toEqual([2, 0, 2, 0]);
    expect(runs).toEqual([[run, expect.objectContaining({ receiver: forwarding })]]);
    takesForm = false;
    exchange.publishRun(run);
    expect(forwarding.received.map(({ message }) => message)).toEqual(messages);
  });
});

describe("retained messages", () => {
  test("the last one of a topic stays, and an empty one clears it [MQTT-3.3.1-5] [MQTT-3.3.1-6]", () => {
    const exchange = new Exchange();
    const receiver = new RecordingReceiver("r");
    subscribe(exchange, receiver, "#");
    publish(exchange, "a", { retain: true, payload: encodeUtf8("1") });
    publish(exchange, "a", { retain: true, payload: encodeUtf8("2") });
    publish(exchange, "b", { retain: true });
    publish(exchange, "c");
    expect(exchange.retained.get("a")?.payload).toEqual(encodeUtf8("2"));
    expect(retained(exchange)).toEqual(["a", "b"]);
    publish(exchange, "a", { retain: true, payload: new Uint8Array(0) });
    expect(retained(exchange)).toEqual(["b"]);
    // Each was delivered as well, the empty one too.
    expect(receiver.topics()).toEqual(["a", "a", "b", "c", "a"]);
  });

  test("one that has expired is not found any more, and is gone", () => {
    const exchange = new Exchange();
    publish(exchange, "a", { retain: true, expiresAt: NOW + 10 });
    publish(exchange, "b", { retain: true, expiresAt: NOW + 20 });
    publish(exchange, "c", { retain: true });
    expect(retained(exchange, "#", NOW + 9)).toEqual(["a", "b", "c"]);
    expect(retained(exchange, "#", NOW + 10)).toEqual(["b", "c"]);
    expect(exchange.retained.size).toBe(2);
  });

  test("the limit of messages holds for new topics, not for those that have one", () => {
    const onRetainedRefused = vi.fn<(message: Message) => void>();
    const exchange = new Exchange({ maxRetainedMessages: 2, onRetainedRefused });
    for (const topic of ["a", "b", "c", "b"]) publish(exchange, topic, { retain: true });
    expect(retained(exchange)).toEqual(["a", "b"]);
    expect(onRetainedRefused.mock.calls.map(([{ topic }]) => topic)).toEqual(["c"]);
    exchange.clearRetained("a");
    expect(exchange.clearRetained("a")).toBe(false);
    publish(exchange, "c", { retain: true });
    expect(retained(exchange)).toEqual(["b", "c"]);
  });

  test("the limit of bytes counts what a replaced message gives back", () => {
    const onRetainedRefused = vi.fn<(message: Message) => void>();
    // A byte of it is the topic's.
    const exchange = new Exchange({ maxRetainedBytes: 11, onRetainedRefused });
    publish(exchange, "a", { retain: true, payload: new Uint8Array(6) });
    publish(exchange, "b", { retain: true, payload: new Uint8Array(5) });
    expect(retained(exchange)).toEqual(["a"]);
    publish(exchange, "a", { retain: true, payload: new Uint8Array(10) });
    expect(exchange.retained.sizeBytes).toBe(11);
    publish(exchange, "a", { retain: true, payload: new Uint8Array(11) });
    expect(exchange.retained.sizeBytes).toBe(11);
    expect(onRetainedRefused).toHaveBeenCalledTimes(2);
  });

  test("the limit of bytes counts topics and properties, not payloads alone", () => {
    const onRetainedRefused = vi.fn<(message: Message) => void>();
    const exchange = new Exchange({ maxRetainedBytes: 1000, onRetainedRefused });
    const payload = new Uint8Array(1);
    publish(exchange, "x".repeat(1000), { retain: true, payload });
    for (const properties of [
      { contentType: "x".repeat(1000) },
      { responseTopic: "x".repeat(1000) },
      { correlationData: new Uint8Array(1000) },
      { userProperties: [["k", "x".repeat(1000)]] },
    ] as const) {
      publish(exchange, "a", { retain: true, payload, properties });
    }
    expect(retained(exchange)).toEqual([]);
    expect(onRetainedRefused).toHaveBeenCalledTimes(5);
  });

  test("what is refused is delivered all the same", () => {
    const exchange = new Exchange({ maxRetainedMessages: 0 });
    const receiver = new RecordingReceiver("r");
    subscribe(exchange, receiver, "a");
    expect(publish(exchange, "a", { retain: true })).toBe(1);
    expect(receiver.received).toHaveLength(1);
    expect(retained(exchange)).toEqual([]);
  });

  test("are kept through the message's own copy, so that no network buffer is held", () => {
    const exchange = new Exchange();
    const message = createMessage({ topic: "a", payload: encodeUtf8("x"), retain: true, publishedAt: NOW });
    const owned = createMessage({ topic: "a", payload: encodeUtf8("x"), retain: true, publishedAt: NOW });
    vi.spyOn(message, "detach").mockReturnValue(owned);
    exchange.publish(topicOf(exchange, "a"), message);
    expect(exchange.retained.get("a")).toBe(owned);
  });
});

describe("with a store", () => {
  function reopened(store: MemoryStore, options: ExchangeOptions = {}): [Exchange, MemoryStore] {
    const restarted = store.crash();
    return [new Exchange({ ...options, store: restarted }), restarted];
  }

  test("retained messages are there again after a restart, as committed", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const exchange = new Exchange({ store });
    const properties = { contentType: "text/plain", userProperties: [["k", "v"]] } as const;
    publish(exchange, "a", { retain: true, qos: 1, properties });
    publish(exchange, "b", { retain: true });
    await exchange.commit();
    publish(exchange, "b", { retain: true, payload: new Uint8Array(0) });
    await exchange.commit();
    publish(exchange, "c", { retain: true });

    const [again] = reopened(store);
    expect(retained(again)).toEqual(["a"]);
    expect(again.retained.get("a")).toMatchObject({ qos: 1, retain: true, publishedAt: NOW });
    expect(again.retained.get("a")?.properties).toMatchObject(properties);
  });

  test("one that is cleared or has expired is gone from the store too", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const exchange = new Exchange({ store });
    publish(exchange, "a", { retain: true, expiresAt: NOW + 10 });
    publish(exchange, "b", { retain: true });
    await exchange.commit();
    expect(retained(exchange, "#", NOW + 10)).toEqual(["b"]);
    exchange.clearRetained("b");
    await exchange.commit();
    const [again, restarted] = reopened(store);
    expect(again.retained.size).toBe(0);
    expect([...restarted.range("retained", [])]).toEqual([]);
  });

  test("without one there is nothing to wait for", () => {
    const exchange = new Exchange();
    publish(exchange, "a", { retain: true });
    expect(exchange.commit()).toBeUndefined();
    expect(exchange.log).toBeUndefined();
  });
});
