import { afterEach, expect, test } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket } from "./scripted-client.js";

let door: MemoryDoor;
afterEach(() => door.close());

// A transport that takes more at once than the hub lets wait never drains: it was never congested.
const limits = { congestionBytes: 200, slowReceiverGraceMs: 600_000 };

test("what had no room within a turn goes on after it, though the transport was never congested", async () => {
  door = new MemoryDoor({ limits });
  const subscriber = await door.connect();
  await subscriber.subscribe("#", { qos: 1 });
  const publisher = await door.connect();
  publisher.send(publishPacket("a", "x".repeat(300)), publishPacket("b", "kept", { qos: 1, packetIdentifier: 1 }));
  expect((await subscriber.expect("publish")).topic).toBe("a");
  expect((await subscriber.expect("publish")).topic).toBe("b");
});

test("retained messages go on as well", async () => {
  door = new MemoryDoor({ limits });
  const publisher = await door.connect();
  for (let i = 0; i < 50; i++) await publisher.publish(`t/${i}`, "x".repeat(50), { retain: true });
  await publisher.subscribe("t/#");
  for (let i = 0; i < 50; i++) await publisher.expect("publish");
});

test("a publisher that waited for room is let go on as soon as there is", async () => {
  door = new MemoryDoor({ limits });
  const subscriber = await door.connect();
  await subscriber.subscribe("#");
  const publisher = await door.connect();
  for (let i = 0; i < 20; i++) publisher.send(publishPacket("a", "x".repeat(300)), publishPacket("a", String(i)));
  await publisher.settle();
  const texts = await subscriber.settledTexts();
  expect(texts.length + door.metrics.messagesDropped["slow-receiver"]).toBe(40);
});
