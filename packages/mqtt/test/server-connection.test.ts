import { encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import { NEVER } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { encodePacket, type Packet, type ProtocolVersion, ReasonCode } from "../src/codec/index.js";
import { ACCEPTED, connectPacket, ServerLadder } from "./server-ladder.js";

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

function publish(qos: 0 | 1 | 2, packetIdentifier?: number): Packet {
  return { type: "publish", topic: "t", payload: new Uint8Array(3), qos, retain: false, dup: false, packetIdentifier };
}

function subscribePacket(topicFilter = "a/b"): Packet {
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetIdentifier: 7, subscriptions: [subscription] };
}

describe.each(VERSIONS)("an open connection of protocol level %i", (version) => {
  test("CONNECT is the first packet, and CONNACK the first answer [MQTT-3.1.0-1] [MQTT-3.2.0-1]", () => {
    const ladder = new ServerLadder(version);
    expect(ladder.connection.isOpen).toBe(false);
    ladder.send(connectPacket(version));
    expect(ladder.connection.isOpen).toBe(true);
    expect(ladder.connection.version).toBe(version);
    expect(ladder.replies()).toMatchObject([{ type: "connack", reasonCode: 0, sessionPresent: false }]);
  });

  test("each packet of a client reaches the owner, PINGREQ is answered at once [MQTT-3.12.4-1]", () => {
    const ladder = new ServerLadder(version).connect();
    ladder.send(
      publish(0),
      publish(1, 1),
      { type: "puback", packetIdentifier: 1, reasonCode: 0 },
      { type: "pubrec", packetIdentifier: 2, reasonCode: 0 },
      { type: "pubrel", packetIdentifier: 3, reasonCode: 0 },
      { type: "pubcomp", packetIdentifier: 4, reasonCode: 0 },
      subscribePacket(),
      { type: "unsubscribe", packetIdentifier: 8, topicFilters: ["a"] },
      { type: "pingreq" },
      { type: "disconnect", reasonCode: 0 },
    );
    expect(ladder.owner.heard).toEqual([
      "publish t",
      "publish t",
      "puback 1 0",
      "pubrec 2 0",
      "pubrel 3 0",
      "pubcomp 4 0",
      "subscribe 7",
      "unsubscribe 8",
      "disconnect 0",
    ]);
    expect(ladder.replies()).toEqual([{ type: "pingresp" }]);
  });

  test("packets sent together with CONNECT are taken after CONNACK, in order [MQTT-3.1.4-5]", () => {
    const ladder = new ServerLadder(version);
    ladder.send(connectPacket(version), publish(0), { type: "pingreq" });
    expect(ladder.owner.heard).toEqual(["connect", "publish t"]);
    expect(ladder.replies()).toMatchObject([{ type: "connack" }, { type: "pingresp" }]);
  });

  test("packets sent with CONNECT wait while the owner makes up its mind", () => {
    const ladder = new ServerLadder(version);
    ladder.owner.answer = () => {};
    ladder.send(connectPacket(version), publish(0)).send({ type: "pingreq" });
    expect(ladder.owner.heard).toEqual(["connect"]);
    expect(ladder.repliedBytes()).toHaveLength(0);
    ladder.connection.accept(ACCEPTED, 0);
    ladder.connection.resume();
    expect(ladder.owner.heard).toEqual(["connect", "publish t"]);
    expect(ladder.replies()).toMatchObject([{ type: "connack" }, { type: "pingresp" }]);
  });

  test("nothing is taken from a client that was turned away [MQTT-3.1.4-6]", () => {
    const ladder = new ServerLadder(version);
    ladder.owner.answer = (connection) => connection.refuse(ReasonCode.notAuthorized, "no");
    ladder.send(connectPacket(version), publish(0)).send(publish(0));
    expect(ladder.owner.heard).toEqual(["connect", "failure 0x87"]);
    const reasonCode = version === 5 ? 0x87 : 5;
    expect(ladder.replies()).toMatchObject([{ type: "connack", sessionPresent: false, reasonCode }]);
  });

  test("a second CONNECT is a protocol error [MQTT-3.1.0-2]", () => {
    const ladder = new ServerLadder(version).connect();
    ladder.send(connectPacket(version), publish(0));
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
    expect(ladder.replies()).toMatchObject(version === 5 ? [{ type: "disconnect", reasonCode: 0x82 }] : []);
  });

  test("a second CONNECT is one whatever it says", () => {
    const ladder = new ServerLadder(version).connect();
    ladder.sendBytes(fromHex("100d00044d515454ffd6003c2a1100"));
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
    expect(ladder.replies()).toMatchObject(version === 5 ? [{ type: "disconnect", reasonCode: 0x82 }] : []);
  });

  test("nothing is read after DISCONNECT [MQTT-3.14.4-1]", () => {
    const ladder = new ServerLadder(version).connect();
    ladder.send({ type: "disconnect", reasonCode: 0 }, publish(0)).send({ type: "pingreq" });
    expect(ladder.owner.heard).toEqual(["disconnect 0"]);
    expect(ladder.repliedBytes()).toHaveLength(0);
    expect(ladder.connection.nextDeadline()).toBe(NEVER);
  });

  test.each<[string, Packet]>([
    ["CONNACK", { type: "connack", sessionPresent: false, reasonCode: 0 }],
    ["SUBACK", { type: "suback", packetIdentifier: 1, reasonCodes: [0] }],
    ["UNSUBACK", { type: "unsuback", packetIdentifier: 1, reasonCodes: [0] }],
    ["PINGRESP", { type: "pingresp" }],
  ])("%s from a client is a protocol error", (_name, packet) => {
    const ladder = new ServerLadder(version).connect().send(packet);
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
    expect(ladder.replies()).toMatchObject(version === 5 ? [{ type: "disconnect", reasonCode: 0x82 }] : []);
  });

  test("bytes after the end of a connection are ignored", () => {
    const ladder = new ServerLadder(version).connect();
    ladder.connection.close();
    ladder.send(publish(0));
    expect(ladder.owner.heard).toEqual([]);
    ladder.connection.disconnect(ReasonCode.serverShuttingDown, "too late");
    expect(ladder.owner.heard).toEqual([]);
    expect(ladder.repliedBytes()).toHaveLength(0);
  });

  test("every chunking of a conversation gives the same", () => {
    const packets = [
      connectPacket(version),
      publish(0),
      publish(2, 9),
      subscribePacket(),
      { type: "pingreq" } as const,
    ];
    const whole = new ServerLadder(version).send(...packets);
    const bytes = packets.flatMap((packet) => [...encodePacket(packet, version)]);
    for (let size = 1; size < bytes.length; size++) {
      const ladder = new ServerLadder(version);
      for (let at = 0; at < bytes.length; at += size) ladder.sendBytes(Uint8Array.from(bytes.slice(at, at + size)));
      expect(ladder.owner.heard).toEqual(whole.owner.heard);
    }
  });
});

