import { once } from "node:events";
import { connect } from "node:net";
import { concatBytes, fromHex } from "@isthmus/bytes";
import { encodePacket, type Packet, type ProtocolVersion, ReasonCode } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHub } from "../src/index.js";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient } from "./scripted-client.js";

let door: MemoryDoor;
let bystander: ScriptedClient;

beforeEach(async () => {
  door = new MemoryDoor();
  bystander = await door.connect({ clientId: "bystander" });
  await bystander.subscribe("alive");
});

// Whatever a client sends, the others go on. An error that is not caught fails the run.
afterEach(async () => {
  await bystander.publish("alive", "yes", { qos: 1 });
  expect(await bystander.settledTexts()).toEqual(["yes"]);
  await door.close();
});

const PLAIN = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

describe("a CONNECT that is refused", () => {
  test.each([
    ["MQTT 3.1 without a client identifier", 3, { clientId: "" }, 2],
    [
      "MQTT 3.1.1 without one for a session that lasts [MQTT-3.1.3-8] of MQTT 3.1.1",
      4,
      { clientId: "", cleanStart: false },
      2,
    ],
  ] as const)("%s hears why", async (_name, version, rest, reasonCode) => {
    const client = door.open(version);
    expect(await client.connect(rest)).toMatchObject({ sessionPresent: false, reasonCode });
    await client.closed;
  });

  test("with an authentication method that is not known hears why [MQTT-4.12.0-1]", async () => {
    const client = door.open(5);
    const connack = await client.connect({ properties: { authenticationMethod: "SCRAM-SHA-1" } });
    expect(connack.reasonCode).toBe(ReasonCode.badAuthenticationMethod);
    await client.closed;
  });

  test.each([4, 5] as const)("with a will topic of too many levels, protocol level %i", async (version) => {
    const client = door.open(version);
    const topic = Array.from({ length: 150 }, () => "l").join("/");
    const will = { topic, payload: new Uint8Array(1), qos: 0, retain: false } as const;
    client.send({ type: "connect", protocolVersion: version, clientId: "c", cleanStart: true, keepAlive: 0, will });
    if (version === 5) expect((await client.expect("connack")).reasonCode).toBe(ReasonCode.topicNameInvalid);
    await client.closed;
    // It took nothing over, and left nothing behind.
    expect(door.metrics.sessions).toBe(1);
  });

  test("a client that is refused does not end the session that it named", async () => {
    const client = door.open(5);
    const will = { topic: Array.from({ length: 150 }, () => "l").join("/"), payload: new Uint8Array(1) };
    await client.connect({ clientId: "bystander", will: { ...will, qos: 0, retain: false } });
    await client.closed;
    expect(bystander.isClosed).toBe(false);
  });
});

describe("a filter that is none", () => {
  test.each(VERSIONS)("is refused, protocol level %i, and the others of the packet are granted", async (version) => {
    const client = await door.connect({}, version);
    const filters = ["a/#/b", "a", "a+", "", "$share/x", "$share//a", "$share/x/", "$share/+/a", "#"];
    const { reasonCodes } = await client.subscribe(filters, { qos: 1 });
    const refused = version === 5 ? ReasonCode.topicFilterInvalid : 0x80;
    const [r, g] = [refused, 1];
    expect(reasonCodes).toEqual([r, g, r, r, r, r, r, r, g]);
  });
});

