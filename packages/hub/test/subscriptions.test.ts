import { type PublishPacket, ReasonCode } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";
import { type TestHub, WAYS } from "./test-hub.js";

let hub: TestHub;
afterEach(() => hub.close());

async function publications(client: ScriptedClient): Promise<PublishPacket[]> {
  return (await client.settle()).filter((packet) => packet.type === "publish");
}

/** In short: `topic text qos1 retain`. */
function inShort(packet: PublishPacket): string {
  const flags = [packet.qos > 0 ? `qos${packet.qos}` : "", packet.retain ? "retain" : ""].filter((flag) => flag !== "");
  return [packet.topic, textOf(packet), ...flags].join(" ");
}

describe.each(WAYS)("%s", (_way, start) => {
  beforeEach(async () => {
    hub = await start();
  });

  describe("retained messages", () => {
    test("go to a new subscription with the retain flag, at the lower QoS of both [MQTT-3.8.4-8]", async () => {
      const publisher = await hub.connect();
      for (const qos of [0, 1, 2] as const) await publisher.publish(`a/${qos}`, "x", { qos, retain: true });
      for (const granted of [0, 1, 2] as const) {
        const subscriber = await hub.connect();
        await subscriber.subscribe("a/+", { qos: granted });
        const expected = [0, 1, 2].map((qos) => {
          const lower = Math.min(qos, granted);
          return `a/${qos} x ${lower > 0 ? `qos${lower} ` : ""}retain`;
        });
        expect((await publications(subscriber)).map(inShort).sort()).toEqual(expected);
      }
    });

    test("an empty one clears, and is passed on like any other [MQTT-3.3.1-6] [MQTT-3.3.1-7]", async () => {
      const [publisher, live] = [await hub.connect(), await hub.connect()];
      await live.subscribe("a");
      await publisher.publish("a", "x", { retain: true });
      await publisher.publish("a", "", { retain: true });
      expect((await publications(live)).map(inShort)).toEqual(["a x", "a "]);
      await publisher.subscribe("a");
      expect(await publications(publisher)).toEqual([]);
    });

    test("a message that is not retained leaves the last value alone [MQTT-3.3.1-8]", async () => {
      const client = await hub.connect();
      await client.publish("a", "old", { retain: true });
      await client.publish("a", "new");
      await client.subscribe("a");
      expect(await client.settledTexts()).toEqual(["old"]);
    });

    test("retain handling 0 sends them with each SUBSCRIBE [MQTT-3.3.1-9]", async () => {
      const client = await hub.connect();
      await client.publish("a", "x", { retain: true });
      for (let i = 0; i < 2; i++) {
        await client.subscribe("a", { retainHandling: 0 });
        expect(await client.settledTexts()).toEqual(["x"]);
      }
    });

    test("retain handling 1 sends them to a new subscription only [MQTT-3.3.1-10]", async () => {
      const client = await hub.connect();
      await client.publish("a", "x", { retain: true });
      await client.subscribe("a", { retainHandling: 1 });
      expect(await client.settledTexts()).toEqual(["x"]);
      await client.subscribe("a", { retainHandling: 1, qos: 1 });
      expect(await client.settledTexts()).toEqual([]);
      client.send({ type: "unsubscribe", packetIdentifier: 2, topicFilters: ["a"] });
      await client.expect("unsuback");
      await client.subscribe("a", { retainHandling: 1 });
      expect(await client.settledTexts()).toEqual(["x"]);
    });

    test("retain handling 2 sends none [MQTT-3.3.1-11]", async () => {
      const client = await hub.connect();
      await client.publish("a", "x", { retain: true });
      await client.subscribe("a", { retainHandling: 2 });
      expect(await client.settledTexts()).toEqual([]);
    });

    test("retain as published decides on the flag of live messages [MQTT-3.3.1-12] [MQTT-3.3.1-13]", async () => {
      const [cleared, kept] = [await hub.connect(), await hub.connect()];
      await cleared.subscribe("a");
      await kept.subscribe("a", { retainAsPublished: true });
      await (await hub.connect()).publish("a", "x", { retain: true });
      expect((await publications(cleared)).map(inShort)).toEqual(["a x"]);
      expect((await publications(kept)).map(inShort)).toEqual(["a x retain"]);
    });

    test("a shared subscription gets none (4.8.2)", async () => {
      const client = await hub.connect();
      await client.publish("a", "x", { retain: true });
      await client.subscribe("$share/s/a");
      expect(await client.settledTexts()).toEqual([]);
    });

    test("one's own are not sent to a subscription that wants no local [MQTT-3.8.3-3]", async () => {
      const [own, other] = [await hub.connect(), await hub.connect()];
      await own.publish("a", "own", { retain: true });
      await other.publish("b", "other", { retain: true });
      await own.subscribe("#", { noLocal: true });
      expect(await own.settledTexts()).toEqual(["other"]);
    });

    test("carry the identifier of the subscription that they answer [MQTT-3.3.4-3]", async () => {
      const client = await hub.connect();
      await client.publish("a", "x", { retain: true });
      await client.subscribe("a", {}, 7);
      const [packet] = await publications(client);
      expect(packet?.properties?.subscriptionIdentifiers).toEqual([7]);
    });

    test("come behind SUBACK, and thousands of them all", async () => {
      const publisher = await hub.connect();
      const count = 3000;
      for (let i = 0; i < count; i++) publisher.send(publishPacket(`many/${i}`, "x".repeat(300), { retain: true }));
      await publisher.settle();
      await publisher.subscribe("many/#");
      const topics = new Set<string>();
      for (let i = 0; i < count; i++) topics.add((await publisher.expect("publish")).topic);
      expect(topics.size).toBe(count);
    });
  });

  describe("subscriptions that overlap", () => {
    test("give one copy at the highest QoS, with all identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-3]", async () => {
      const [subscriber, publisher] = [await hub.connect(), await hub.connect()];
      await subscriber.subscribe("a/#", { qos: 0 }, 1);
      await subscriber.subscribe("a/+", { qos: 2 }, 2);
      await subscriber.subscribe("a/b", { qos: 1 });
      await publisher.publish("a/b", "x", { qos: 2 });
      const [packet, ...others] = await publications(subscriber);
      expect(others).toEqual([]);
      expect(packet?.qos).toBe(2);
      expect(packet?.properties?.subscriptionIdentifiers?.toSorted()).toEqual([1, 2]);
    });

    test("the same filter again replaces the subscription [MQTT-3.8.4-3]", async () => {
      const [subscriber, publisher] = [await hub.connect(), await hub.connect()];
      await subscriber.subscribe("a", { qos: 2 }, 1);
      await subscriber.subscribe("a", { qos: 0 }, 9);
      await publisher.publish("a", "x", { qos: 2 });
      const [packet, ...others] = await publications(subscriber);
      expect([packet?.qos, packet?.properties?.subscriptionIdentifiers, others.length]).toEqual([0, [9], 0]);
    });

    test("identifiers go with QoS 0 messages too, which else are passed on as they came in", async () => {
      const [subscriber, plain, publisher] = [await hub.connect(), await hub.connect(), await hub.connect()];
      await subscriber.subscribe("a", {}, 300);
      await plain.subscribe("a");
      await publisher.publish("a", "x");
      const [packet] = await publications(subscriber);
      expect(packet?.properties).toEqual({ subscriptionIdentifiers: [300] });
      expect((await publications(plain)).map(({ properties }) => properties)).toEqual([undefined]);
    });
  });

  test("no local keeps one's own messages away, whatever their QoS [MQTT-3.8.3-3]", async () => {
    const [own, other] = [await hub.connect(), await hub.connect()];
    for (const client of [own, other]) await client.subscribe("a", { noLocal: true, qos: 2 });
    for (const qos of [0, 1, 2] as const) await own.publish("a", String(qos), { qos });
    expect(await own.settledTexts()).toEqual([]);
    expect(await other.settledTexts()).toEqual(["0", "1", "2"]);
  });

  describe("a shared subscription", () => {
    test("gives each message to one member, and to each group its own (4.8.2)", async () => {
      const members = await Promise.all([hub.connect(), hub.connect(), hub.connect()]);
      for (const member of members) await member.subscribe("$share/s/a/+");
      const alone = await hub.connect();
      await alone.subscribe(["$share/other/a/+", "a/#"]);
      const publisher = await hub.connect();
      for (let i = 0; i < 30; i++) await publisher.publish("a/b", String(i));
      const taken = await Promise.all(members.map((member) => member.settledTexts()));
      expect(taken.map((texts) => texts.length)).toEqual([10, 10, 10]);
      expect(taken.flat().sort()).toEqual(Array.from({ length: 30 }, (_, i) => String(i)).sort());
      expect(await alone.settledTexts()).toHaveLength(60);
    });

    test("passes over a member that is away", async () => {
      const properties = { sessionExpiryInterval: 100 };
      const away = await hub.connect({ clientId: "away", properties });
      const here = await hub.connect({ clientId: "here", properties });
      for (const member of [away, here]) await member.subscribe("$share/s/a", { qos: 1 });
      await away.disconnect();
      const publisher = await hub.connect();
      for (let i = 0; i < 4; i++) await publisher.publish("a", String(i), { qos: 1 });
      expect(await here.settledTexts()).toEqual(["0", "1", "2", "3"]);
      // With all away the message waits for one of them.
      await here.disconnect();
      await publisher.publish("a", "kept", { qos: 1 });
      const back = [
        await hub.connect({ clientId: "away", cleanStart: false }),
        await hub.connect({ clientId: "here", cleanStart: false }),
      ];
      const texts = (await Promise.all(back.map((member) => member.settledTexts()))).flat();
      expect(texts).toContain("kept");
    });

    test("what a member leaves unacknowledged goes to another when its session ends, but for QoS 2 [MQTT-4.8.2-5]", async () => {
      const leaving = await hub.connect({ clientId: "leaving" });
      await leaving.subscribe("$share/s/a", { qos: 2 });
      const publisher = await hub.connect();
      await publisher.publish("a", "one", { qos: 1 });
      await publisher.publish("a", "two", { qos: 2 });
      expect(await leaving.settledTexts()).toEqual(["one", "two"]);
      const staying = await hub.connect({ clientId: "staying" });
      await staying.subscribe("$share/s/a", { qos: 2 });
      await leaving.break();
      await vi.waitFor(() => expect(hub.metrics.connectionsOpen).toBe(2));
      expect((await publications(staying)).map(inShort)).toEqual(["a one qos1"]);
    });

    test("what the member never got goes to another, whatever its QoS", async () => {
      const leaving = await hub.connect({ clientId: "leaving", properties: { receiveMaximum: 1 } });
      await leaving.subscribe("$share/s/a", { qos: 2 });
      const publisher = await hub.connect();
      for (const text of ["sent", "waits"]) await publisher.publish("a", text, { qos: 2 });
      expect(await leaving.settledTexts()).toEqual(["sent"]);
      const staying = await hub.connect({ clientId: "staying" });
      await staying.subscribe("$share/s/a", { qos: 2 });
      await leaving.disconnect();
      expect(await staying.settledTexts()).toEqual(["waits"]);
    });
  });

  describe("UNSUBSCRIBE", () => {
    test("ends the subscription, and says if there was none [MQTT-3.11.3-2]", async () => {
      const client = await hub.connect();
      await client.subscribe(["a", "$share/s/a"]);
      client.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["a", "b", "$share/s/a", "a"] });
      const { packetIdentifier, reasonCodes } = await client.expect("unsuback");
      const none = ReasonCode.noSubscriptionExisted;
      expect([packetIdentifier, reasonCodes]).toEqual([5, [0, none, 0, none]]);
      await client.publish("a", "x");
      expect(await client.settledTexts()).toEqual([]);
    });

    test("does not take back what is on its way [MQTT-3.10.4-3]", async () => {
      const client = await hub.connect({ properties: { receiveMaximum: 1 } });
      await client.subscribe("a", { qos: 1 });
      const publisher = await hub.connect();
      await publisher.publish("a", "1", { qos: 1 });
      client.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["a"] });
      await client.first("unsuback");
      expect(await client.settledTexts()).toEqual(["1"]);
    });
  });

  test("topics beginning with $ are for those who name them [MQTT-4.7.2-1]", async () => {
    const client = await hub.connect();
    await client.subscribe(["#", "+/x"]);
    await client.publish("$other/x", "1");
    expect(await client.settledTexts()).toEqual([]);
    await client.subscribe("$other/#");
    await client.publish("$other/x", "2");
    expect(await client.settledTexts()).toEqual(["2"]);
  });
});

