// What MQTT asks of a client, of each version that it speaks, against a server that the test plays. A tag names the
// statement of MQTT 5.0, or says that it is one of MQTT 3.1.1.
import { encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { type Packet, REASON_CODES } from "../src/codec/index.js";
import type { ClientSessionOptions } from "../src/session/client-session-types.js";
import { acknowledgement, inboundPublish, inShort, Ladder } from "./session-client-ladder.js";

const VERSIONS = [4, 5] as const;
type Version = (typeof VERSIONS)[number];

function ladderOf(protocolVersion: Version, rest: Partial<ClientSessionOptions> = {}): Ladder {
  return new Ladder({ protocolVersion, ...rest });
}

/** A client whose session outlives its connections. */
function lasting(version: Version, rest: Partial<ClientSessionOptions> = {}): Ladder {
  const properties = version === 5 ? { sessionExpiryInterval: 3600, ...rest.properties } : undefined;
  return ladderOf(version, { cleanStart: false, ...rest, properties });
}

/** Whether the client has asked for the connection to be closed. */
function isClosing(ladder: Ladder): boolean {
  return ladder.events().some(({ type }) => type === "close");
}

describe.each(VERSIONS)("CONNECT of protocol level %i", (version) => {
  // [MQTT-3.1.0-1], [MQTT-3.1.0-1] of MQTT 3.1.1
  it("is the first packet of each connection, whatever waits to be sent", () => {
    const ladder = lasting(version);
    ladder.publish(2, "a");
    ladder.subscribe("b");
    ladder.session.connect(0);
    expect(ladder.sentInShort()).toEqual(["connect"]);
    ladder.session.handleClose(0);
    ladder.session.connect(0);
    expect(ladder.sentInShort()).toEqual(["connect"]);
  });

  // [MQTT-3.1.2-9], [MQTT-3.1.2-11] to [MQTT-3.1.2-13], [MQTT-3.1.2-16] to [MQTT-3.1.2-19], [MQTT-3.1.3-1], [MQTT-3.1.3-3]
  // [MQTT-3.1.2-9] of MQTT 3.1.1, [MQTT-3.1.2-11] of MQTT 3.1.1, [MQTT-3.1.2-13] of MQTT 3.1.1
  // [MQTT-3.1.2-14] of MQTT 3.1.1, [MQTT-3.1.2-15] of MQTT 3.1.1, [MQTT-3.1.2-18] of MQTT 3.1.1
  // [MQTT-3.1.2-19] of MQTT 3.1.1, [MQTT-3.1.2-20] of MQTT 3.1.1, [MQTT-3.1.2-21] of MQTT 3.1.1
  // [MQTT-3.1.3-1] of MQTT 3.1.1, [MQTT-3.1.3-3] of MQTT 3.1.1
  it.each([
    ["nothing", {}, "02", "0001 63"],
    ["a user name", { username: "u" }, "82", "0001 63 0001 75"],
    ["a password too", { username: "u", password: Uint8Array.of(0x70) }, "c2", "0001 63 0001 75 0001 70"],
    [
      "a will",
      { will: { topic: "w", payload: Uint8Array.of(0x21), qos: 0, retain: false } },
      "06",
      "0001 63 W 0001 77 0001 21",
    ],
    [
      "all of them",
      {
        will: { topic: "w", payload: Uint8Array.of(0x21), qos: 2, retain: true },
        username: "u",
        password: Uint8Array.of(0x70),
      },
      "f6",
      "0001 63 W 0001 77 0001 21 0001 75 0001 70",
    ],
  ] as const)("with %s has the flags and the fields of it, in their order", (_name, rest, flags, payload) => {
    const ladder = ladderOf(version, rest);
    ladder.session.connect(0);
    const [bytes = new Uint8Array(0)] = ladder.session.takeTransmits();
    // The will's properties: none.
    const fields = payload.replace("W", version === 5 ? "00" : "").replaceAll(" ", "");
    const header = `00044d5154540${version}${flags}003c${version === 5 ? "00" : ""}`;
    expect(toHex(bytes).slice(4)).toBe(header + fields);
  });

  // [MQTT-3.1.3-4], [MQTT-3.1.3-11], [MQTT-3.1.3-12], [MQTT-1.5.4-1], [MQTT-1.5.4-2]
  // [MQTT-3.1.3-4] of MQTT 3.1.1, [MQTT-3.1.3-10] of MQTT 3.1.1, [MQTT-3.1.3-11] of MQTT 3.1.1
  // [MQTT-1.5.3-1] of MQTT 3.1.1, [MQTT-1.5.3-2] of MQTT 3.1.1
  it.each(["\ud800", "a\0b"])("is not made of text that has no place in MQTT: %j", (text) => {
    const payload = new Uint8Array(0);
    expect(() => ladderOf(version, { clientId: text })).toThrow();
    expect(() => ladderOf(version, { username: text })).toThrow();
    expect(() => ladderOf(version, { will: { topic: text, payload, qos: 0, retain: false } })).toThrow();
  });

  // [MQTT-3.1.2-12], [MQTT-3.1.2-14] of MQTT 3.1.1
  it("is not made with a will QoS of 3", () => {
    // What a caller without types may pass.
    const will = { topic: "w", payload: new Uint8Array(0), qos: 3, retain: false } as never;
    expect(() => ladderOf(version, { will })).toThrow(RangeError);
  });

  // [MQTT-3.1.3-2], [MQTT-3.1.3-2] of MQTT 3.1.1
  it("has the same client identifier on each connection of a session", () => {
    const ladder = lasting(version, { clientId: "mine" });
    expect(ladder.connect()).toMatchObject({ clientId: "mine" });
    expect(ladder.reconnect()).toMatchObject({ clientId: "mine" });
  });

  // [MQTT-3.1.2-4], [MQTT-3.1.2-6] of MQTT 3.1.1, [MQTT-3.2.2-5]
  it("with a clean start forgets what the session before it was at", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    ladder.reply(inboundPublish(2, 7));
    ladder.sent();
    ladder.events();
    expect(ladder.reconnect()).toMatchObject({ cleanStart: true });
    ladder.reply(inboundPublish(2, 7));
    // The identifier is new, and so is the message.
    expect(ladder.events().map(({ type }) => type)).toContain("message");
  });

  // [MQTT-3.2.2-4]
  it("with a clean start is not followed by a session that is there", () => {
    const ladder = ladderOf(version);
    ladder.connect({ sessionPresent: true });
    expect(isClosing(ladder)).toBe(true);
  });

  // [MQTT-4.13.2-1]
  it("that is refused ends the connection", () => {
    const ladder = ladderOf(version);
    ladder.connect({ reasonCode: version === 5 ? 0x87 : 5 });
    expect(isClosing(ladder)).toBe(true);
    expect(ladder.sent()).toEqual([]);
  });
});

