// What MQTT asks of a server that takes and delivers messages (3.3 to 3.7, 4.3 to 4.6, 4.9 of both standards), of each
// version that the hub speaks. A tag names the statement of MQTT 5.0, or says that it is one of MQTT 3.1.1.
import { fromHex } from "@isthmus/bytes";
import { type ConnectPacket, type Packet, type PublishPacket, REASON_CODES } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AnonymousAccess } from "../src/access/access.js";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";

const VERSIONS = [4, 5] as const;
type Version = (typeof VERSIONS)[number];

let door: MemoryDoor;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  door = new MemoryDoor();
});
afterEach(async () => {
  vi.useRealTimers();
  await door.close();
});

function lasting(version: Version, rest: Partial<ConnectPacket> = {}): Partial<ConnectPacket> {
  const properties = version === 5 ? { sessionExpiryInterval: 3600, ...rest.properties } : undefined;
  return { clientId: "c", cleanStart: false, ...rest, properties };
}

async function subscriber(version: Version, filter = "a", rest: Partial<ConnectPacket> = {}): Promise<ScriptedClient> {
  const client = await door.connect(lasting(version, rest), version);
  await client.subscribe(filter, { qos: 2 });
  return client;
}

/** The messages that have come, with what their fixed header says: `text qos1 dup`. */
async function publications(client: ScriptedClient): Promise<(PublishPacket & { readonly short: string })[]> {
  const packets = (await client.settle()).filter((packet) => packet.type === "publish");
  return packets.map((packet) => ({ ...packet, short: inShort(packet) }));
}

function inShort(packet: Packet): string {
  const name = packet.type === "publish" ? `${textOf(packet)} qos${packet.qos}` : packet.type;
  const dup = packet.type === "publish" && packet.dup ? " dup" : "";
  const identifier = "packetIdentifier" in packet && packet.packetIdentifier ? ` ${packet.packetIdentifier}` : "";
  return name + dup + identifier;
}

describe.each(VERSIONS)("a message that comes in at protocol level %i", (version) => {
  // [MQTT-3.3.4-1], [MQTT-2.2.1-5], [MQTT-4.3.2-4], [MQTT-4.3.3-8], [MQTT-4.3.3-11]
  // [MQTT-3.3.4-1] of MQTT 3.1.1, [MQTT-2.3.1-6] of MQTT 3.1.1
  test("is answered as its QoS asks, with its identifier", async () => {
    const client = await door.connect({}, version);
    client.send(publishPacket("a", "0"));
    client.send(publishPacket("a", "1", { qos: 1, packetIdentifier: 11 }));
    client.send(publishPacket("a", "2", { qos: 2, packetIdentifier: 22 }));
    client.send({ type: "pubrel", packetIdentifier: 22, reasonCode: 0 });
    expect((await client.settle()).map(inShort)).toEqual(["puback 11", "pubrec 22", "pubcomp 22"]);
  });

  // [MQTT-4.3.2-5], [MQTT-4.3.2-2] of MQTT 3.1.1
  test("at QoS 1 is a new one after PUBACK, whatever identifier and DUP say", async () => {
    const watcher = await subscriber(version);
    const client = await door.connect({}, version);
    for (const dup of [false, true]) client.send(publishPacket("a", "x", { qos: 1, packetIdentifier: 5, dup }));
    expect((await client.settle()).map(inShort)).toEqual(["puback 5", "puback 5"]);
    expect(await watcher.settledTexts()).toEqual(["x", "x"]);
  });

  // [MQTT-4.3.3-10], [MQTT-4.3.3-12], [MQTT-4.3.3-2] of MQTT 3.1.1
  test("at QoS 2 is the same one until PUBREL, and a new one after PUBCOMP", async () => {
    const watcher = await subscriber(version);
    const client = await door.connect({}, version);
    for (const dup of [false, true]) client.send(publishPacket("a", "1", { qos: 2, packetIdentifier: 5, dup }));
    client.send({ type: "pubrel", packetIdentifier: 5, reasonCode: 0 });
    client.send(publishPacket("a", "2", { qos: 2, packetIdentifier: 5 }));
    expect((await client.settle()).map(inShort)).toEqual(["pubrec 5", "pubrec 5", "pubcomp 5", "pubrec 5"]);
    expect(await watcher.settledTexts()).toEqual(["1", "2"]);
  });

  // [MQTT-3.3.1-3], [MQTT-3.3.1-3] of MQTT 3.1.1
  test("with DUP is passed on without it", async () => {
    const watcher = await subscriber(version);
    const client = await door.connect({}, version);
    client.send(publishPacket("a", "x", { qos: 1, dup: true, packetIdentifier: 5 }));
    await client.settle();
    expect((await publications(watcher)).map(({ dup }) => dup)).toEqual([false]);
  });

  // [MQTT-3.3.1-4], [MQTT-3.3.1-4] of MQTT 3.1.1, [MQTT-4.13.1-1], [MQTT-4.8.0-1] of MQTT 3.1.1
  // [MQTT-3.3.1-2], [MQTT-3.3.1-2] of MQTT 3.1.1
  test.each([
    ["QoS 3", "36050001610001"],
    ["DUP at QoS 0", "380400016100"],
  ])("with %s ends the connection", async (_name, hex) => {
    const client = await door.connect({}, version);
    client.sendBytes(fromHex(hex));
    if (version === 5) expect((await client.expect("disconnect")).reasonCode).toBe(0x81);
    expect(await client.next()).toBeUndefined();
  });

  // [MQTT-3.3.5-2] of MQTT 3.1.1
  test("that is not authorized is acknowledged where there is no word for no, and goes nowhere", async () => {
    const guarded = new MemoryDoor({ access: readOnly() });
    const watcher = await guarded.connect({}, version);
    await watcher.subscribe("a");
    const client = await guarded.connect({}, version);
    for (const qos of [1, 2] as const) {
      expect(await client.publish("a", "x", { qos })).toBe(version === 5 ? 0x87 : 0);
    }
    expect(await watcher.settle()).toEqual([]);
    await guarded.close();
  });
});