describe("a subscriber that takes retained messages slowly", () => {
  test("gets no more of them after UNSUBACK [MQTT-3.10.4-2]", async () => {
    const door = new MemoryDoor({ limits: { congestionBytes: 1000 } });
    hub = door;
    const publisher = await door.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(`t/${i}`, "x".repeat(200), { retain: true, qos: 1 });
    const client = await door.connect({ properties: { receiveMaximum: 2 } });
    await client.subscribe("t/#", { qos: 1 });
    expect(await publications(client)).toHaveLength(2);
    client.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["t/#"] });
    await client.expect("unsuback");
    for (const packetIdentifier of [1, 2, 3, 4, 5, 6]) client.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    // One more had been taken in for it before.
    expect((await publications(client)).length).toBeLessThanOrEqual(1);
  });

  test("may have asked for them with very many filters, and take all of these back", async () => {
    const door = new MemoryDoor({ limits: { congestionBytes: 100 } });
    hub = door;
    const filters = Array.from({ length: 40_000 }, (_, i) => `t/${i}`);
    const publisher = await door.connect();
    for (const filter of filters.slice(0, 1000))
      publisher.send(publishPacket(filter, "x".repeat(200), { retain: true }));
    await publisher.settle();
    const client = await door.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(filters, { qos: 1 });
    client.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: filters });
    expect((await client.first("unsuback")).reasonCodes).toHaveLength(40_000);
    await client.settle();
    expect(await client.settle()).toEqual([]);
  });

  test("gets the rest of them when it comes back to its session", async () => {
    const door = new MemoryDoor();
    hub = door;
    const publisher = await door.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(`t/${i}`, "x", { retain: true, qos: 1 });
    const properties = { receiveMaximum: 5, sessionExpiryInterval: 100 };
    const client = await door.connect({ clientId: "c", properties });
    await client.subscribe("t/#", { qos: 1 });
    const got = new Set((await publications(client)).map(({ topic }) => topic));
    await client.break();
    const back = await door.connect({ clientId: "c", cleanStart: false });
    for (;;) {
      const more = await publications(back);
      if (more.length === 0) break;
      for (const { topic, packetIdentifier } of more) {
        got.add(topic);
        if (packetIdentifier !== undefined) back.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      }
    }
    expect(got.size).toBe(20);
  });
});