describe("keep alive [MQTT-3.1.2-22]", () => {
  test.each([1, 10, 65_535])(
    "a keep alive of %i s ends the connection after one and a half times of it",
    (keepAlive) => {
      const ladder = new ServerLadder(5).connect({ keepAlive });
      expect(ladder.connection.nextDeadline()).toBe(keepAlive * 1500);
      ladder.advance(keepAlive * 1500 - 1);
      ladder.connection.handleTimeout(ladder.clock.now);
      expect(ladder.owner.heard).toEqual([]);
      ladder.advance(1);
      expect(ladder.owner.heard).toEqual(["failure 0x8d"]);
      expect(ladder.replies()).toMatchObject([{ type: "disconnect", reasonCode: ReasonCode.keepAliveTimeout }]);
    },
  );

  test("every packet starts it anew, whichever it is", () => {
    const ladder = new ServerLadder(5).connect({ keepAlive: 10 });
    for (const packet of [publish(0), { type: "pingreq" } as const, subscribePacket()]) {
      ladder.advance(14_999).send(packet);
    }
    expect(ladder.owner.failure).toBeUndefined();
    expect(ladder.connection.nextDeadline()).toBe(ladder.clock.now + 15_000);
  });

  test("0 turns it off", () => {
    const ladder = new ServerLadder(5).connect({ keepAlive: 0 });
    expect(ladder.connection.nextDeadline()).toBe(NEVER);
  });

  test("what the server grants counts, not what the client asked for [MQTT-3.2.2-22]", () => {
    const ladder = new ServerLadder(5);
    ladder.owner.answer = (connection) => connection.accept(ACCEPTED, 2);
    ladder.connect({ keepAlive: 100 });
    expect(ladder.connection.nextDeadline()).toBe(3000);
  });

  test("a client of an older version is cut off without a word", () => {
    const ladder = new ServerLadder(4).connect({ keepAlive: 1 }).advance(1500);
    expect(ladder.owner.heard).toEqual(["failure 0x8d"]);
    expect(ladder.repliedBytes()).toHaveLength(0);
  });
});