function readOnly(): AnonymousAccess {
  return new (class extends AnonymousAccess {
    override mayPublish(): boolean {
      return false;
    }
  })(true, true);
}

test("a message that was refused is answered with the reason in words, where they are wanted (3.4.2.2.2)", async () => {
  const guarded = new MemoryDoor({ access: readOnly() });
  const client = await guarded.connect();
  for (const [qos, type] of [
    [1, "puback"],
    [2, "pubrec"],
  ] as const) {
    client.send(publishPacket("house/a", "x", { qos, packetIdentifier: 5 }));
    const { properties } = await client.expect(type);
    expect(properties?.reasonString).toBe("not authorized to publish to house/a");
  }
  const unconcerned = await guarded.connect({ properties: { requestProblemInformation: false } });
  unconcerned.send(publishPacket("house/a", "x", { qos: 1, packetIdentifier: 5 }));
  expect((await unconcerned.expect("puback")).properties).toBeUndefined();
  await guarded.close();
});

test("a message that was refused is a new one when it comes again [MQTT-4.3.3-9]", async () => {
  const guarded = new MemoryDoor({ access: readOnly() });
  const client = await guarded.connect();
  for (let i = 0; i < 3; i++) {
    client.send(publishPacket("a", "x", { qos: 2, packetIdentifier: 5 }));
    expect(await client.expect("pubrec")).toMatchObject({ packetIdentifier: 5, reasonCode: 0x87 });
  }
  client.send({ type: "pubrel", packetIdentifier: 5, reasonCode: 0 });
  expect(await client.expect("pubcomp")).toMatchObject({ packetIdentifier: 5, reasonCode: 0x92 });
  await guarded.close();
});

