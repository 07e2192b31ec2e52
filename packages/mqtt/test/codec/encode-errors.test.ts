import { describe, expect, test } from "vitest";

import { encodePacket } from "../../src/codec/encode-packet.js";
import type { ConnectPacket, ProtocolVersion, PublishPacket, SubscribePacket } from "../../src/codec/packets.js";
import type { Properties, PropertyPlace } from "../../src/codec/properties.js";
import { encodeProperties } from "../../src/codec/properties.js";

const CONNECT: ConnectPacket = {
  type: "connect",
  protocolVersion: 5,
  clientId: "id",
  cleanStart: true,
  keepAlive: 60,
};
const PUBLISH: PublishPacket = {
  type: "publish",
  topic: "t",
  payload: new Uint8Array(0),
  qos: 0,
  retain: false,
  dup: false,
};
const SUBSCRIBE: SubscribePacket = {
  type: "subscribe",
  packetIdentifier: 1,
  subscriptions: [{ topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
};

describe("what cannot be sent is the caller's error, named", () => {
  test.each<[message: RegExp, changes: object, versions?: ProtocolVersion]>([
    [/protocolVersion 6/, { protocolVersion: 6 }],
    [/keepAlive 65536/, { keepAlive: 65_536 }],
    [/keepAlive -1/, { keepAlive: -1 }],
    [/keepAlive 1.5/, { keepAlive: 1.5 }],
    [/clientId holds U\+0000/, { clientId: "a\0" }],
    [/clientId holds half of a surrogate pair/, { clientId: "\ud800" }],
    [/clientId has 65536 bytes/, { clientId: "x".repeat(65_536) }],
    [/password has 65536 bytes/, { password: new Uint8Array(65_536) }],
    [/password needs username/, { protocolVersion: 4, password: new Uint8Array(1) }],
    [/isBridge/, { isBridge: true }],
    [/will.qos 3/, { will: { topic: "w", payload: new Uint8Array(0), qos: 3, retain: false } }],
    [/topic name/, { will: { topic: "#", payload: new Uint8Array(0), qos: 0, retain: false } }],
    [/will.payload has 70000 bytes/, { will: { topic: "w", payload: new Uint8Array(70_000), qos: 0, retain: false } }],
  ])("CONNECT: %s", (message, changes) => {
    expect(() => encodePacket({ ...CONNECT, ...changes }, 5)).toThrow(message);
  });

  test.each<[message: RegExp, changes: object, version: ProtocolVersion]>([
    [/qos 3/, { qos: 3 }, 4],
    [/dup/, { dup: true }, 4],
    [/packetIdentifier 5 with qos 0/, { packetIdentifier: 5 }, 4],
    [/packetIdentifier is missing for qos 1/, { qos: 1 }, 4],
    [/packetIdentifier 0/, { qos: 1, packetIdentifier: 0 }, 4],
    [/packetIdentifier 65536/, { qos: 2, packetIdentifier: 65_536 }, 5],
    [/holds a wildcard/, { topic: "a/+" }, 4],
    [/at least one character/, { topic: "" }, 5],
    [/at least one character/, { topic: "", properties: { topicAlias: 1 } }, 4],
    [/topic name has 65536 bytes/, { topic: "x".repeat(65_536) }, 5],
    [/surrogate/, { topic: "\udc00" }, 5],
    [/payload has 268435455 bytes/, { payload: new Uint8Array(268_435_455) }, 4],
  ])("PUBLISH: %s", (message, changes, version) => {
    expect(() => encodePacket({ ...PUBLISH, ...changes }, version)).toThrow(message);
  });

  test.each<[message: RegExp, changes: object]>([
    [/subscriptions is empty/, { subscriptions: [] }],
    [/packetIdentifier 0/, { packetIdentifier: 0 }],
    [/qos 3/, { subscriptions: [{ ...SUBSCRIBE.subscriptions[0], qos: 3 }] }],
    [/retainHandling 3/, { subscriptions: [{ ...SUBSCRIBE.subscriptions[0], retainHandling: 3 }] }],
    [/noLocal/, { subscriptions: [{ ...SUBSCRIBE.subscriptions[0], topicFilter: "$share/g/a", noLocal: true }] }],
  ])("SUBSCRIBE: %s", (message, changes) => {
    expect(() => encodePacket({ ...SUBSCRIBE, ...changes }, 5)).toThrow(message);
  });

  test("CONNACK, acknowledgements, SUBACK, UNSUBACK, DISCONNECT and AUTH take only reason codes of theirs", () => {
    const packetIdentifier = 1;
    expect(() => encodePacket({ type: "connack", sessionPresent: false, reasonCode: 6 }, 4)).toThrow(/reasonCode 6/);
    expect(() => encodePacket({ type: "connack", sessionPresent: false, reasonCode: 5 }, 5)).toThrow(/reasonCode 0x05/);
    expect(() => encodePacket({ type: "connack", sessionPresent: true, reasonCode: 0x87 }, 5)).toThrow(
      /sessionPresent/,
    );
    expect(() => encodePacket({ type: "puback", packetIdentifier, reasonCode: 0x92 }, 5)).toThrow(/reasonCode 0x92/);
    expect(() => encodePacket({ type: "suback", packetIdentifier, reasonCodes: [3] }, 4)).toThrow(/reasonCodes 3/);
    expect(() => encodePacket({ type: "suback", packetIdentifier, reasonCodes: [] }, 4)).toThrow(/empty/);
    expect(() => encodePacket({ type: "suback", packetIdentifier, reasonCodes: [0x84] }, 5)).toThrow(/0x84/);
    expect(() => encodePacket({ type: "unsuback", packetIdentifier, reasonCodes: [] }, 5)).toThrow(/empty/);
    expect(() => encodePacket({ type: "unsuback", packetIdentifier, reasonCodes: [1] }, 5)).toThrow(/0x01/);
    expect(() => encodePacket({ type: "disconnect", reasonCode: 0x84 }, 5)).toThrow(/0x84/);
    expect(() => encodePacket({ type: "auth", reasonCode: 0x18 }, 5)).toThrow(/authenticationMethod/);
    expect(() => encodePacket({ type: "auth", reasonCode: 0 }, 4)).toThrow(RangeError);
  });

  test.each<[message: RegExp, place: PropertyPlace, properties: object]>([
    [/receiveMaximum must not be 0/, "connect", { receiveMaximum: 0 }],
    [/receiveMaximum 65536/, "connect", { receiveMaximum: 65_536 }],
    [/sessionExpiryInterval 4294967296/, "connect", { sessionExpiryInterval: 2 ** 32 }],
    [/sessionExpiryInterval -1/, "disconnect", { sessionExpiryInterval: -1 }],
    [/sessionExpiryInterval is not a number/, "connect", { sessionExpiryInterval: "5" }],
    [/topicAlias must not be 0/, "publish", { topicAlias: 0 }],
    [/topicAlias does not belong in connect/, "connect", { topicAlias: 1 }],
    [/willDelayInterval does not belong in connect/, "connect", { willDelayInterval: 1 }],
    [/maximumQoS 2/, "connack", { maximumQoS: 2 }],
    [/retainAvailable is not a boolean/, "connack", { retainAvailable: 1 }],
    [/subscriptionIdentifiers may stand only once in subscribe/, "subscribe", { subscriptionIdentifiers: [1, 2] }],
    [/subscriptionIdentifiers must not be 0/, "publish", { subscriptionIdentifiers: [0] }],
    [/subscriptionIdentifiers 268435456/, "publish", { subscriptionIdentifiers: [268_435_456] }],
    [/contentType is not a string/, "publish", { contentType: 1 }],
    [/contentType holds U\+0000/, "will", { contentType: "\0" }],
    [/holds a wildcard/, "publish", { responseTopic: "a/#" }],
    [/correlationData is not a Uint8Array/, "publish", { correlationData: "x" }],
    [/correlationData has 65536 bytes/, "publish", { correlationData: new Uint8Array(65_536) }],
    [/userProperties is not a list of pairs/, "publish", { userProperties: [["a"]] }],
    [/userProperties holds half of a surrogate/, "publish", { userProperties: [["a", "\ud812"]] }],
    [/authenticationData needs authenticationMethod/, "connect", { authenticationData: new Uint8Array(1) }],
    [/colour is not a property/, "connect", { colour: "red" }],
    [/toString is not a property/, "connect", { toString: "x" }],
  ])("properties: %s", (message, place, properties) => {
    expect(() => encodeProperties(properties as Properties, place)).toThrow(message);
  });

  test("what a version has no field for is left out", () => {
    const properties: Properties = { userProperties: [["a", "b"]] };
    expect(encodePacket({ ...PUBLISH, properties }, 4)).toStrictEqual(encodePacket(PUBLISH, 4));
    expect(encodePacket({ type: "puback", packetIdentifier: 1, reasonCode: 0x87, properties }, 4)).toHaveLength(4);
    expect(encodePacket({ type: "unsuback", packetIdentifier: 1, reasonCodes: [0x11], properties }, 4)).toHaveLength(4);
    expect(encodePacket({ type: "disconnect", reasonCode: 0x8b, properties }, 4)).toHaveLength(2);
  });
});