describe("a topic that is none", () => {
  test.each([
    ["with a wildcard", "house/+", ReasonCode.topicNameInvalid],
    ["that a filter may be", "#", ReasonCode.topicNameInvalid],
    ["that is empty, without an alias", "", ReasonCode.protocolError],
    ["with U+0000", "a\0b", ReasonCode.malformedPacket],
    ["of too many levels", "/".repeat(200), ReasonCode.topicNameInvalid],
    ["as long as can be, and wrong at its end", `${"x".repeat(65_534)}#`, ReasonCode.topicNameInvalid],
    [
      "as long as can be, of characters that are written in six",
      `${"\u{1}".repeat(65_534)}+`,
      ReasonCode.topicNameInvalid,
    ],
  ])("%s ends the connection with a reason", async (_name, topic, reasonCode) => {
    for (const version of VERSIONS) {
      const client = await door.connect({}, version);
      client.sendBytes(rawPublish(topic, version));
      if (version === 5) expect(await client.expect("disconnect")).toMatchObject({ reasonCode });
      await client.closed;
      expect(await client.next()).toBeUndefined();
    }
  });

  function rawPublish(topic: string, version: ProtocolVersion): Uint8Array {
    const name = new TextEncoder().encode(topic);
    const body = [name.length >> 8, name.length & 0xff, ...name, ...(version === 5 ? [0] : [])];
    const length = [(body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14];
    if (body.length < 0x80) length.splice(0, 3, body.length);
    else if (body.length < 0x4000) length.splice(0, 3, (body.length & 0x7f) | 0x80, body.length >> 7);
    return Uint8Array.of(0x30, ...length, ...body);
  }
});

describe("packets that make no sense", () => {
  test.each<[string, string, number]>([
    ["QoS 3", "360800017400010000000000".slice(0, 20), ReasonCode.malformedPacket],
    ["DUP with QoS 0", "380400017400", ReasonCode.malformedPacket],
    ["packet identifier 0", "32060001740000 00", ReasonCode.protocolError],
    ["SUBSCRIBE without a filter [MQTT-3.8.3-2]", "8203000100", ReasonCode.protocolError],
    ["UNSUBSCRIBE without a filter [MQTT-3.10.3-2]", "a203000100", ReasonCode.protocolError],
    ["SUBSCRIBE with QoS 3", "820700010000016103", ReasonCode.protocolError],
    ["SUBSCRIBE with wrong flags", "800700010000016100", ReasonCode.malformedPacket],
    ["PINGREQ with a body", "c00100", ReasonCode.malformedPacket],
    ["packet type 0", "0000", ReasonCode.malformedPacket],
    ["AUTH without a method", "f000", ReasonCode.protocolError],
    ["PUBACK with a reason code of another packet", "4003000118", ReasonCode.protocolError],
    ["topic alias 0 [MQTT-3.3.2-8]", "300700017403230000", ReasonCode.topicAliasInvalid],
    ["topic alias above the maximum (3.3.2.3.4)", "3007000174032304010078".slice(0, 18), ReasonCode.topicAliasInvalid],
    ["topic alias that was never set", "30060000032300 01".replaceAll(" ", ""), ReasonCode.protocolError],
    ["a subscription identifier from a client [MQTT-3.3.4-6]", "3006000174020b01", ReasonCode.protocolError],
    ["a response topic with a wildcard [MQTT-3.3.2-14]", "30080001740408000123", ReasonCode.topicNameInvalid],
    ["a payload that is not the UTF-8 that it is said to be", "3007000174020101ff", ReasonCode.payloadFormatInvalid],
    ["a property twice", "3008000174040101 0101".replaceAll(" ", ""), ReasonCode.protocolError],
    [
      "no local on a shared subscription [MQTT-3.8.3-4]",
      "8210000100000a2473686172652f782f6104",
      ReasonCode.protocolError,
    ],
    ["a length above the maximum", "30ffffff7f", ReasonCode.packetTooLarge],
    ["a length without an end", "30ffffffff", ReasonCode.malformedPacket],
    ["a length that is longer than it needs to be", "308000", ReasonCode.malformedPacket],
  ])("%s", async (_name, hex, reasonCode) => {
    const client = await door.connect();
    client.sendBytes(fromHex(hex));
    const disconnect = await client.expect("disconnect");
    expect([disconnect.reasonCode, disconnect.properties?.reasonString]).toEqual([reasonCode, expect.any(String)]);
    await client.closed;
  });

  test("bytes after the error are not looked at", async () => {
    const client = await door.connect();
    client.sendBytes(fromHex("0000"));
    client.send(publishPacket("alive", "no"));
    await client.closed;
  });

  test("DISCONNECT is the last that a client hears, also of what it published itself [MQTT-3.14.4-1]", async () => {
    const client = await door.connect();
    await client.subscribe("mine");
    client.sendBytes(
      concatBytes([
        encodePacket(publishPacket("mine", "1"), 5),
        encodePacket(publishPacket("mine", "2"), 5),
        fromHex("0000"),
      ]),
    );
    const heard: (string | undefined)[] = [];
    while (heard.at(-1) !== "disconnect") heard.push((await client.next())?.type);
    expect(heard).toEqual(["publish", "publish", "disconnect"]);
    await client.closed;
    expect(await client.next()).toBeUndefined();
  });

  test("no packet before CONNECT is answered", async () => {
    const packets: Packet[] = [
      { type: "pingreq" },
      publishPacket("alive", "no"),
      { type: "disconnect", reasonCode: 0 },
    ];
    for (const packet of packets) {
      const client = door.open();
      client.send(packet);
      await client.closed;
      expect(await client.next()).toBeUndefined();
    }
  });

  test("half a packet, then nothing, is no harm", async () => {
    const whole = encodePacket(publishPacket("alive", "half", { qos: 1 }), 5);
    const client = await door.connect();
    client.sendBytes(whole.subarray(0, whole.length - 1));
    await bystander.settle();
    await client.break();
  });
});

describe("limits", () => {
  test("subscriptions above the maximum are refused with a reason, replacing one is not", async () => {
    const limited = new MemoryDoor({ limits: { maxSubscriptionsPerClient: 2 } });
    const client = await limited.connect();
    const { reasonCodes } = await client.subscribe(["a", "b", "c", "a"]);
    expect(reasonCodes).toEqual([0, 0, ReasonCode.quotaExceeded, 0]);
    await limited.close();
  });

  test("a client identifier that is too long is refused", async () => {
    const limited = new MemoryDoor({ limits: { maxClientIdBytes: 4 } });
    expect((await limited.open().connect({ clientId: "äöü" })).reasonCode).toBe(ReasonCode.clientIdentifierNotValid);
    expect((await limited.open().connect({ clientId: "äö" })).reasonCode).toBe(0);
    await limited.close();
  });

  test("connections above the maximum are closed at once", async () => {
    const limited = new MemoryDoor({ limits: { maxConnections: 1 } });
    const first = await limited.connect();
    const second = limited.open();
    await second.closed;
    expect(limited.metrics.connectionsRefused.total).toBe(1);
    await first.break();
    await limited.connect();
    await limited.close();
  });

  test("QoS 2 messages that are never released are limited [MQTT-3.3.4-7]", async () => {
    const limited = new MemoryDoor({ limits: { receiveMaximum: 3 } });
    const client = limited.open();
    expect((await client.connect()).properties?.receiveMaximum).toBe(3);
    for (let id = 1; id <= 4; id++) client.send(publishPacket("t", "x", { qos: 2, packetIdentifier: id }));
    for (let id = 1; id <= 3; id++) expect((await client.expect("pubrec")).packetIdentifier).toBe(id);
    expect((await client.expect("disconnect")).reasonCode).toBe(ReasonCode.receiveMaximumExceeded);
    await limited.close();
  });
});

describe("what takes long is done in parts", () => {
  test("a search of many retained messages by many filters lets others go on, and finds all", async () => {
    const publisher = await door.connect({ clientId: "publisher" });
    for (let i = 0; i < 3_000; i++) await publisher.publish(`house/room/${i}/temperature`, "x", { retain: true });
    const filters = Array.from({ length: 100 }, (_, i) => `+/+/+/nothing-${i}`);
    const client = await door.connect({ clientId: "curious" });
    client.send({
      type: "subscribe",
      packetIdentifier: 1,
      subscriptions: [...filters, "house/room/7/+"].map((topicFilter) => ({ ...PLAIN, topicFilter })),
    });
    let turns = 0;
    const count = (): void => {
      turns++;
      ticker = setImmediate(count);
    };
    let ticker = setImmediate(count);
    await client.expect("suback");
    await client.expect("publish");
    clearImmediate(ticker);
    // Hundreds of thousands of topics were looked at.
    expect(turns).toBeGreaterThan(20);
  });
});

test("whoever does not read the answers is not asked for more", async () => {
  const hub = await createHub({ mqtt: { port: 0 }, limits: { maxOutboundBytes: 1_000_000 } });
  const { hostname, port } = new URL(hub.mqtt?.url ?? "");
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.write(encodePacket({ type: "connect", protocolVersion: 5, clientId: "x", cleanStart: true, keepAlive: 0 }, 5));
  // PINGREQ, each of which is answered.
  socket.write(Buffer.from("c000".repeat(10_000_000), "hex"));
  const { mqtt } = hub.metrics.traffic;
  let received = -1;
  const isStill = (): boolean => received === (received = mqtt.bytesReceived) && received > 0;
  await expect.poll(isStill, { interval: 200, timeout: 30_000 }).toBe(true);
  expect(received).toBeLessThan(15_000_000);
  // Once it reads, it is served again, to the end.
  socket.resume();
  await once(socket, "drain");
  await expect.poll(() => mqtt.bytesReceived, { timeout: 30_000 }).toBeGreaterThan(20_000_000);
  socket.destroy();
  await hub.close();
});