describe("before CONNECT", () => {
  test("a client that says nothing is cut off after the time to connect, without a word", () => {
    const ladder = new ServerLadder(5, { connectTimeoutMs: 3000 });
    ladder.advance(2999);
    expect(ladder.owner.heard).toEqual([]);
    ladder.advance(1);
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
    expect(ladder.repliedBytes()).toHaveLength(0);
  });

  test("bytes that do not come to a CONNECT do not gain time", () => {
    const ladder = new ServerLadder(5, { connectTimeoutMs: 3000 });
    const bytes = encodePacket(connectPacket(5), 5);
    for (const byte of bytes.subarray(0, 6)) ladder.advance(500).sendBytes(Uint8Array.of(byte));
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
  });

  test("a client whose CONNECT stays without an answer is told so at the time to connect", () => {
    const ladder = new ServerLadder(5, { connectTimeoutMs: 3000 });
    ladder.owner.answer = () => {};
    ladder.send(connectPacket(5)).advance(3000);
    expect(ladder.owner.heard).toEqual(["connect", "failure 0x82"]);
    expect(ladder.replies()).toMatchObject([{ type: "connack", reasonCode: 0x82 }]);
  });

  const HTTP_REQUEST = toHex(
    encodeUtf8(`GET / HTTP/1.1\r\nHost: 127.0.0.1:1883\r\nUser-Agent: ${"x".repeat(40)}\r\n\r\n`),
  );
  test.each(["3000", "c000", "e000", "20020000", "160301020001", "0000", HTTP_REQUEST])(
    "bytes that begin no CONNECT (%s) are cut off without a word [MQTT-3.1.0-1]",
    (hex) => {
      const ladder = new ServerLadder(5).sendBytes(fromHex(hex));
      expect(ladder.owner.heard).toHaveLength(1);
      expect(ladder.owner.failure?.reasonCode).toBeGreaterThanOrEqual(0x80);
      expect(ladder.repliedBytes()).toHaveLength(0);
    },
  );

  test("a CONNECT above the limit of a CONNECT is refused by its header", () => {
    const ladder = new ServerLadder(5, { maximumConnectSize: 100 }).sendBytes(fromHex("10ffffff7f"));
    expect(ladder.owner.heard).toEqual(["failure 0x95"]);
  });

  test("after CONNECT the limit is that of all packets", () => {
    const ladder = new ServerLadder(5, { maximumConnectSize: 100, maximumPacketSize: 1000 });
    const payload = new Uint8Array(900);
    ladder.send(connectPacket(5), { type: "publish", topic: "t", payload, qos: 0, retain: false, dup: false });
    expect(ladder.owner.heard).toEqual(["connect", "publish t"]);
    ladder.sendBytes(fromHex("30ffffff7f"));
    expect(ladder.owner.heard.at(-1)).toBe("failure 0x95");
    expect(ladder.replies().at(-1)).toMatchObject({ type: "disconnect", reasonCode: ReasonCode.packetTooLarge });
  });
});