// [MQTT-3.1.3-7] of MQTT 3.1.1
it("a client identifier may be left to the server of MQTT 3.1.1 for a clean session only", () => {
  expect(() => new Ladder({ protocolVersion: 4, clientId: "", cleanStart: false })).toThrow(TypeError);
  expect(() => new Ladder({ protocolVersion: 4, clientId: "", cleanStart: true })).not.toThrow();
  expect(() => new Ladder({ protocolVersion: 5, clientId: "", cleanStart: false })).not.toThrow();
});

// [MQTT-3.1.2-22] of MQTT 3.1.1
it("a password goes without a user name in MQTT 5.0 only", () => {
  const password = Uint8Array.of(1);
  expect(() => new Ladder({ protocolVersion: 4, password })).toThrow(TypeError);
  expect(() => new Ladder({ protocolVersion: 5, password })).not.toThrow();
});

describe.each(VERSIONS)("an open connection of protocol level %i", (version) => {
  // [MQTT-3.1.2-20], [MQTT-3.1.2-23] of MQTT 3.1.1
  it("carries PINGREQ when nothing else was sent for the keep alive", () => {
    const ladder = ladderOf(version, { keepAlive: 10 });
    ladder.connect();
    ladder.advance(9_000);
    ladder.publish(0, "a");
    // A server that is silent is asked whether it is there; this one is not.
    ladder.reply(inboundPublish(0));
    ladder.advance(9_900);
    expect(ladder.sentInShort()).not.toContain("pingreq");
    ladder.advance(200);
    expect(ladder.sentInShort()).toContain("pingreq");
  });

  // [MQTT-3.14.4-1], [MQTT-3.14.4-2], [MQTT-3.14.4-1] of MQTT 3.1.1, [MQTT-3.14.4-2] of MQTT 3.1.1
  it("ends with DISCONNECT: nothing is sent behind it, and it is closed", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    ladder.session.disconnect(0);
    ladder.publish(1, "a");
    ladder.subscribe("b");
    ladder.reply(inboundPublish(1, 1));
    ladder.advance(1_000_000);
    expect(ladder.sentInShort()).toEqual(["disconnect"]);
    expect(isClosing(ladder)).toBe(true);
  });

  // [MQTT-4.13.2-1], [MQTT-4.8.0-1] of MQTT 3.1.1, [MQTT-2.1.3-1], [MQTT-2.2.2-2] of MQTT 3.1.1, [MQTT-3.3.1-4]
  // [MQTT-3.3.1-4] of MQTT 3.1.1, [MQTT-3.6.1-1], [MQTT-3.6.1-1] of MQTT 3.1.1, [MQTT-1.5.3-1] of MQTT 3.1.1
  // [MQTT-1.5.3-2] of MQTT 3.1.1
  it.each([
    ["QoS 3", "36050001610001"],
    ["flags that are reserved", "62020001".replace("62", "60")],
    ["a topic that is not UTF-8", "30040001ff00"],
    ["a topic with U+0000", "300400010000"],
    ["a packet that clients send", "c000"],
  ])("ends when the server sends %s", (_name, hex) => {
    const ladder = ladderOf(version);
    ladder.connect();
    ladder.session.receiveBytes(0, fromHex(hex));
    expect(ladder.sent().map(({ type }) => type)).toEqual(version === 5 ? ["disconnect"] : []);
    expect(isClosing(ladder)).toBe(true);
  });
});

