// What MQTT asks of a server about subscriptions (3.8 to 3.11, 4.7, 4.8 of both standards), of each version that the hub
// speaks. A tag names the statement of MQTT 5.0, or says that it is one of MQTT 3.1.1.
import { fromHex } from "@isthmus/bytes";
import type { ConnectPacket } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import type { ScriptedClient } from "./scripted-client.js";

const VERSIONS = [4, 5] as const;

let door: MemoryDoor;
beforeEach(() => void (door = new MemoryDoor()));
afterEach(() => door.close());

const OPTIONS = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

/** Sends UNSUBSCRIBE and returns what answers it. */
async function unsubscribe(client: ScriptedClient, packetIdentifier: number, ...topicFilters: string[]) {
  client.send({ type: "unsubscribe", packetIdentifier, topicFilters });
  return client.first("unsuback");
}

describe.each(VERSIONS)("SUBSCRIBE of protocol level %i", (version) => {
  const failure = version === 5 ? 0x8f : 0x80;

  // [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-2.2.1-6], [MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.8.4-7], [MQTT-3.9.3-1]
  // [MQTT-3.9.3-2], [MQTT-3.8.4-1] of MQTT 3.1.1, [MQTT-3.8.4-2] of MQTT 3.1.1, [MQTT-2.3.1-7] of MQTT 3.1.1
  // [MQTT-3.8.4-4] of MQTT 3.1.1, [MQTT-3.8.4-5] of MQTT 3.1.1, [MQTT-3.9.3-1] of MQTT 3.1.1
  // [MQTT-3.9.3-2] of MQTT 3.1.1
  test("is answered with one SUBACK, with its identifier and a code for each filter in its place", async () => {
    const client = await door.connect({}, version);
    const topicFilters = ["a", "bad/#/filter", "b", "c", "a"];
    const subscriptions = topicFilters.map((topicFilter, i) => ({
      ...OPTIONS,
      topicFilter,
      qos: ([0, 1, 1, 2, 1] as const)[i] ?? 0,
    }));
    client.send({ type: "subscribe", packetIdentifier: 4711, subscriptions });
    const replies = await client.settle();
    expect(replies).toMatchObject([{ type: "suback", packetIdentifier: 4711, reasonCodes: [0, failure, 1, 2, 1] }]);
    await client.publish("a", "x", { qos: 2 });
    expect((await client.settle()).map((packet) => packet.type === "publish" && packet.qos)).toEqual([1]);
  });

  // [MQTT-3.8.4-8], [MQTT-3.8.4-6] of MQTT 3.1.1
  test("brings messages at the lower of their own QoS and the one granted", async () => {
    const publisher = await door.connect({}, version);
    for (const granted of [0, 1, 2] as const) {
      const client = await door.connect({}, version);
      await client.subscribe("a", { qos: granted });
      for (const qos of [0, 1, 2] as const) await publisher.publish("a", "x", { qos });
      const levels = (await client.settle()).map((packet) => packet.type === "publish" && packet.qos);
      expect(levels).toEqual([0, 1, 2].map((qos) => Math.min(qos, granted)));
      await client.disconnect();
    }
  });

  // [MQTT-3.8.4-3], [MQTT-3.8.4-4], [MQTT-3.3.1-9], [MQTT-3.8.4-3] of MQTT 3.1.1
  test("of the same filter replaces it, brings retained messages again, and loses nothing", async () => {
    const publisher = await door.connect({}, version);
    await publisher.publish("a", "kept", { retain: true });
    const client = await door.connect({}, version);
    await client.subscribe("a", { qos: 2 });
    expect(await client.settledTexts()).toEqual(["kept"]);
    for (let i = 0; i < 20; i++) {
      await publisher.publish("a", String(i), { qos: 1 });
      client.send({
        type: "subscribe",
        packetIdentifier: 1,
        subscriptions: [{ ...OPTIONS, topicFilter: "a", qos: 1 }],
      });
    }
    const texts = await client.settledTexts();
    expect(texts.filter((text) => text !== "kept")).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
    expect(texts.filter((text) => text === "kept")).toHaveLength(20);
    await publisher.publish("a", "once", { qos: 2 });
    expect(await client.settledTexts()).toEqual(["once"]);
  });

  // [MQTT-3.3.4-2], [MQTT-3.3.5-1] of MQTT 3.1.1
  test("of overlapping filters brings messages at the highest QoS among them", async () => {
    const client = await door.connect({}, version);
    const subscriptions = (["#", "a/+", "a/b"] as const).map((topicFilter, i) => ({
      ...OPTIONS,
      topicFilter,
      qos: ([1, 2, 0] as const)[i] ?? 0,
    }));
    client.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
    await client.expect("suback");
    await client.publish("a/b", "x", { qos: 2 });
    const levels = (await client.settle()).map((packet) => packet.type === "publish" && packet.qos);
    expect(Math.max(...levels.map(Number))).toBe(2);
  });

  // [MQTT-3.8.1-1], [MQTT-3.8.3-2], [MQTT-3.8.3-5], [MQTT-3.8.1-1] of MQTT 3.1.1, [MQTT-3.8.3-3] of MQTT 3.1.1
  // [MQTT-3.8.3-4] of MQTT 3.1.1, [MQTT-3.10.1-1], [MQTT-3.10.3-2], [MQTT-3.10.1-1] of MQTT 3.1.1
  // [MQTT-3.10.3-2] of MQTT 3.1.1, [MQTT-3.6.1-1], [MQTT-3.6.1-1] of MQTT 3.1.1, [MQTT-2.2.2-2] of MQTT 3.1.1
  // [MQTT-4.8.0-1] of MQTT 3.1.1, [MQTT-2.2.2-1] of MQTT 3.1.1, [MQTT-2.1.3-1]
  test.each([
    ["other flags", "80070001 00 0001 61 00", "80060001 0001 61 00"],
    ["no filter", "82030001 00", "82020001"],
    ["reserved bits in its options", "82070001 00 0001 61 40", "82060001 0001 61 04"],
    ["QoS 3", "82070001 00 0001 61 03", "82060001 0001 61 03"],
    ["UNSUBSCRIBE with other flags in its place", "a0060001 00 0001 61", "a0050001 0001 61"],
    ["UNSUBSCRIBE without a filter in its place", "a2030001 00", "a2020001"],
    ["PUBREL with other flags in its place", "60020001", "60020001"],
  ])("with %s ends the connection", async (_name, hex5, hex4) => {
    const client = await door.connect({}, version);
    client.sendBytes(fromHex((version === 5 ? hex5 : hex4).replaceAll(" ", "")));
    if (version === 5) expect((await client.expect("disconnect")).reasonCode).toBeGreaterThanOrEqual(0x81);
    expect(await client.next()).toBeUndefined();
  });

  // [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1], [MQTT-4.7.0-1], [MQTT-4.7.1-1] of MQTT 3.1.1
  // [MQTT-4.7.1-2] of MQTT 3.1.1, [MQTT-4.7.1-3] of MQTT 3.1.1, [MQTT-4.7.3-1] of MQTT 3.1.1
  test("grants filters with wildcards that stand for whole levels, and no other", async () => {
    const client = await door.connect({}, version);
    const good = ["#", "+", "a/#", "/#", "+/+", "a/+/b", "/+", "+/#"];
    const bad = ["", "a#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "++"];
    expect((await client.subscribe([...good, ...bad])).reasonCodes).toEqual([
      ...good.map(() => 0),
      ...bad.map(() => failure),
    ]);
  });

  // [MQTT-4.7.2-1], [MQTT-4.7.2-1] of MQTT 3.1.1
  test("with a wildcard in front does not bring topics that begin with $", async () => {
    const client = await door.connect({}, version);
    await client.subscribe(["#", "+/x", "+"]);
    for (const topic of ["$other/x", "$other"]) await client.publish(topic, topic);
    expect(await client.settledTexts()).toEqual([]);
    await client.subscribe("$other/#");
    await client.publish("$other/x", "named");
    expect(await client.settledTexts()).toEqual(["named"]);
  });
});

describe.each(VERSIONS)("UNSUBSCRIBE of protocol level %i", (version) => {
  const codes = (...reasonCodes: number[]) => (version === 5 ? reasonCodes : []);

  // [MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1]
  // [MQTT-3.11.3-2], [MQTT-2.2.1-6], [MQTT-3.10.4-1] of MQTT 3.1.1, [MQTT-3.10.4-2] of MQTT 3.1.1
  // [MQTT-3.10.4-4] of MQTT 3.1.1, [MQTT-3.10.4-5] of MQTT 3.1.1, [MQTT-3.10.4-6] of MQTT 3.1.1
  // [MQTT-2.3.1-7] of MQTT 3.1.1
  test("ends the subscriptions whose filters are the same in each character, and is answered once", async () => {
    const client = await door.connect({}, version);
    await client.subscribe(["a/+", "b", "c"]);
    const answer = await unsubscribe(client, 815, "a/b", "A/+", "b ", "c", "d");
    expect(answer).toMatchObject({ packetIdentifier: 815, reasonCodes: codes(0x11, 0x11, 0x11, 0, 0x11) });
    for (const topic of ["a/b", "b", "c"]) await client.publish(topic, topic);
    expect(await client.settledTexts()).toEqual(["a/b", "b"]);
    expect(await unsubscribe(client, 816, "a/+")).toMatchObject({ packetIdentifier: 816, reasonCodes: codes(0) });
    await client.publish("a/b", "no more");
    expect(await client.settledTexts()).toEqual([]);
    expect(await unsubscribe(client, 817, "a/+")).toMatchObject({ packetIdentifier: 817, reasonCodes: codes(0x11) });
  });

  // [MQTT-3.10.4-3], [MQTT-3.10.4-3] of MQTT 3.1.1
  test("lets delivery go on that has begun", async () => {
    const connect: Partial<ConnectPacket> = { clientId: "c", cleanStart: false };
    const properties = version === 5 ? { sessionExpiryInterval: 60 } : undefined;
    const client = await door.connect({ ...connect, properties }, version);
    await client.subscribe("a", { qos: 2 });
    await (await door.connect({}, version)).publish("a", "x", { qos: 2 });
    const { packetIdentifier = 0 } = await client.expect("publish");
    await unsubscribe(client, 5, "a");
    await client.break();
    const back = await door.connect({ ...connect, properties }, version);
    expect(await back.expect("publish")).toMatchObject({ packetIdentifier, dup: true });
    back.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    await back.expect("pubrel");
    back.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    expect(await back.settle()).toEqual([]);
  });
});

describe("MQTT 5.0", () => {
  test("one copy carries the identifiers of all matching subscriptions [MQTT-3.3.4-3] [MQTT-3.3.4-4]", async () => {
    for (const qos of [0, 1, 2] as const) {
      const client = await door.connect();
      await client.subscribe("a/b", { qos: 2 }, 1);
      await client.subscribe("a/+", { qos: 1 }, 268_435_455);
      await client.subscribe("#", { qos: 0 });
      await client.subscribe("other", { qos: 2 }, 7);
      await client.publish("a/b", "x", { qos });
      const copies = (await client.settle()).filter((packet) => packet.type === "publish");
      const identifiers = copies.map(({ properties }) =>
        properties?.subscriptionIdentifiers?.toSorted((a, b) => a - b),
      );
      expect(identifiers).toEqual([[1, 268_435_455]]);
      await client.disconnect();
    }
  });

  test("SUBACK and UNSUBACK fit the client, however many filters and reasons there are", async () => {
    // [MQTT-3.9.2-1], [MQTT-3.9.2-2], [MQTT-3.11.2-1], [MQTT-3.11.2-2], [MQTT-3.1.2-24]
    const client = await door.connect({ properties: { maximumPacketSize: 60 } });
    const sizes: number[] = [];
    const receive = client.receiveFrame.bind(client);
    client.receiveFrame = (bytes, start, bodyStart, end) => {
      sizes.push(end - start);
      return receive(bytes, start, bodyStart, end);
    };
    for (let count = 1; count <= 50; count += 7) {
      const filters = Array.from({ length: count }, (_, i) => `bad/#/${i}`);
      expect((await client.subscribe(filters)).reasonCodes).toHaveLength(count);
      expect((await unsubscribe(client, 7, ...filters)).reasonCodes).toHaveLength(count);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(60);
  });

  describe("a shared subscription", () => {
    test("is served at the QoS granted to its member [MQTT-4.8.2-3]", async () => {
      const client = await door.connect();
      await client.subscribe("$share/s/a", { qos: 1 });
      await (await door.connect()).publish("a", "x", { qos: 2 });
      expect(await client.expect("publish")).toMatchObject({ qos: 1 });
    });

    test("completes a QoS 2 message with the member that it was begun with [MQTT-4.8.2-4]", async () => {
      const lasting = { clientId: "one", cleanStart: false, properties: { sessionExpiryInterval: 60 } };
      const one = await door.connect(lasting);
      await one.subscribe("$share/s/a", { qos: 2 });
      await (await door.connect()).publish("a", "x", { qos: 2 });
      const { packetIdentifier } = await one.expect("publish");
      const two = await door.connect();
      await two.subscribe("$share/s/a", { qos: 2 });
      await one.break();
      expect(await two.settle()).toEqual([]);
      const back = await door.connect(lasting);
      expect(await back.expect("publish")).toMatchObject({ packetIdentifier, dup: true });
      expect(await two.settle()).toEqual([]);
    });

    test.each([
      [1, "puback"],
      [2, "pubrec"],
    ] as const)("gives a QoS %i message that a member refuses to nobody else [MQTT-4.8.2-6]", async (qos, type) => {
      const members = [await door.connect({ clientId: "one" }), await door.connect({ clientId: "two" })];
      for (const member of members) await member.subscribe("$share/s/a", { qos: 2 });
      await (await door.connect()).publish("a", "x", { qos });
      for (const member of members) {
        for (const packet of await member.settle()) {
          if (packet.type !== "publish") continue;
          member.send({ type, packetIdentifier: packet.packetIdentifier ?? 0, reasonCode: 0x83 });
          await member.settle();
          // Nor when its session ends.
          await member.break();
        }
      }
      const left = members.filter(({ isClosed }) => !isClosed);
      expect(left).toHaveLength(1);
      for (const member of left) expect(await member.settle()).toEqual([]);
    });

    test("needs a name without wildcards, and a filter [MQTT-4.8.2-1] [MQTT-4.8.2-2]", async () => {
      const client = await door.connect();
      const bad = [
        "$share/",
        "$share/s",
        "$share/s/",
        "$share//a",
        "$share/s+/a",
        "$share/#/a",
        "$share/+/a",
        "$share/s#/a",
      ];
      expect((await client.subscribe([...bad, "$share/s/a"])).reasonCodes).toEqual([...bad.map(() => 0x8f), 0]);
    });

    test("with no local is a protocol error [MQTT-3.8.3-4]", async () => {
      const client = await door.connect();
      // Identifier, no properties, "$share/s/a" with no local.
      client.sendBytes(fromHex("82100001 00 000a 2473686172652f732f61 04".replaceAll(" ", "")));
      expect((await client.expect("disconnect")).reasonCode).toBe(0x82);
      expect(await client.next()).toBeUndefined();
    });
  });
});

describe("reason strings (3.1.2.11.7)", () => {
  const filters = ["good", "bad/#/filter", "+bad"];

  test("tell why filters were refused, to who wants to know and has room for it", async () => {
    const client = await door.connect();
    const { properties, reasonCodes } = await client.subscribe(filters);
    expect(reasonCodes).toEqual([0, 0x8f, 0x8f]);
    expect(properties?.reasonString).toBe("bad/#/filter: topic filter invalid; +bad: topic filter invalid");
    const unconcerned = await door.connect({ properties: { requestProblemInformation: false } });
    expect((await unconcerned.subscribe(filters)).properties).toBeUndefined();
    const small = await door.connect({ properties: { maximumPacketSize: 40 } });
    expect((await small.subscribe(filters)).properties).toBeUndefined();
    const long = await client.subscribe(Array.from({ length: 100 }, (_, i) => `#/${i}`));
    expect(long.properties?.reasonString).toHaveLength(512);
  });

  test("do not go with a SUBACK that refuses nothing", async () => {
    expect((await (await door.connect()).subscribe("good")).properties).toBeUndefined();
  });
});