describe("a CONNECT that cannot be decoded", () => {
  test.each([
    // Protocol name, level, flags, keep alive, then what is wrong.
    ["the reserved flag, MQTT 5.0", "1010 00044d515454 05 03 0000 00 0001 63", "2081"],
    ["the reserved flag, MQTT 3.1.1", "100d 00044d515454 04 03 0000 0001 63", ""],
    ["bytes behind the last field, MQTT 5.0", "100f 00044d515454 05 02 0000 00 0001 63 00", "2081"],
    ["a property twice, MQTT 5.0", "1014 00044d515454 05 02 0000 06 210001 210001 0001 63", "2082"],
    ["cut short behind the level, MQTT 5.0", "1007 00044d515454 05", "2081"],
    ["cut short behind the level, MQTT 3.1.1", "1007 00044d515454 04", ""],
    ["cut short within the name", "1004 00044d51", ""],
    ["will QoS 3, MQTT 5.0", "100d 00044d515454 05 1e 0000 00 0000", "2081"],
    ["a level that is none of ours", "100d 00044d515454 06 02 0000 0001 63", "20020001"],
    ["MQTT 3.1's level with the newer name", "100d 00044d515454 03 02 0000 0001 63", "20020001"],
    ["another protocol's name", "100d 000458585858 04 02 0000 0001 63", "20020001"],
  ])("is answered in its version: %s [MQTT-3.1.4-1]", (_name, hex, answer) => {
    const ladder = new ServerLadder(5).sendBytes(fromHex(fixLength(hex)));
    expect(ladder.owner.heard).toHaveLength(1);
    expect(ladder.owner.heard[0]).toMatch(/^failure/);
    expect(summary(ladder.repliedBytes())).toBe(answer);
  });

  /** The packet with the Remaining Length that its bytes come to. */
  function fixLength(hex: string): string {
    const bytes = fromHex(hex);
    bytes[1] = bytes.length - 2;
    return toHex(bytes);
  }

  /** The whole of a CONNACK before MQTT 5.0; of one of MQTT 5.0 the type and the reason code. */
  function summary(bytes: Uint8Array): string {
    return bytes.length > 4 ? toHex(Uint8Array.of(bytes[0] ?? 0, bytes[3] ?? 0)) : toHex(bytes);
  }
});

describe("a client that is turned away", () => {
  test.each([
    [ReasonCode.clientIdentifierNotValid, 2],
    [ReasonCode.badUserNameOrPassword, 4],
    [ReasonCode.notAuthorized, 5],
    [ReasonCode.badAuthenticationMethod, 5],
    [ReasonCode.serverBusy, 3],
    [ReasonCode.topicNameInvalid, undefined],
    [ReasonCode.serverShuttingDown, undefined],
  ])(
    "for 0x%s hears the return code of MQTT 3.1.1, or nothing [MQTT-3.2.2-6] of MQTT 3.1.1",
    (reasonCode, returnCode) => {
      const ladder = new ServerLadder(4);
      ladder.owner.answer = (connection) => connection.refuse(reasonCode, "no");
      ladder.send(connectPacket(4));
      expect(ladder.replies()).toEqual(
        returnCode === undefined
          ? []
          : [{ type: "connack", sessionPresent: false, reasonCode: returnCode, properties: undefined }],
      );
      expect(ladder.owner.failure?.reasonCode).toBe(reasonCode);
    },
  );

  test.each([
    [ReasonCode.notAuthorized, ReasonCode.notAuthorized],
    [ReasonCode.serverShuttingDown, ReasonCode.serverUnavailable],
    [ReasonCode.keepAliveTimeout, ReasonCode.unspecifiedError],
  ])("for 0x%s hears a reason code that CONNACK may carry", (reasonCode, said) => {
    const ladder = new ServerLadder(5);
    ladder.owner.answer = (connection) => connection.disconnect(reasonCode, "no");
    ladder.send(connectPacket(5));
    expect(ladder.replies()).toMatchObject([{ type: "connack", reasonCode: said }]);
  });
});

