import { decodeUtf8 } from "@isthmus/bytes";
import type { PublishPacket } from "@isthmus/mqtt/codec";
import { afterEach, describe, expect, test } from "vitest";
import { TcpHub } from "./test-hub.js";

let hub: TcpHub | undefined;
afterEach(() => hub?.close());

/** A hub with five messages in the history of each of two topics, of which three are kept. */
async function start(): Promise<TcpHub> {
  hub = await TcpHub.start({ history: { rules: [{ filter: "house/#", maxMessages: 3 }] } });
  const publisher = await hub.connect({ clientId: "publisher" });
  for (let i = 1; i <= 5; i++) await publisher.publish("house/a", `a${i}`, { qos: 1 });
  await publisher.publish("house/b", "b1", { qos: 1, properties: { contentType: "text/plain" } });
  await publisher.publish("garden/a", "not kept", { qos: 1 });
  return hub;
}

/** All that a subscription to `filter` brings. */
async function replay(started: TcpHub, filter: string): Promise<PublishPacket[]> {
  const client = await started.connect({ clientId: "reader" });
  await client.subscribe(filter, { qos: 1 });
  const packets = await client.settle();
  return packets.filter((packet) => packet.type === "publish");
}

const text = ({ topic, payload }: PublishPacket) => `${topic}: ${decodeUtf8(payload)}`;

describe("a subscription to $history/", () => {
  test("brings what is kept, oldest first, and says what is not", async () => {
    const packets = await replay(await start(), "$history/house/#");
    expect(packets.map(text)).toEqual([
      "$history/house/a/$dropped: 2",
      "$history/house/a: a3",
      "$history/house/a: a4",
      "$history/house/a: a5",
      "$history/house/b: b1",
    ]);
    const [, first, second, , last] = packets;
    const properties = (packet: PublishPacket | undefined) => new Map(packet?.properties?.userProperties);
    expect(properties(first).get("dropped")).toBe("2");
    expect(properties(second).has("dropped")).toBe(false);
    expect(Date.parse(properties(last).get("published-at") ?? "")).toBeGreaterThan(Date.now() - 60_000);
    expect(last?.properties?.contentType).toBe("text/plain");
    expect(packets.every(({ retain }) => retain)).toBe(true);
  });

  test("brings no notice that its filter does not take in", async () => {
    const packets = await replay(await start(), "$history/house/a");
    expect(packets.map(text)).toEqual(["$history/house/a: a3", "$history/house/a: a4", "$history/house/a: a5"]);
  });

  test("brings nothing that comes later", async () => {
    const started = await start();
    const reader = await started.connect({ clientId: "reader" });
    await reader.subscribe("$history/garden/#");
    const publisher = await started.connect({ clientId: "another" });
    await publisher.publish("house/a", "a6", { qos: 1 });
    expect(await reader.settle()).toEqual([]);
  });

  test.each(["$history/", "$history/#/a"])("needs a filter behind it: %s", async (filter) => {
    const client = await (await start()).connect();
    const { reasonCodes } = await client.subscribe(filter);
    expect(reasonCodes).toEqual([0x8f]);
  });

  test("leaves out what is too long with the prefix, and goes on", async () => {
    hub = await TcpHub.start({ history: { rules: [{ filter: "house/#", maxMessages: 1 }] } });
    const publisher = await hub.connect();
    const noNotice = `house/${"n".repeat(65_535 - "$history/house/".length)}`;
    for (const topic of [`house/${"x".repeat(65_529)}`, noNotice, "house/a"]) {
      for (const payload of ["1", "2"]) await publisher.publish(topic, payload, { qos: 1 });
    }
    const packets = await replay(hub, "$history/#");
    expect(packets.map(text)).toEqual([
      "$history/house/a/$dropped: 1",
      `$history/${noNotice}: 2`,
      "$history/house/a: 2",
    ]);
    expect(packets[1]?.properties?.userProperties).toContainEqual(["dropped", "1"]);
  });

  test("is the only way in: nobody publishes there", async () => {
    const client = await (await start()).connect();
    expect(await client.publish("$history/house/a", "forged", { qos: 1 })).toBe(0x87);
  });

  test("brings what the client may read of it, and no more", async () => {
    const rules = [{ allow: "readwrite", topics: ["house/a/#"] }] as const;
    hub = await TcpHub.start({ history: { rules: [{ filter: "#" }] }, access: { rules } });
    const publisher = await hub.connect();
    await publisher.publish("house/a", "a1", { qos: 1 });
    const reader = await hub.connect();
    expect((await reader.subscribe("$history/house/b")).reasonCodes).toEqual([0x87]);
    await reader.subscribe("$history/house/a", { qos: 1 });
    expect((await reader.settle()).flatMap((packet) => (packet.type === "publish" ? [text(packet)] : []))).toEqual([
      "$history/house/a: a1",
    ]);
  });
});