describe.each(VERSIONS)("a message that goes out at protocol level %i", (version) => {
  // [MQTT-4.3.1-1], [MQTT-2.2.1-2], [MQTT-3.3.1-2], [MQTT-4.3.1-1] of MQTT 3.1.1, [MQTT-2.3.1-5] of MQTT 3.1.1
  // [MQTT-3.3.1-2] of MQTT 3.1.1
  it("at QoS 0 has neither DUP nor identifier", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    ladder.publish(0, "a");
    expect(ladder.sent()).toMatchObject([{ type: "publish", qos: 0, dup: false, packetIdentifier: undefined }]);
  });

  // [MQTT-2.2.1-3], [MQTT-4.3.2-1], [MQTT-4.3.2-2], [MQTT-4.3.3-1], [MQTT-4.3.3-2], [MQTT-2.3.1-1] of MQTT 3.1.1
  // [MQTT-2.3.1-2] of MQTT 3.1.1
  it("gets an identifier that neither a message nor a request has, and no DUP", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    for (let i = 0; i < 5; i++) {
      ladder.publish(1, "a");
      ladder.publish(2, "b");
      ladder.subscribe("c");
    }
    const sent = ladder.sent();
    const identifiers = sent.map((packet) => ("packetIdentifier" in packet ? packet.packetIdentifier : undefined));
    expect(new Set(identifiers).size).toBe(15);
    expect(identifiers.every((identifier = 0) => identifier > 0)).toBe(true);
    expect(sent.some((packet) => packet.type === "publish" && packet.dup)).toBe(false);
  });

  // [MQTT-3.3.1-1], [MQTT-4.4.0-1], [MQTT-4.3.2-3], [MQTT-4.3.3-3], [MQTT-4.6.0-1], [MQTT-3.1.2-23], [MQTT-4.1.0-1]
  // [MQTT-3.3.1-1] of MQTT 3.1.1, [MQTT-4.4.0-1] of MQTT 3.1.1, [MQTT-4.6.0-1] of MQTT 3.1.1
  // [MQTT-2.3.1-3] of MQTT 3.1.1, [MQTT-4.3.2-1] of MQTT 3.1.1, [MQTT-4.1.0-1] of MQTT 3.1.1
  // [MQTT-4.1.0-2] of MQTT 3.1.1
  it("is sent again, in order, with DUP and its identifier, on each connection until it is acknowledged", () => {
    const ladder = lasting(version);
    ladder.connect();
    ladder.publish(1, "one");
    ladder.publish(2, "two");
    ladder.publish(1, "three");
    expect(ladder.sentInShort()).toEqual(["publish 1", "publish 2", "publish 3"]);
    // At no other time.
    ladder.advance(40_000);
    expect(ladder.sentInShort()).toEqual([]);
    for (let i = 0; i < 2; i++) {
      ladder.reconnect({ sessionPresent: true });
      expect(ladder.sentInShort()).toEqual(["publish 1 dup", "publish 2 dup", "publish 3 dup"]);
    }
    ladder.reply(acknowledgement("puback", 1));
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual(["publish 2 dup", "publish 3 dup"]);
  });

  // [MQTT-4.3.3-4], [MQTT-4.3.3-5], [MQTT-4.3.3-6], [MQTT-4.6.0-4], [MQTT-2.2.1-5], [MQTT-4.3.3-1] of MQTT 3.1.1
  // [MQTT-4.6.0-4] of MQTT 3.1.1, [MQTT-2.3.1-6] of MQTT 3.1.1
  it("at QoS 2 is released by PUBREL, in the order of PUBREC, again until PUBCOMP, and not sent again", () => {
    const ladder = lasting(version);
    ladder.connect();
    for (const topic of ["a", "b", "c"]) ladder.publish(2, topic);
    ladder.sent();
    for (const identifier of [3, 1, 2]) ladder.reply(acknowledgement("pubrec", identifier));
    expect(ladder.sentInShort()).toEqual(["pubrel 3", "pubrel 1", "pubrel 2"]);
    ladder.reply(acknowledgement("pubcomp", 1));
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual(["pubrel 3", "pubrel 2"]);
    ladder.reply(acknowledgement("pubcomp", 3), acknowledgement("pubcomp", 2));
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual([]);
  });

  // [MQTT-3.3.2-1], [MQTT-3.3.2-2], [MQTT-4.7.0-1], [MQTT-4.7.3-1] to [MQTT-4.7.3-3]
  // [MQTT-3.3.2-1] of MQTT 3.1.1, [MQTT-3.3.2-2] of MQTT 3.1.1, [MQTT-4.7.1-1] of MQTT 3.1.1
  // [MQTT-4.7.3-1] of MQTT 3.1.1, [MQTT-4.7.3-2] of MQTT 3.1.1, [MQTT-4.7.3-3] of MQTT 3.1.1
  it.each(["", "a/#", "+", "a\0", "\udfff", "x".repeat(65_536)])("has no topic that is none: %.8j", (topic) => {
    const ladder = ladderOf(version);
    ladder.connect();
    expect(() => ladder.publish(0, topic)).toThrow();
    expect(() => ladder.publish(1, topic)).toThrow();
    expect(ladder.sent()).toEqual([]);
  });
});