test("DISCONNECT says what it may for a reason that is a word of CONNACK alone", () => {
  const ladder = new ServerLadder(5).connect();
  ladder.connection.disconnect(ReasonCode.clientIdentifierNotValid, "no");
  expect(ladder.replies()).toMatchObject([{ type: "disconnect", reasonCode: ReasonCode.unspecifiedError }]);
});

describe("explanations", () => {
  test("a reason string goes with DISCONNECT, cut to a length that fits, never within a character", () => {
    const ladder = new ServerLadder(5).connect();
    ladder.connection.disconnect(ReasonCode.protocolError, "a" + "\u{1f600}".repeat(40_000));
    const [disconnect] = ladder.replies();
    expect(disconnect).toMatchObject({ type: "disconnect", reasonCode: 0x82 });
    const text = disconnect?.type === "disconnect" ? disconnect.properties?.reasonString : undefined;
    expect(text?.length).toBe(512);
    expect(text?.startsWith("a\u{1f600}")).toBe(true);
  });

  test("what a client sent, however long, can be quoted to it", () => {
    const ladder = new ServerLadder(5).connect();
    ladder.owner.handlePublish = (frame) => void frame.topic();
    const topic = new Uint8Array(65_535).fill(0x23);
    const frame = Uint8Array.of(0x30, 0x82, 0x80, 0x04, 0xff, 0xff, ...topic, 0);
    ladder.sendBytes(frame);
    expect(ladder.replies()).toMatchObject([{ type: "disconnect", reasonCode: ReasonCode.topicNameInvalid }]);
  });

  test("are left out where they exceed the client's maximum packet size [MQTT-3.14.2-3]", () => {
    const ladder = new ServerLadder(5).connect({ properties: { maximumPacketSize: 20 } });
    ladder.connection.disconnect(ReasonCode.protocolError, "x".repeat(100));
    expect(ladder.replies()).toEqual([{ type: "disconnect", reasonCode: 0x82, properties: undefined }]);
  });

  test("go only with CONNACK and DISCONNECT when the client wants no problem information [MQTT-3.1.2-29]", () => {
    const properties = { reasonString: "why" };
    const suback = { type: "suback", packetIdentifier: 1, reasonCodes: [0x87], properties } as const;
    const wanted = new ServerLadder(5).connect();
    wanted.connection.send(suback);
    expect(wanted.replies()).toMatchObject([{ type: "suback", properties }]);

    const unwanted = new ServerLadder(5).connect({ properties: { requestProblemInformation: false } });
    unwanted.connection.send(suback);
    unwanted.connection.disconnect(ReasonCode.protocolError, "why");
    expect(unwanted.replies()).toMatchObject([{ type: "suback", properties: undefined }, { properties }]);
  });

  test("a packet that does not fit even so is not sent [MQTT-3.1.2-24]", () => {
    const ladder = new ServerLadder(5).connect({ properties: { maximumPacketSize: 10 } });
    ladder.connection.send({ type: "suback", packetIdentifier: 1, reasonCodes: Array.from({ length: 20 }, () => 0) });
    expect(ladder.repliedBytes()).toHaveLength(0);
  });
});

