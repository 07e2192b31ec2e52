import { MemoryStore } from "@isthmus/exchange";
import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { Publisher, PublishRefusedError } from "../src/publisher.js";
import { MemoryDoor } from "./memory-door.js";

const ORIGIN = { door: "http", name: "somebody" };
const NOBODY = { user: undefined };
const TOPIC = "house/kitchen/temperature";
const payload = encodeUtf8("21.5");

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
    ["too-large", { topic: TOPIC, payload: new Uint8Array(101) }],
    ["not-authorized", { topic: "$SYS/broker/uptime", payload }],
  ])("is refused: %s", async (refusal, publication) => {
    const hub = new MemoryDoor();
    const publishing = new Publisher(hub.door, 100).publish(NOBODY, ORIGIN, publication);
    await expect(publishing).rejects.toThrow(PublishRefusedError);
    await expect(publishing).rejects.toMatchObject({ refusal });
    await hub.close();
  });
});