describe.each(VERSIONS)("a message that comes in at protocol level %i", (version) => {
  // [MQTT-3.3.4-1], [MQTT-4.3.2-4], [MQTT-4.3.3-8], [MQTT-4.3.3-11], [MQTT-4.6.0-2], [MQTT-4.6.0-3], [MQTT-4.5.0-2]
  // [MQTT-3.3.4-1] of MQTT 3.1.1, [MQTT-4.6.0-2] of MQTT 3.1.1, [MQTT-4.6.0-3] of MQTT 3.1.1
  // [MQTT-4.5.0-2] of MQTT 3.1.1, [MQTT-2.3.1-6] of MQTT 3.1.1, [MQTT-2.2.1-5]
  it("is answered as its QoS asks, in order, also when nobody has subscribed to it", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    const [one, two, three] = [inboundPublish(1, 9), inboundPublish(1, 3), inboundPublish(1, 5)];
    ladder.reply(one, inboundPublish(2, 8), inboundPublish(0), two, inboundPublish(2, 2), three);
    ladder.reply(acknowledgement("pubrel", 2), acknowledgement("pubrel", 8));
    const sent = ladder.sentInShort();
    expect(sent.filter((short) => short.startsWith("puback"))).toEqual(["puback 9", "puback 3", "puback 5"]);
    expect(sent.filter((short) => short.startsWith("pubrec"))).toEqual(["pubrec 8", "pubrec 2"]);
    expect(sent.filter((short) => short.startsWith("pubcomp"))).toEqual(["pubcomp 2", "pubcomp 8"]);
    expect(sent).toHaveLength(7);
  });

  // [MQTT-4.3.2-5], [MQTT-4.3.2-2] of MQTT 3.1.1
  it("at QoS 1 is a new one after PUBACK, whatever identifier and DUP say", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    ladder.events();
    ladder.reply(inboundPublish(1, 5), inboundPublish(1, 5, { dup: true }));
    expect(ladder.events().map(({ type }) => type)).toEqual(["message", "message"]);
  });

  // [MQTT-4.3.3-10], [MQTT-4.3.3-12], [MQTT-4.3.3-2] of MQTT 3.1.1
  it("at QoS 2 is the same one until PUBREL, also on the next connection, and a new one after PUBCOMP", () => {
    const ladder = lasting(version);
    ladder.connect();
    ladder.events();
    ladder.reply(inboundPublish(2, 5), inboundPublish(2, 5, { dup: true }));
    expect(ladder.events().map(({ type }) => type)).toEqual(["message"]);
    ladder.reconnect({ sessionPresent: true });
    ladder.events();
    ladder.sent();
    ladder.reply(inboundPublish(2, 5, { dup: true }), acknowledgement("pubrel", 5), inboundPublish(2, 5));
    expect(ladder.sentInShort()).toEqual(["pubrec 5", "pubcomp 5", "pubrec 5"]);
    expect(ladder.events().map(({ type }) => type)).toEqual(["message"]);
  });
});