describe("the older versions", () => {
  test("SUBACK has one word for all failures (3.9.3 of MQTT 3.1.1)", () => {
    const ladder = new ServerLadder(4).connect();
    ladder.connection.send({ type: "suback", packetIdentifier: 1, reasonCodes: [0, 2, 0x8f, 0x87, 1] });
    expect(ladder.replies()).toMatchObject([{ type: "suback", reasonCodes: [0, 2, 0x80, 0x80, 1] }]);
  });

  test("AUTH does not exist", () => {
    const ladder = new ServerLadder(4).connect().sendBytes(fromHex("f000"));
    expect(ladder.owner.heard).toEqual(["failure 0x81"]);
    expect(ladder.repliedBytes()).toHaveLength(0);
  });

  test("a PUBREL of MQTT 3.1 that is sent again has DUP set, and is taken", () => {
    const ladder = new ServerLadder(3).connect().sendBytes(fromHex("6a020001"));
    expect(ladder.owner.heard).toEqual(["pubrel 1 0"]);
  });

  test.each(["6a020001", "60020001", "42020001", "52020001", "72020001"])(
    "flags that MQTT 3.1.1 and 5.0 fix are checked: %s [MQTT-2.1.3-1]",
    (hex) => {
      for (const version of [4, 5] as const) {
        const ladder = new ServerLadder(version).connect().sendBytes(fromHex(hex));
        expect(ladder.owner.heard).toEqual(["failure 0x81"]);
      }
    },
  );
});

describe("a SUBSCRIBE or UNSUBSCRIBE", () => {
  const topicFilters = Array.from({ length: 20 }, () => "a/b");
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const subscriptions = topicFilters.map((topicFilter) => ({ topicFilter, ...options }));

  test.each<[Packet, string]>([
    [{ type: "subscribe", packetIdentifier: 1, subscriptions }, "subscribe 1"],
    [{ type: "unsubscribe", packetIdentifier: 2, topicFilters }, "unsubscribe 2"],
  ])("is taken up to its own limit", (packet, heard) => {
    const size = encodePacket(packet, 5).length;
    const ladder = new ServerLadder(5, { maximumSubscribeSize: size }).connect().send(packet);
    expect(ladder.owner.heard).toEqual([heard]);
    const limited = new ServerLadder(5, { maximumSubscribeSize: size - 1 }).connect().send(packet);
    expect(limited.replies()).toMatchObject([{ type: "disconnect", reasonCode: ReasonCode.quotaExceeded }]);
  });
});

describe("MQTT 5.0", () => {
  test("AUTH reaches the owner", () => {
    const ladder = new ServerLadder(5).connect();
    ladder.send({ type: "auth", reasonCode: 0x19, properties: { authenticationMethod: "m" } });
    expect(ladder.owner.heard).toEqual(["auth 25"]);
  });

  test("DISCONNECT cannot keep a session that was to end with its connection (3.14.2.2.2)", () => {
    const ladder = new ServerLadder(5).connect();
    ladder.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
    expect(ladder.owner.heard).toEqual(["failure 0x82"]);
    expect(ladder.replies()).toMatchObject([{ type: "disconnect", reasonCode: 0x82 }]);
  });

  test.each([
    [0, 0],
    [10, 0],
    [10, 20],
  ])("DISCONNECT may change the session expiry interval from %i to %i", (before, after) => {
    const ladder = new ServerLadder(5).connect({ properties: { sessionExpiryInterval: before } });
    ladder.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: after } });
    expect(ladder.owner.heard).toEqual(["disconnect 0"]);
  });

  test("a client that sets no maximum packet size takes all that MQTT can express", () => {
    expect(new ServerLadder(5).connect().connection.clientMaximumPacketSize).toBe(268_435_460);
    const properties = { maximumPacketSize: 1234 };
    expect(new ServerLadder(5).connect({ properties }).connection.clientMaximumPacketSize).toBe(1234);
  });

  test("an error of the owner's that is no protocol error is not hidden", () => {
    const ladder = new ServerLadder(5).connect();
    ladder.owner.handlePublish = () => {
      throw new TypeError("ours");
    };
    expect(() => ladder.send(publish(0))).toThrow("ours");
  });
});