describe.each(VERSIONS)("a message that goes out at protocol level %i", (version) => {
  // [MQTT-4.3.1-1], [MQTT-2.2.1-2], [MQTT-3.3.1-2], [MQTT-4.3.1-1] of MQTT 3.1.1, [MQTT-2.3.1-5] of MQTT 3.1.1
  test("at QoS 0 has neither DUP nor identifier, and no answer is waited for", async () => {
    const client = await subscriber(version);
    await (await door.connect({}, version)).publish("a", "x");
    expect(await publications(client)).toMatchObject([{ qos: 0, dup: false, packetIdentifier: undefined }]);
    await client.break();
    expect(await publications(await door.connect(lasting(version), version))).toEqual([]);
  });

  // [MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.2-2], [MQTT-4.3.3-1], [MQTT-4.3.3-2]
  // [MQTT-2.3.1-4] of MQTT 3.1.1, [MQTT-2.3.1-1] of MQTT 3.1.1
  test("at QoS 1 and 2 gets an identifier that is not in use, and no DUP", async () => {
    const client = await subscriber(version);
    const publisher = await door.connect({}, version);
    for (let i = 0; i < 100; i++) await publisher.publish("a", String(i), { qos: i % 2 === 0 ? 1 : 2 });
    const sent = await publications(client);
    expect(sent.every(({ dup }) => !dup)).toBe(true);
    expect(new Set(sent.map(({ packetIdentifier }) => packetIdentifier)).size).toBe(100);
    expect(sent.every(({ packetIdentifier = 0 }) => packetIdentifier > 0)).toBe(true);
  });

  // [MQTT-4.3.2-3], [MQTT-3.3.1-1], [MQTT-4.4.0-1], [MQTT-4.3.2-1] of MQTT 3.1.1, [MQTT-3.3.1-1] of MQTT 3.1.1
  // [MQTT-4.4.0-1] of MQTT 3.1.1, [MQTT-3.3.4-1], [MQTT-4.3.3-3]
  test("is sent again with DUP to a client that is back and has not answered, and at no other time", async () => {
    const client = await subscriber(version);
    const publisher = await door.connect({}, version);
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    const [one, two] = await publications(client);
    vi.advanceTimersByTime(1_000_000);
    expect(await publications(client)).toEqual([]);
    for (let i = 0; i < 2; i++) {
      await client.break();
      const back = await door.connect(lasting(version), version);
      const again = [`one qos1 dup ${one?.packetIdentifier}`, `two qos2 dup ${two?.packetIdentifier}`];
      expect((await publications(back)).map(({ short }) => short)).toEqual(again);
      await back.break();
    }
    const back = await door.connect(lasting(version), version);
    await back.settle();
    back.send({ type: "puback", packetIdentifier: one?.packetIdentifier ?? 0, reasonCode: 0 });
    await back.settle();
    await back.break();
    const last = await publications(await door.connect(lasting(version), version));
    expect(last.map(({ short }) => short)).toEqual([`two qos2 dup ${two?.packetIdentifier}`]);
  });

  // [MQTT-4.3.3-4], [MQTT-4.3.3-5], [MQTT-4.3.3-6], [MQTT-2.2.1-5], [MQTT-4.3.3-1] of MQTT 3.1.1
  // [MQTT-4.3.3-2] of MQTT 3.1.1
  test("at QoS 2 is released by PUBREL when PUBREC comes, again until PUBCOMP, and not sent again", async () => {
    const client = await subscriber(version);
    await (await door.connect({}, version)).publish("a", "x", { qos: 2 });
    const { packetIdentifier = 0 } = await client.expect("publish");
    client.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    expect(await client.expect("pubrel")).toMatchObject({ packetIdentifier, reasonCode: 0 });
    await client.break();
    const back = await door.connect(lasting(version), version);
    expect((await back.settle()).map(inShort)).toEqual([`pubrel ${packetIdentifier}`]);
    back.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    await back.settle();
    await back.break();
    expect(await (await door.connect(lasting(version), version)).settle()).toEqual([]);
  });

  // [MQTT-4.6.0-5], [MQTT-4.6.0-6], [MQTT-4.6.0-5] of MQTT 3.1.1, [MQTT-4.6.0-6] of MQTT 3.1.1
  test.each([0, 1, 2] as const)("keeps its place among those of its publisher at QoS %i", async (qos) => {
    const client = await subscriber(version, "t/+");
    const publishers = await Promise.all([0, 1, 2].map(() => door.connect({}, version)));
    for (let i = 0; i < 60; i++) {
      const n = i % 3;
      const packetIdentifier = qos === 0 ? undefined : i + 1;
      publishers[n]?.send(publishPacket(`t/${n}`, String(i), { qos, packetIdentifier }));
    }
    for (const publisher of publishers) await publisher.settle();
    const sent = await publications(client);
    expect(sent).toHaveLength(60);
    for (const n of [0, 1, 2]) {
      const numbers = sent.filter(({ topic }) => topic === `t/${n}`).map((packet) => Number(textOf(packet)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  });

  // [MQTT-3.3.2-1], [MQTT-3.3.2-3], [MQTT-4.7.3-4], [MQTT-3.3.2-1] of MQTT 3.1.1, [MQTT-3.3.2-3] of MQTT 3.1.1
  // [MQTT-4.7.3-4] of MQTT 3.1.1, [MQTT-1.5.4-3], [MQTT-1.5.3-3] of MQTT 3.1.1
  test("goes to the filters that its topic matches, character by character, and to no other", async () => {
    const client = await door.connect({}, version);
    const topics = [
      "caf\u00e9",
      "cafe\u0301",
      "Caf\u00e9",
      "\ufeffcaf\u00e9",
      "caf\u00e9/",
      "/caf\u00e9",
      "caf\u00e9 ",
    ];
    await client.subscribe(["caf\u00e9", "+/x", "y/#"]);
    const publisher = await door.connect({}, version);
    for (const topic of [...topics, "a/x", "/x", "a/b/x", "y", "y/z", "yz"]) await publisher.publish(topic, "");
    const sent = (await publications(client)).map(({ topic }) => topic);
    expect(sent).toEqual(["caf\u00e9", "a/x", "/x", "y", "y/z"]);
  });
});

describe("a message of MQTT 5.0", () => {
  test.each([0, 1, 2] as const)("keeps what its properties say of it at QoS %i", async (qos) => {
    // [MQTT-3.3.2-4], [MQTT-3.3.2-13], [MQTT-3.3.2-15] to [MQTT-3.3.2-20]
    const client = await subscriber(5);
    const properties = {
      payloadFormatIndicator: true,
      contentType: "text/\u{1f33f}",
      responseTopic: "answers/\u00e9",
      correlationData: fromHex("00ff80"),
      userProperties: [
        ["b", "1"],
        ["a", ""],
        ["b", "1"],
        ["", "\u{1f33f}"],
      ] as const,
    };
    await (await door.connect()).publish("a", "x", { qos, properties });
    expect((await publications(client))[0]?.properties).toEqual(properties);
  });

  test("that was sent does not expire: it is sent again, and finished", async () => {
    // [MQTT-4.3.3-7], [MQTT-4.3.3-13]
    const client = await subscriber(5);
    await (await door.connect()).publish("a", "x", { qos: 2, properties: { messageExpiryInterval: 5 } });
    const { packetIdentifier = 0 } = await client.expect("publish");
    await client.break();
    vi.advanceTimersByTime(10_000);
    const back = await door.connect(lasting(5));
    expect((await publications(back)).map(({ short }) => short)).toEqual([`x qos2 dup ${packetIdentifier}`]);
    back.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    await back.expect("pubrel");
    back.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    expect(await back.settle()).toEqual([]);
  });

  test("that came in is finished when it has expired meanwhile [MQTT-4.3.3-13]", async () => {
    const client = await door.connect();
    client.send(publishPacket("a", "x", { qos: 2, packetIdentifier: 5, properties: { messageExpiryInterval: 1 } }));
    await client.expect("pubrec");
    vi.advanceTimersByTime(10_000);
    client.send({ type: "pubrel", packetIdentifier: 5, reasonCode: 0 });
    expect(await client.expect("pubcomp")).toMatchObject({ packetIdentifier: 5, reasonCode: 0 });
  });

  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)("that its receiver refuses at QoS %i is not sent again [MQTT-4.4.0-2]", async (qos, type) => {
    const client = await subscriber(5);
    await (await door.connect()).publish("a", "x", { qos });
    const { packetIdentifier = 0 } = await client.expect("publish");
    client.send({ type, packetIdentifier, reasonCode: 0x80 });
    expect(await client.settle()).toEqual([]);
    await client.break();
    expect(await (await door.connect(lasting(5))).settle()).toEqual([]);
  });

  test("at QoS 1 and 2 is not sent beyond the client's receive maximum, all else is", async () => {
    // [MQTT-3.3.4-9], [MQTT-3.3.4-10], [MQTT-4.9.0-1], [MQTT-4.9.0-2], [MQTT-4.9.0-3]
    const client = await subscriber(5, "a", { properties: { receiveMaximum: 2 } });
    const publisher = await door.connect();
    for (const text of ["1", "2", "3", "4"]) await publisher.publish("a", text, { qos: 1 });
    const sent = await publications(client);
    expect(sent.map(textOf)).toEqual(["1", "2"]);
    // The quota is used up. What is no PUBLISH above QoS 0 goes on.
    await publisher.publish("a", "zero");
    expect(await client.settledTexts()).toEqual(["zero"]);
    expect((await client.subscribe("b")).reasonCodes).toEqual([0]);
    expect(await client.publish("c", "x", { qos: 2 })).toBe(0x10);
    client.send({ type: "unsubscribe", packetIdentifier: 9, topicFilters: ["b"] });
    await client.expect("unsuback");
    client.send({ type: "puback", packetIdentifier: sent[0]?.packetIdentifier ?? 0, reasonCode: 0 });
    expect(await client.settledTexts()).toEqual(["3"]);
  });

  test("may have any topic alias up to the maximum that the hub tells [MQTT-3.3.2-12]", async () => {
    const client = door.open();
    const { topicAliasMaximum = 0 } = (await client.connect()).properties ?? {};
    const watcher = await subscriber(5, "#");
    expect(topicAliasMaximum).toBeGreaterThan(0);
    for (const topicAlias of [1, topicAliasMaximum]) {
      await client.publish(`t/${topicAlias}`, "set", { properties: { topicAlias } });
      await client.publish("", "used", { properties: { topicAlias } });
    }
    const sent = (await publications(watcher)).map(({ topic }) => topic);
    expect(sent).toEqual(["t/1", "t/1", `t/${topicAliasMaximum}`, `t/${topicAliasMaximum}`]);
  });
});

describe("acknowledgements of MQTT 5.0", () => {
  // [MQTT-3.4.2-1] to [MQTT-3.4.2-3], [MQTT-3.5.2-1] to [MQTT-3.5.2-3], [MQTT-3.6.2-1] to [MQTT-3.6.2-3]
  // [MQTT-3.7.2-1] to [MQTT-3.7.2-3]
  test("have one of their reason codes, and never exceed the client's maximum packet size", async () => {
    for (const maximumPacketSize of [200, 30, 16]) {
      const guarded = new MemoryDoor({
        access: maximumPacketSize === 200 ? readOnly() : new AnonymousAccess(true, true),
      });
      const client = await guarded.connect({ properties: { maximumPacketSize } });
      await client.subscribe("a", { qos: 2 });
      const topic = "a".repeat(100);
      for (const name of ["a", topic]) {
        client.send(
          publishPacket(name, "1", { qos: 1, packetIdentifier: 1 }),
          publishPacket(name, "2", { qos: 2, packetIdentifier: 2 }),
          { type: "pubrel", packetIdentifier: 2, reasonCode: 0 },
          { type: "pubrel", packetIdentifier: 3, reasonCode: 0 },
          { type: "pubrec", packetIdentifier: 9, reasonCode: 0 },
        );
      }
      const sizes: number[] = [];
      const receive = client.receiveFrame.bind(client);
      client.receiveFrame = (bytes, start, bodyStart, end) => {
        sizes.push(end - start);
        return receive(bytes, start, bodyStart, end);
      };
      const acknowledgements = (await client.settle()).filter((packet) => packet.type !== "publish");
      expect(new Set(acknowledgements.map(({ type }) => type))).toEqual(
        new Set(["puback", "pubrec", "pubcomp", "pubrel"]),
      );
      for (const packet of acknowledgements) {
        const code = "reasonCode" in packet ? packet.reasonCode : Number.NaN;
        const names = Object.values(REASON_CODES).filter((each) => each.code === code);
        expect(names.some(({ packets }) => (packets as readonly string[]).includes(packet.type))).toBe(true);
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maximumPacketSize);
      await guarded.close();
    }
  });
});

describe.each(VERSIONS)("retained messages at protocol level %i", (version) => {
  /** What a new subscriber gets. */
  async function retained(filter = "a"): Promise<string[]> {
    const client = await door.connect({}, version);
    await client.subscribe(filter, { qos: 2 });
    return (await publications(client)).map((packet) => `${textOf(packet)} qos${packet.qos} ${packet.retain}`);
  }

  // [MQTT-3.3.1-5], [MQTT-3.3.1-5] of MQTT 3.1.1, [MQTT-3.3.1-6] of MQTT 3.1.1, [MQTT-3.3.1-7] of MQTT 3.1.1
  // [MQTT-3.3.1-8] of MQTT 3.1.1
  test("replace each other, whatever their QoS, and go to new subscribers with RETAIN", async () => {
    const client = await door.connect({}, version);
    for (const qos of [2, 0, 1, 0] as const) {
      await client.publish("a", `q${qos}`, { qos, retain: true });
      expect(await retained()).toEqual([`q${qos} qos${qos} true`]);
    }
  });

  // [MQTT-3.3.1-6], [MQTT-3.3.1-7], [MQTT-3.3.1-10] of MQTT 3.1.1, [MQTT-3.3.1-11] of MQTT 3.1.1
  test("are removed by an empty one, which is passed on and not kept", async () => {
    const watcher = await subscriber(version);
    const client = await door.connect({}, version);
    await client.publish("a", "x", { retain: true });
    await client.publish("a", "", { retain: true });
    expect(await watcher.settledTexts()).toEqual(["x", ""]);
    expect(await retained()).toEqual([]);
    await client.publish("b", "", { retain: true });
    expect(await retained("b")).toEqual([]);
  });

  // [MQTT-3.3.1-8], [MQTT-3.3.1-12] of MQTT 3.1.1
  test("are left alone by a message without RETAIN, empty or not", async () => {
    const client = await door.connect({}, version);
    await client.publish("a", "kept", { retain: true });
    for (const text of ["other", ""]) await client.publish("a", text, { qos: 1 });
    expect(await retained()).toEqual(["kept qos0 true"]);
    await client.publish("b", "x", { qos: 1 });
    expect(await retained("b")).toEqual([]);
  });

  // [MQTT-3.3.1-12], [MQTT-3.3.1-9] of MQTT 3.1.1
  test("have no RETAIN for subscriptions that were there before", async () => {
    const watcher = await subscriber(version);
    await (await door.connect({}, version)).publish("a", "x", { qos: 1, retain: true });
    expect((await publications(watcher)).map(({ retain }) => retain)).toEqual([false]);
  });
});

describe("topic aliases of the hub", () => {
  // [MQTT-3.1.2-26], [MQTT-3.3.2-11]
  test.each([0, 1, 2] as const)(
    "at QoS %i stay within the client's maximum, and stand for their topics",
    async (qos) => {
      const client = await subscriber(5, "#", { properties: { topicAliasMaximum: 2 } });
      const publisher = await door.connect();
      const topics = Array.from({ length: 60 }, (_, i) => `house/${i % 3}`);
      for (const topic of topics) await publisher.publish(topic, topic, { qos });
      const topicByAlias = new Map<number, string>();
      for (const packet of await publications(client)) {
        const topicAlias = packet.properties?.topicAlias;
        if (topicAlias !== undefined) expect([1, 2]).toContain(topicAlias);
        if (packet.topic !== "" && topicAlias !== undefined) topicByAlias.set(topicAlias, packet.topic);
        expect(packet.topic === "" ? topicByAlias.get(topicAlias ?? 0) : packet.topic).toBe(textOf(packet));
      }
      expect(topicByAlias.size).toBe(2);
    },
  );

  // [MQTT-3.1.2-27]
  test.each([undefined, 0])("are not used for a client that takes %s", async (topicAliasMaximum) => {
    const client = await subscriber(5, "#", { properties: { topicAliasMaximum } });
    for (let i = 0; i < 10; i++) await client.publish("house/a", "x", { qos: 1 });
    for (const packet of await publications(client)) {
      expect([packet.topic, packet.properties?.topicAlias]).toEqual(["house/a", undefined]);
    }
  });

  test("end with the connection [MQTT-3.3.2-7]", async () => {
    const rest = { properties: { topicAliasMaximum: 5 } };
    const client = await subscriber(5, "#", rest);
    await client.publish("house/a", "1", { qos: 1 });
    expect((await publications(client))[0]).toMatchObject({ topic: "house/a", properties: { topicAlias: 1 } });
    await client.break();
    const back = await door.connect(lasting(5, { ...rest }));
    await back.publish("house/a", "2");
    expect((await publications(back)).map(({ topic }) => topic)).toEqual(["house/a", ""]);
  });

  test("may be turned off", async () => {
    const without = new MemoryDoor({ limits: { maxOutboundTopicAliases: 0 } });
    const client = await without.connect({ properties: { topicAliasMaximum: 5 } });
    await client.subscribe("#");
    for (let i = 0; i < 5; i++) await client.publish("house/a", "x");
    expect((await publications(client)).every(({ topic }) => topic === "house/a")).toBe(true);
    await without.close();
  });
});