describe.each(VERSIONS)("SUBSCRIBE and UNSUBSCRIBE of protocol level %i", (version) => {
  // [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1] to [MQTT-4.7.3-3], [MQTT-3.8.3-1], [MQTT-3.10.3-1]
  // [MQTT-4.7.1-2] of MQTT 3.1.1, [MQTT-4.7.1-3] of MQTT 3.1.1, [MQTT-4.7.3-1] of MQTT 3.1.1
  // [MQTT-4.7.3-2] of MQTT 3.1.1, [MQTT-4.7.3-3] of MQTT 3.1.1, [MQTT-3.8.3-1] of MQTT 3.1.1
  // [MQTT-3.10.3-1] of MQTT 3.1.1
  it.each(["", "a#", "#/a", "a+/b", "a\0", "\ud800", "x".repeat(65_536)])(
    "have no filter that is none: %.8j",
    (filter) => {
      const ladder = ladderOf(version);
      ladder.connect();
      expect(() => ladder.subscribe("good", filter)).toThrow();
      expect(() => ladder.session.request(0, { type: "unsubscribe", topicFilters: [filter] }, "c")).toThrow();
      expect(ladder.sent()).toEqual([]);
    },
  );

  // [MQTT-3.8.3-2], [MQTT-3.10.3-2], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.8.3-3] of MQTT 3.1.1
  // [MQTT-3.10.3-2] of MQTT 3.1.1, [MQTT-3.8.1-1] of MQTT 3.1.1, [MQTT-3.10.1-1] of MQTT 3.1.1
  // [MQTT-2.2.2-1] of MQTT 3.1.1
  it("have at least one filter, and the flags of the standard", () => {
    const ladder = ladderOf(version);
    ladder.connect();
    expect(() => ladder.subscribe()).toThrow(RangeError);
    expect(() => ladder.session.request(0, { type: "unsubscribe", topicFilters: [] }, "c")).toThrow(RangeError);
    ladder.subscribe("a");
    ladder.session.request(0, { type: "unsubscribe", topicFilters: ["a"] }, "c");
    expect(ladder.session.takeTransmits().map(([first]) => first)).toEqual([0x82, 0xa2]);
  });
});

