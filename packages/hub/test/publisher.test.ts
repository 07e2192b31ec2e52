import { createMessage, type Message, MemoryStore } from "@isthmus/exchange";
import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { toMqttMessage } from "../src/doors/mqtt/mqtt-message.js";
import { Publisher, PublishRefusedError } from "../src/publisher.js";
import { MemoryDoor } from "./memory-door.js";

const ORIGIN = { door: "http", name: "somebody" };
const NOBODY = { user: undefined };
const TOPIC = "house/kitchen/temperature";
const payload = encodeUtf8("21.5");
const LONG = "x".repeat(65_536);

describe("a publication by a door that is not MQTT's", () => {
  test("reaches MQTT subscribers, and says how many", async () => {
    const hub = new MemoryDoor();
    const publisher = new Publisher(hub.door, 100);
    const client = await hub.connect();
    await client.subscribe("house/+/temperature", { qos: 1 });
    const receivers = await publisher.publish(NOBODY, ORIGIN, {
      topic: TOPIC,
      payload,
      qos: 1,
      properties: { contentType: "text/plain" },
    });
    const received = await client.expect("publish");
    expect(receivers).toBe(1);
    expect([received.topic, decodeUtf8(received.payload), received.qos]).toEqual([TOPIC, "21.5", 1]);
    expect(received.properties?.contentType).toBe("text/plain");
    await hub.close();
  });

  test("is the topic's last value once it is stored", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = new MemoryDoor({ exchange: { store } });
    await new Publisher(hub.door, 100).publish(NOBODY, ORIGIN, { topic: TOPIC, payload, retain: true });
    expect([...store.crash().range("retained", [])]).toHaveLength(1);
    await hub.close();
  });

  test.each([
    ["topic-invalid", { topic: "house/#", payload }],
    ["topic-invalid", { topic: "", payload }],
    ["topic-invalid", { topic: "\ud800", payload }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { responseTopic: "#" } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { responseTopic: "" } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { contentType: LONG } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { contentType: "\ud800" } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { correlationData: new Uint8Array(65_536) } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { userProperties: [["a", "\0"]] } }],
    ["properties-invalid", { topic: TOPIC, payload, properties: { userProperties: [[LONG, "a"]] } }],
    ["too-large", { topic: TOPIC, payload: new Uint8Array(101) }],
    ["not-authorized", { topic: "$SYS/broker/uptime", payload }],
  ] as const)("is refused: %s", async (refusal, publication) => {
    const hub = new MemoryDoor();
    const publishing = new Publisher(hub.door, 100).publish(NOBODY, ORIGIN, publication);
    await expect(publishing).rejects.toThrow(PublishRefusedError);
    await expect(publishing).rejects.toMatchObject({ refusal });
    await hub.close();
  });
});

describe("a message that MQTT has no form for, as an older version may have stored it", () => {
  /** The topics are taken as they are. */
  const start = (store?: MemoryStore) => new MemoryDoor({ exchange: { store, parseTopic: decodeUtf8 } });

  /** Two, with a good one behind each. */
  function publishAll({ exchange }: MemoryDoor): void {
    const publish = (rest: Partial<Message>) =>
      exchange.publishMessage(createMessage({ topic: "a", payload, qos: 1, publishedAt: Date.now(), ...rest }));
    publish({ topic: "a/1", retain: true, properties: { responseTopic: "#" } });
    publish({ topic: "a/2", retain: true });
    publish({ topic: `a/${LONG}`, retain: true });
    publish({ topic: "a/3", retain: true });
  }

  const dropWarnings = ({ log }: MemoryDoor) =>
    log.filter(({ msg }) => msg === "MQTT cannot carry a message: dropped").map(({ reason }) => reason);

  const warnings = ['the topic name "#" holds a wildcard', "the topic has 65538 bytes"];

  async function received(hub: MemoryDoor, subscribe: boolean): Promise<string[]> {
    const client = await hub.connect();
    await client.subscribe("a/#", { qos: 1 });
    if (subscribe) publishAll(hub);
    return (await client.settle()).flatMap((packet) => (packet.type === "publish" ? [packet.topic] : []));
  }

  test("is dropped when it is delivered, counted, and logged", async () => {
    const hub = start();
    expect(await received(hub, true)).toEqual(["a/2", "a/3"]);
    expect(hub.metrics.messagesDropped["not-encodable"]).toBe(2);
    expect(dropWarnings(hub)).toEqual(warnings);
    await hub.close();
  });

  test("is dropped when it is retained, each time, and logged once", async () => {
    const store = new MemoryStore();
    const before = start(store);
    publishAll(before);
    await before.close();
    const hub = start(store);
    expect(await received(hub, false)).toEqual(["a/2", "a/3"]);
    expect(await received(hub, false)).toEqual(["a/2", "a/3"]);
    expect(hub.metrics.messagesDropped["not-encodable"]).toBe(4);
    expect(new Set(dropWarnings(hub))).toEqual(new Set(warnings));
    expect(dropWarnings(hub)).toHaveLength(2);
    await hub.close();
  });

  test("keeps no hub from starting where it waits for a client", async () => {
    const store = new MemoryStore();
    const lasting = { clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 3600 } };
    const before = start(store);
    const client = await before.connect(lasting);
    await client.subscribe("a/#", { qos: 1 });
    await client.break();
    const long = toMqttMessage(createMessage({ topic: "a/1", payload, qos: 1, publishedAt: Date.now() }));
    before.exchange.publishMessage(Object.assign(long, { topic: `a/${LONG}` }));
    before.exchange.publishMessage(createMessage({ topic: "a/2", payload, qos: 1, publishedAt: Date.now() }));
    await before.close();
    const hub = start(store);
    const packets = await (await hub.connect(lasting)).settle();
    expect(packets.flatMap((packet) => (packet.type === "publish" ? [packet.topic] : []))).toEqual(["a/2"]);
    await hub.close();
  });
});