describe("a client of MQTT 5.0", () => {
  it("uses the keep alive of the server [MQTT-3.1.2-21] [MQTT-3.2.2-21]", () => {
    const ladder = new Ladder({ keepAlive: 1000 });
    ladder.connect({ properties: { serverKeepAlive: 5 } });
    ladder.advance(5_100);
    expect(ladder.sentInShort()).toEqual(["pingreq"]);
  });

  it("uses topic aliases from 1 to the server's maximum, and none where there is none", () => {
    // [MQTT-3.2.2-17], [MQTT-3.2.2-18], [MQTT-3.3.2-8], [MQTT-3.3.2-9]
    const aliasesWith = (topicAliasMaximum: number | undefined): (number | undefined)[] => {
      const ladder = new Ladder();
      ladder.connect({ properties: { topicAliasMaximum } });
      for (let i = 0; i < 30; i++) ladder.publish(0, `topic/${i % 6}`);
      return ladder.sent().map((packet) => (packet.type === "publish" ? packet.properties?.topicAlias : undefined));
    };
    for (const none of [undefined, 0]) expect(aliasesWith(none).every((alias) => alias === undefined)).toBe(true);
    const aliases = aliasesWith(3).filter((alias) => alias !== undefined);
    expect([Math.min(...aliases), Math.max(...aliases)]).toEqual([1, 3]);

    const own = new Ladder({ usesTopicAliases: false });
    own.connect({ properties: { topicAliasMaximum: 3 } });
    for (const topicAlias of [0, 4]) expect(() => own.publish(0, "a", { properties: { topicAlias } })).toThrow();
  });

  it("sends no subscription identifier with PUBLISH [MQTT-3.3.4-6]", () => {
    const ladder = new Ladder();
    ladder.connect();
    for (const qos of [0, 1] as const) {
      expect(() => ladder.publish(qos, "a", { properties: { subscriptionIdentifiers: [1] } })).toThrow(TypeError);
    }
    expect(ladder.sent()).toEqual([]);
  });

  it("keeps to the receive maximum of the server, for messages above QoS 0 alone", () => {
    // [MQTT-3.3.4-7], [MQTT-3.3.4-8], [MQTT-4.9.0-1], [MQTT-4.9.0-2], [MQTT-4.9.0-3]
    const ladder = new Ladder();
    ladder.connect({ properties: { receiveMaximum: 2 } });
    for (const topic of ["a", "b", "c"]) ladder.publish(1, topic);
    expect(ladder.sentInShort()).toEqual(["publish 1", "publish 2"]);
    ladder.publish(0, "zero");
    ladder.subscribe("d");
    ladder.reply(inboundPublish(1, 9), inboundPublish(2, 8), acknowledgement("pubrel", 8));
    ladder.advance(60_000);
    expect(ladder.sentInShort()).toEqual(["publish", "subscribe 3", "puback 9", "pubrec 8", "pubcomp 8", "pingreq"]);
    ladder.reply(acknowledgement("puback", 2));
    expect(ladder.sentInShort()).toEqual(["publish 4"]);
  });

  it("has properties that are text as text alone [MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] [MQTT-1.5.7-1]", () => {
    const ladder = new Ladder();
    ladder.connect();
    for (const properties of [
      { responseTopic: "a/+" },
      { responseTopic: "\ud800" },
      { contentType: "\0" },
      { userProperties: [["a", "\udc00"]] as const },
    ]) {
      expect(() => ladder.publish(0, "a", { properties })).toThrow();
    }
    expect(ladder.sent()).toEqual([]);
  });

  it("does not let a QoS 2 message expire that was sent [MQTT-4.3.3-7] [MQTT-4.3.3-13]", () => {
    const ladder = lasting(5, { keepAlive: 0 });
    ladder.connect();
    ladder.publish(2, "a", { properties: { messageExpiryInterval: 1 } });
    ladder.sent();
    ladder.advance(100_000);
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual(["publish 1 dup"]);
    ladder.reply(acknowledgement("pubrec", 1));
    expect(ladder.sentInShort()).toEqual(["pubrel 1"]);
    ladder.events();
    ladder.reply(inboundPublish(2, 5, { properties: { messageExpiryInterval: 1 } }));
    ladder.advance(100_000);
    ladder.reply(acknowledgement("pubrel", 5));
    expect(ladder.sentInShort()).toEqual(["pubrec 5", "pubcomp 5"]);
  });

  it.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)("does not send a QoS %i message again that was refused [MQTT-4.4.0-2]", (qos, type) => {
    const ladder = lasting(5);
    ladder.connect();
    ladder.publish(qos, "a");
    ladder.reply(acknowledgement(type, 1, 0x97));
    ladder.sent();
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual([]);
  });

  it("refuses no message, so that none comes again as a new one", () => {
    // [MQTT-4.3.3-9]: there is no PUBREC of 0x80 or above after which an identifier would be new.
    const ladder = new Ladder();
    ladder.connect();
    for (let identifier = 1; identifier <= 50; identifier++) ladder.reply(inboundPublish(2, identifier));
    const codes = ladder.sent().map((packet) => (packet.type === "pubrec" ? packet.reasonCode : Number.NaN));
    expect(codes).toEqual(Array.from({ length: 50 }, () => 0));
  });

  it("acknowledges with reason codes of the packet, and explains itself in none that could grow too large", () => {
    // [MQTT-3.4.2-1] to [MQTT-3.4.2-3], [MQTT-3.5.2-1] to [MQTT-3.5.2-3], [MQTT-3.6.2-1] to [MQTT-3.6.2-3]
    // [MQTT-3.7.2-1] to [MQTT-3.7.2-3], [MQTT-3.2.2-15]
    const ladder = new Ladder();
    ladder.connect({ properties: { maximumPacketSize: 8 } });
    ladder.reply(inboundPublish(1, 1), inboundPublish(2, 2), acknowledgement("pubrel", 2));
    ladder.reply(acknowledgement("pubrel", 3), acknowledgement("pubrec", 9));
    const sent = ladder.sent();
    expect(sent.map(inShort)).toEqual(["puback 1", "pubrec 2", "pubcomp 2", "pubcomp 3 0x92", "pubrel 9 0x92"]);
    for (const packet of sent) {
      const code = "reasonCode" in packet ? packet.reasonCode : Number.NaN;
      const known = Object.values(REASON_CODES).filter((each) => each.code === code);
      expect(known.some(({ packets }) => (packets as readonly string[]).includes(packet.type))).toBe(true);
      expect("properties" in packet && packet.properties).toBeFalsy();
    }
  });

  it("explains its DISCONNECT where the server has room for it", () => {
    // [MQTT-3.14.2-1], [MQTT-3.14.2-3], [MQTT-3.14.2-4], [MQTT-3.14.4-2]
    const properties = {
      reasonString: "x".repeat(50),
      userProperties: [["a", "b"]] as const,
      sessionExpiryInterval: 0,
    };
    for (const [maximumPacketSize, expected] of [
      [100, properties],
      [30, { sessionExpiryInterval: 0 }],
      [6, undefined],
    ] as const) {
      const ladder = new Ladder({ properties: { sessionExpiryInterval: 10 } });
      ladder.connect({ properties: { maximumPacketSize } });
      ladder.session.disconnect(0, 0x04, properties);
      const [packet] = ladder.sent();
      if (expected === undefined) expect(packet).toBeUndefined();
      else expect(packet).toEqual({ type: "disconnect", reasonCode: 0x04, properties: expected });
      expect(isClosing(ladder)).toBe(true);
    }
  });

  it("gives up on a server that takes no packet worth sending", () => {
    const ladder = new Ladder();
    ladder.connect({ properties: { maximumPacketSize: 4 } });
    expect(isClosing(ladder)).toBe(true);
    expect(() => ladder.reply(inboundPublish(1, 1))).not.toThrow();
  });

  it("closes when the server says DISCONNECT, whatever the reason [MQTT-4.13.2-1]", () => {
    for (const reasonCode of [0x80, 0x8b, 0x98]) {
      const ladder = new Ladder();
      ladder.connect();
      ladder.reply({ type: "disconnect", reasonCode });
      expect(isClosing(ladder)).toBe(true);
      expect(ladder.sent()).toEqual([]);
    }
  });

  it("answers AUTH with AUTH 0x18 of the method of CONNECT, again with 0x19, and nothing that explains it", () => {
    // [MQTT-4.12.0-3], [MQTT-4.12.0-5], [MQTT-4.12.1-1], [MQTT-3.15.2-1] to [MQTT-3.15.2-3], [MQTT-3.15.1-1]
    const authenticationMethod = "M";
    const auth = (reasonCode: number): Packet => ({ type: "auth", reasonCode, properties: { authenticationMethod } });
    const ladder = new Ladder({ properties: { authenticationMethod } });
    ladder.session.connect(0);
    ladder.reply(auth(0x18));
    ladder.session.authenticate(0, 0x18, encodeUtf8("answer"));
    ladder.reply({ type: "connack", sessionPresent: false, reasonCode: 0, properties: { authenticationMethod } });
    ladder.session.authenticate(0, 0x19, undefined);
    const bytes = ladder.session.takeTransmits();
    expect(bytes.map(([first]) => first)).toEqual([0x10, 0xf0, 0xf0]);
    expect(bytes.slice(1).map((each) => toHex(each.subarray(2)))).toEqual([
      `18 0d 15 0001 4d 16 0006 ${toHex(encodeUtf8("answer"))}`.replaceAll(" ", ""),
      "1904150001 4d".replaceAll(" ", ""),
    ]);
  });
});
