import { describe, expect, it } from "vitest";
import { encodePacket, MAX_PACKET_SIZE, type Packet } from "../src/codec/index.js";
import { acknowledgement, inboundPublish, Ladder } from "./session-client-ladder.js";

const completed = (context: string) => expect.objectContaining({ type: "completed", context });
const failed = (context: string, name: string) =>
  expect.objectContaining({ type: "failed", context, error: expect.objectContaining({ name }) });
const closed = (error: object, isAbrupt = false) => ({
  type: "close",
  error: expect.objectContaining(error),
  isAbrupt,
});

describe("CONNECT and CONNACK", () => {
  it("carry what the options say [MQTT-3.1.0-1]", () => {
    const will = { topic: "w", payload: new Uint8Array([1]), qos: 1, retain: true, properties: undefined } as const;
    const ladder = new Ladder({
      clientId: "device",
      keepAlive: 30,
      username: "u",
      password: new Uint8Array([9]),
      will,
      properties: { sessionExpiryInterval: 5, receiveMaximum: 3 },
    });
    expect(ladder.connect()).toMatchObject({
      type: "connect",
      protocolVersion: 5,
      clientId: "device",
      cleanStart: true,
      keepAlive: 30,
      username: "u",
      password: new Uint8Array([9]),
      will,
      properties: { sessionExpiryInterval: 5, receiveMaximum: 3 },
    });
    expect(ladder.events()).toMatchObject([{ type: "connected", isSessionPresent: false }]);
    expect(ladder.session.isOpen).toBe(true);
  });

  it.each([
    [5, 0x87, "the server refused the connection: not authorized (0x87)"],
    [4, 5, "the server refused the connection: not authorized (0x05)"],
    [3, 2, "the server refused the connection: identifier rejected (0x02)"],
  ] as const)("of version %i with reason code %i close with a typed error", (protocolVersion, reasonCode, message) => {
    const ladder = new Ladder({ protocolVersion });
    ladder.connect({ reasonCode });
    expect(ladder.events()).toEqual([closed({ name: "ConnectionRefusedError", reasonCode, message })]);
    expect(ladder.session.isOpen).toBe(false);
  });

  it("tell the server's reason string in the error", () => {
    const ladder = new Ladder();
    ladder.connect({ reasonCode: 0x89, properties: { reasonString: "come back on Monday" } });
    expect(ladder.events()).toEqual([closed({ message: expect.stringMatching(/come back on Monday$/) })]);
  });

  it("keep the identifier that the server assigns for the next connection [MQTT-3.2.2-16]", () => {
    const ladder = new Ladder({ clientId: "" });
    ladder.connect({ properties: { assignedClientIdentifier: "auto-7" } });
    expect(ladder.session.clientId).toBe("auto-7");
    expect(ladder.reconnect()).toMatchObject({ clientId: "auto-7" });
  });

  it("close when CONNACK does not come in time", () => {
    const ladder = new Ladder({ connackTimeoutMs: 1_000 });
    ladder.session.connect(0);
    ladder.advance(999);
    expect(ladder.events()).toEqual([]);
    ladder.advance(1);
    expect(ladder.events()).toEqual([closed({ name: "TimeoutError" }, true)]);
  });

  it.each<[string, Packet]>([
    ["something else before CONNACK [MQTT-3.2.0-1]", { type: "pingresp" }],
    ["session present after a clean start [MQTT-3.2.2-4]", { type: "connack", sessionPresent: true, reasonCode: 0 }],
  ])("close on %s", (_, packet) => {
    const ladder = new Ladder();
    ladder.session.connect(0);
    ladder.sent();
    ladder.reply(packet);
    expect(ladder.events()).toEqual([closed({ name: "MqttProtocolError", reasonCode: 0x82 })]);
    expect(ladder.sent()).toEqual([]);
  });

  it("ask for a clean start once when the session outlives the connection, else each time", () => {
    const persistent = new Ladder({ properties: { sessionExpiryInterval: 60 } });
    expect(persistent.connect()).toMatchObject({ cleanStart: true });
    expect(persistent.reconnect()).toMatchObject({ cleanStart: false });
    const shortened = new Ladder({ properties: { sessionExpiryInterval: 60 } });
    shortened.connect({ properties: { sessionExpiryInterval: 0 } });
    expect(shortened.reconnect()).toMatchObject({ cleanStart: true });
    const fleeting = new Ladder();
    fleeting.connect();
    expect(fleeting.reconnect()).toMatchObject({ cleanStart: true });
    const old = new Ladder({ protocolVersion: 4, cleanStart: false });
    expect(old.connect()).toMatchObject({ cleanStart: false });
    expect(old.reconnect()).toMatchObject({ cleanStart: false });
  });

  it("survive any chunking", () => {
    const ladder = new Ladder();
    ladder.session.connect(0);
    ladder.sent();
    const connack = encodePacket({ type: "connack", sessionPresent: false, reasonCode: 0 }, 5);
    for (const byte of connack) ladder.session.receiveBytes(0, Uint8Array.of(byte));
    expect(ladder.session.isOpen).toBe(true);
  });
});

describe("keep alive", () => {
  it("pings when nothing was sent for the interval, and only then [MQTT-3.1.2-20]", () => {
    const ladder = new Ladder({ keepAlive: 10 });
    ladder.connect();
    ladder.advance(9_999);
    expect(ladder.sent()).toEqual([]);
    ladder.advance(1);
    expect(ladder.sentInShort()).toEqual(["pingreq"]);
    ladder.reply({ type: "pingresp" });
    ladder.advance(5_000);
    ladder.publish(0, "a");
    ladder.reply({ type: "pingresp" });
    ladder.advance(9_999);
    expect(ladder.sentInShort()).toEqual(["publish"]);
    ladder.advance(1);
    expect(ladder.sentInShort()).toEqual(["pingreq"]);
  });

  it("uses the server's interval in place of its own [MQTT-3.1.2-21]", () => {
    const ladder = new Ladder({ keepAlive: 10 });
    ladder.connect({ properties: { serverKeepAlive: 2 } });
    ladder.advance(2_000);
    expect(ladder.sentInShort()).toEqual(["pingreq"]);
  });

  it("is off with an interval of 0", () => {
    const ladder = new Ladder({ keepAlive: 0 });
    ladder.connect();
    expect(ladder.session.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("gives the connection up when PINGRESP does not come", () => {
    const ladder = new Ladder({ keepAlive: 10, pingTimeoutMs: 3_000 });
    ladder.connect();
    ladder.events();
    ladder.advance(12_999);
    expect(ladder.events()).toEqual([]);
    ladder.advance(1);
    expect(ladder.events()).toEqual([closed({ name: "TimeoutError" }, true)]);
  });

  it("notices a dead server also while it keeps publishing", () => {
    const ladder = new Ladder({ keepAlive: 10, pingTimeoutMs: 3_000 });
    ladder.connect();
    ladder.events();
    for (let second = 0; second < 14; second++) {
      ladder.publish(0, "a");
      ladder.advance(1_000);
    }
    expect(ladder.events()).toEqual([closed({ name: "TimeoutError" }, true)]);
  });

  it("blames nobody while the application does not read", () => {
    const ladder = new Ladder({ keepAlive: 10, pingTimeoutMs: 3_000 });
    ladder.connect();
    ladder.events();
    ladder.session.setDeaf(ladder.clock.now, true);
    ladder.advance(60_000);
    expect(ladder.events()).toEqual([]);
    expect(ladder.sentInShort()).toEqual(Array.from({ length: 6 }, () => "pingreq"));
    ladder.session.setDeaf(ladder.clock.now, false);
    ladder.advance(12_999);
    expect(ladder.events()).toEqual([]);
    ladder.advance(1);
    expect(ladder.events()).toEqual([closed({ name: "TimeoutError" }, true)]);
  });
});

describe("publishing", () => {
  it("at QoS 0 is one packet and no event (figure 4.1)", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.publish(0, "a");
    expect(ladder.sentInShort()).toEqual(["publish"]);
    expect(ladder.events()).toEqual([]);
  });

  it("at QoS 1 ends with PUBACK (figure 4.2)", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.publish(1, "a");
    expect(ladder.sentInShort()).toEqual(["publish 1"]);
    ladder.reply(acknowledgement("puback", 1, 0x10));
    expect(ladder.events()).toMatchObject([{ type: "completed", context: "a", packet: { reasonCode: 0x10 } }]);
    expect(ladder.session.pendingCount).toBe(0);
  });

  it("at QoS 2 ends with PUBCOMP (figure 4.3)", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.publish(2, "a");
    ladder.reply(acknowledgement("pubrec", 1));
    expect(ladder.sentInShort()).toEqual(["publish 1", "pubrel 1"]);
    expect(ladder.events()).toEqual([]);
    ladder.reply(acknowledgement("pubcomp", 1));
    expect(ladder.events()).toEqual([completed("a")]);
  });

  it("at QoS 2 ends with a PUBREC that refuses [MQTT-4.3.3-4]", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.publish(2, "a");
    ladder.reply(acknowledgement("pubrec", 1, 0x87));
    expect(ladder.sentInShort()).toEqual(["publish 1"]);
    expect(ladder.events()).toMatchObject([{ type: "completed", packet: { type: "pubrec", reasonCode: 0x87 } }]);
  });

  it("answers a PUBREC that it does not know with packet identifier not found (4.3.3)", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.reply(acknowledgement("pubrec", 9));
    expect(ladder.sentInShort()).toEqual(["pubrel 9 0x92"]);
  });

  it("keeps to the receive maximum, in order [MQTT-3.3.4-7]", () => {
    const ladder = new Ladder();
    ladder.connect({ properties: { receiveMaximum: 2 } });
    for (const topic of ["a", "b", "c", "d"]) ladder.publish(1, topic);
    ladder.publish(0, "e");
    expect(ladder.sentInShort()).toEqual(["publish 1", "publish 2", "publish"]);
    ladder.reply(acknowledgement("puback", 2));
    expect(ladder.sent()).toMatchObject([{ topic: "c", packetIdentifier: 3 }]);
    ladder.reply(acknowledgement("puback", 1), acknowledgement("puback", 3));
    expect(ladder.sent()).toMatchObject([{ topic: "d" }]);
  });

  it("keeps to 20 messages before MQTT 5.0, where the server cannot say how many it takes", () => {
    const ladder = new Ladder({ protocolVersion: 4 });
    ladder.connect();
    for (let i = 0; i < 25; i++) ladder.publish(2, String(i));
    expect(ladder.sent()).toHaveLength(20);
  });

  it("waits for a connection, QoS 0 too, and goes out in order", () => {
    const ladder = new Ladder();
    for (const [qos, topic] of [
      [1, "a"],
      [0, "b"],
      [2, "c"],
      [0, "d"],
      [1, "e"],
    ] as const)
      ladder.publish(qos, topic);
    ladder.connect({ properties: { receiveMaximum: 2 } });
    expect(ladder.sent()).toMatchObject([{ topic: "b" }, { topic: "d" }, { topic: "a" }, { topic: "c" }]);
    expect(ladder.events()).toMatchObject([{ type: "connected" }, completed("b"), completed("d")]);
    ladder.reply(acknowledgement("puback", 1));
    expect(ladder.sent()).toMatchObject([{ topic: "e" }]);
  });

  it("refuses what the queue has no room for", () => {
    const ladder = new Ladder({ queueLimitBytes: 2_400 });
    const payload = new Uint8Array(1_000);
    ladder.publish(1, "a", { payload });
    ladder.publish(1, "b", { payload });
    expect(() => ladder.publish(1, "c", { payload })).toThrow(expect.objectContaining({ name: "QueueFullError" }));
    ladder.connect();
    expect(ladder.sentInShort()).toEqual(["publish 1", "publish 2"]);
    ladder.session.handleClose(0);
    ladder.publish(1, "d", { payload });
  });

  it("takes back what was not sent yet, and nothing else", () => {
    const ladder = new Ladder();
    const message = { payload: new Uint8Array(1), qos: 1, retain: false, properties: undefined } as const;
    const waiting = ladder.session.publish(0, { ...message, topic: "a" }, "a");
    const kept = ladder.session.publish(0, { ...message, topic: "b" }, "b");
    if (!waiting || !kept) throw new Error("both wait");
    expect(ladder.session.cancel(waiting)).toBe(true);
    expect(ladder.session.cancel(waiting)).toBe(false);
    ladder.connect();
    expect(ladder.sent()).toMatchObject([{ topic: "b" }]);
    expect(ladder.session.cancel(kept)).toBe(false);
  });

  it("lets a queued message expire, and takes its waiting time off the interval", () => {
    const ladder = new Ladder();
    ladder.publish(1, "short", { properties: { messageExpiryInterval: 5 } });
    ladder.publish(1, "long", { properties: { messageExpiryInterval: 60 } });
    ladder.advance(10_400);
    ladder.connect();
    expect(ladder.sent()).toMatchObject([{ topic: "long", properties: { messageExpiryInterval: 50 } }]);
    expect(ladder.events()).toMatchObject([{ type: "connected" }, failed("short", "MessageExpiredError")]);
  });

  it.each([
    ["a QoS above the maximum [MQTT-3.2.2-11]", { maximumQoS: 1 }, 2, {}, 0x9b],
    ["a retained message where there are none [MQTT-3.2.2-14]", { retainAvailable: false }, 0, { retain: true }, 0x9a],
    [
      "a packet above the maximum size [MQTT-3.2.2-15]",
      { maximumPacketSize: 50 },
      1,
      { payload: new Uint8Array(50) },
      0x95,
    ],
  ] as const)("refuses %s, at once or when it comes out of the queue", (_, properties, qos, rest, reasonCode) => {
    const online = new Ladder();
    online.connect({ properties });
    expect(() => online.publish(qos, "a", rest)).toThrow(expect.objectContaining({ name: "RefusedError", reasonCode }));
    expect(online.session.pendingCount).toBe(0);
    const offline = new Ladder();
    offline.publish(qos, "a", rest);
    offline.publish(1, "b");
    offline.connect({ properties });
    expect(offline.sent()).toMatchObject([{ topic: "b" }]);
    expect(offline.events()).toMatchObject([{ type: "connected" }, { context: "a", error: { reasonCode } }]);
  });

  it.each([
    ["a topic with a wildcard", { topic: "a/+" }],
    ["an empty topic", { topic: "" }],
    ["a property of another packet", { properties: { serverKeepAlive: 1 } }],
    ["a topic alias of its own", { properties: { topicAlias: 1 } }],
  ])("throws for %s while the caller is still there", (_, rest) => {
    const ladder = new Ladder();
    expect(() => ladder.publish(1, "a", rest)).toThrow();
    ladder.connect({ properties: { topicAliasMaximum: 5 } });
    expect(() => ladder.publish(1, "a", rest)).toThrow();
    expect(ladder.session.pendingCount).toBe(0);
    expect(ladder.sent()).toEqual([]);
  });
});

describe("after a reconnection", () => {
  const resuming = (): Ladder => {
    const ladder = new Ladder({ properties: { sessionExpiryInterval: 60 } });
    ladder.connect();
    return ladder;
  };

  it("what is unacknowledged is sent again with DUP and its identifier, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]", () => {
    const ladder = resuming();
    for (const [qos, topic] of [
      [1, "a"],
      [2, "b"],
      [2, "c"],
      [0, "d"],
      [1, "e"],
    ] as const)
      ladder.publish(qos, topic);
    ladder.reply(acknowledgement("pubrec", 2));
    ladder.sent();
    ladder.reconnect({ sessionPresent: true });
    expect(ladder.sentInShort()).toEqual(["publish 1 dup", "publish 3 dup", "publish 4 dup", "pubrel 2"]);
  });

  it("nothing is sent again without a new connection", () => {
    const ladder = resuming();
    ladder.publish(1, "a");
    ladder.sent();
    ladder.advance(50_000);
    expect(ladder.sent()).toEqual([]);
  });

  it("a lost session republishes QoS 1 as new and fails QoS 2 [MQTT-3.2.2-5]", () => {
    const ladder = resuming();
    ladder.publish(1, "a");
    ladder.publish(2, "b");
    ladder.publish(1, "c");
    ladder.reply(acknowledgement("puback", 1));
    ladder.session.handleClose(0);
    ladder.publish(1, "d");
    ladder.sent();
    ladder.events();
    ladder.connect({ sessionPresent: false });
    expect(ladder.sent()).toMatchObject([{ topic: "c", dup: false }, { topic: "d" }]);
    expect(ladder.events()).toMatchObject([
      { type: "connected", isSessionPresent: false },
      failed("b", "SessionLostError"),
    ]);
  });

  it("MQTT 3.1, which has no session present flag, is taken at its word", () => {
    const ladder = new Ladder({ protocolVersion: 3, cleanStart: false });
    ladder.connect();
    ladder.publish(2, "a");
    ladder.sent();
    ladder.reconnect();
    expect(ladder.sentInShort()).toEqual(["publish 1 dup"]);
  });

  it("an open SUBSCRIBE is sent as a new packet", () => {
    const ladder = resuming();
    ladder.publish(1, "keeps identifier 1");
    ladder.subscribe("a/#");
    ladder.session.handleClose(0);
    ladder.subscribe("b/#");
    ladder.sent();
    ladder.connect({ sessionPresent: true });
    expect(ladder.sent()).toMatchObject([
      { type: "publish", packetIdentifier: 1 },
      { type: "subscribe", subscriptions: [{ topicFilter: "a/#" }] },
      { type: "subscribe", subscriptions: [{ topicFilter: "b/#" }] },
    ]);
  });

  it("topic aliases start anew [MQTT-3.3.2-7]", () => {
    const ladder = new Ladder({ properties: { sessionExpiryInterval: 60, topicAliasMaximum: 5 } });
    ladder.connect({ properties: { topicAliasMaximum: 1 } });
    ladder.publish(0, "topic/a");
    ladder.publish(1, "topic/a");
    ladder.publish(1, "topic/b");
    expect(ladder.sent()).toMatchObject([
      { topic: "topic/a", properties: { topicAlias: 1 } },
      { topic: "", properties: { topicAlias: 1 } },
      { topic: "topic/b", properties: undefined },
    ]);
    ladder.reconnect({ sessionPresent: true, properties: { topicAliasMaximum: 1 } });
    expect(ladder.sent()).toMatchObject([
      { topic: "topic/a", dup: true, properties: { topicAlias: 1 } },
      { topic: "topic/b", dup: true },
    ]);
  });

  it("what was abandoned has failed, once", () => {
    const ladder = resuming();
    ladder.publish(2, "a");
    ladder.subscribe("b");
    ladder.session.handleClose(0);
    ladder.publish(0, "c");
    ladder.publish(1, "d");
    ladder.events();
    ladder.session.abandon(new Error("enough"));
    ladder.session.abandon(new Error("enough"));
    const contexts = ladder.events().map((event) => event.type === "failed" && event.context);
    expect(contexts.toSorted((a, b) => (String(a) < String(b) ? -1 : 1))).toEqual(["a", "b", "c", "d"]);
    expect(ladder.session.pendingCount).toBe(0);
  });
});

describe("receiving", () => {
  const messages = (ladder: Ladder): string[] =>
    ladder.events().flatMap((event) => (event.type === "message" ? [event.packet.topic] : []));

  it.each([
    [0, undefined, []],
    [1, 7, ["puback 7"]],
    [2, 7, ["pubrec 7"]],
  ] as const)("a QoS %i message passes it on and answers", (qos, packetIdentifier, answer) => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.reply(inboundPublish(qos, packetIdentifier));
    expect(messages(ladder)).toEqual(["t"]);
    expect(ladder.sentInShort()).toEqual(answer);
  });

  it("a QoS 2 message again before PUBREL, also on the next connection, passes it on once [MQTT-4.3.3-10]", () => {
    const ladder = new Ladder({ properties: { sessionExpiryInterval: 60 } });
    ladder.connect();
    ladder.reply(inboundPublish(2, 7));
    ladder.reconnect({ sessionPresent: true });
    ladder.reply(inboundPublish(2, 7, { dup: true }), acknowledgement("pubrel", 7), acknowledgement("pubrel", 7));
    expect(ladder.sentInShort()).toEqual(["pubrec 7", "pubcomp 7", "pubcomp 7 0x92"]);
    expect(messages(ladder)).toEqual(["t"]);
    ladder.reply(inboundPublish(2, 7));
    expect(messages(ladder)).toEqual(["t"]);
  });

  it("a QoS 2 message of a new session passes it on though the identifier was open", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.reply(inboundPublish(2, 7));
    ladder.reconnect();
    ladder.reply(inboundPublish(2, 7));
    expect(messages(ladder)).toEqual(["t", "t"]);
  });

  it("topic aliases up to the maximum resolves them [MQTT-3.3.2-10]", () => {
    const ladder = new Ladder({ properties: { topicAliasMaximum: 2 } });
    ladder.connect();
    ladder.reply(inboundPublish(0, undefined, { topic: "a", properties: { topicAlias: 2 } }));
    ladder.reply(inboundPublish(0, undefined, { topic: "", properties: { topicAlias: 2 } }));
    ladder.reply(inboundPublish(0, undefined, { topic: "b", properties: { topicAlias: 2 } }));
    ladder.reply(inboundPublish(0, undefined, { topic: "", properties: { topicAlias: 2 } }));
    expect(messages(ladder)).toEqual(["a", "a", "b", "b"]);
  });

  it.each<[string, number, Packet[]]>([
    ["a topic alias above the maximum", 0x94, [inboundPublish(0, undefined, { properties: { topicAlias: 3 } })]],
    ["a topic alias never set", 0x82, [inboundPublish(0, undefined, { topic: "", properties: { topicAlias: 1 } })]],
    ["more than the receive maximum [MQTT-3.3.4-9]", 0x93, [1, 2, 3].map((id) => inboundPublish(2, id))],
    ["a second CONNACK", 0x82, [{ type: "connack", sessionPresent: false, reasonCode: 0 }]],
    ["a packet of clients", 0x82, [{ type: "pingreq" }]],
    ["SUBACK for nothing", 0x82, [{ type: "suback", packetIdentifier: 1, reasonCodes: [0] }]],
    ["AUTH without a method", 0x82, [{ type: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } }]],
  ])("%s ends in DISCONNECT with the reason code (4.13)", (_, reasonCode, packets) => {
    const ladder = new Ladder({ properties: { topicAliasMaximum: 2, receiveMaximum: 2 } });
    ladder.connect();
    ladder.sent();
    ladder.events();
    ladder.reply(...packets, inboundPublish(0));
    expect(ladder.sent().at(-1)).toMatchObject({ type: "disconnect", reasonCode });
    const events = ladder.events();
    expect(events.at(-1)).toEqual(closed({ name: "MqttProtocolError", reasonCode }));
    expect(events.filter(({ type }) => type === "close")).toHaveLength(1);
    expect(ladder.session.isOpen).toBe(false);
  });

  it("garbage closes the connection, before MQTT 5.0 without a word", () => {
    const ladder = new Ladder({ protocolVersion: 4 });
    ladder.connect();
    ladder.sent();
    ladder.events();
    ladder.session.receiveBytes(0, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    expect(ladder.sent()).toEqual([]);
    expect(ladder.events()).toEqual([closed({ name: "MqttProtocolError", reasonCode: 0x81 })]);
  });

  it("a packet above its own maximum packet size ends in DISCONNECT 0x95", () => {
    const ladder = new Ladder({ properties: { maximumPacketSize: 20 } });
    ladder.connect();
    ladder.sent();
    ladder.reply(inboundPublish(0, undefined, { payload: new Uint8Array(20) }));
    expect(ladder.sentInShort()).toEqual(["disconnect 0x95"]);
    expect(() => new Ladder({ properties: { maximumPacketSize: 0xffff_ffff } }).connect()).not.toThrow();
    expect(MAX_PACKET_SIZE).toBeLessThan(0xffff_ffff);
  });

  it("the server's DISCONNECT closes with its reason", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.reply({ type: "disconnect", reasonCode: 0x8b });
    expect(ladder.events()).toEqual([closed({ name: "ServerDisconnectError", reasonCode: 0x8b })]);
  });
});

describe("SUBSCRIBE and UNSUBSCRIBE", () => {
  it("settle with their answers, which may come in any order", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.subscribe("a", "b");
    ladder.session.request(0, { type: "unsubscribe", topicFilters: ["c"] }, "c");
    expect(ladder.sentInShort()).toEqual(["subscribe 1", "unsubscribe 2"]);
    ladder.reply({ type: "unsuback", packetIdentifier: 2, reasonCodes: [0x11] });
    ladder.reply({ type: "suback", packetIdentifier: 1, reasonCodes: [1, 0x87] });
    expect(ladder.events()).toMatchObject([
      { type: "completed", context: "c", packet: { reasonCodes: [0x11] } },
      { type: "completed", context: "a,b", packet: { reasonCodes: [1, 0x87] } },
    ]);
  });

  it.each<[string, Packet]>([
    ["too few reason codes [MQTT-3.8.4-6]", { type: "suback", packetIdentifier: 1, reasonCodes: [1] }],
    ["the wrong type", { type: "unsuback", packetIdentifier: 1, reasonCodes: [0, 0] }],
  ])("close on an answer with %s", (_, answer) => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.subscribe("a", "b");
    ladder.reply(answer);
    expect(ladder.events()).toEqual([closed({ reasonCode: 0x82 })]);
  });

  it("know that UNSUBACK has no reason codes before MQTT 5.0", () => {
    const ladder = new Ladder({ protocolVersion: 4 });
    ladder.connect();
    ladder.events();
    ladder.session.request(0, { type: "unsubscribe", topicFilters: ["c"] }, "c");
    ladder.reply({ type: "unsuback", packetIdentifier: 1, reasonCodes: [] });
    expect(ladder.events()).toEqual([completed("c")]);
  });

  it("throw for a filter that is none, connected or not", () => {
    const ladder = new Ladder();
    expect(() => ladder.subscribe("a/#/b")).toThrow(/"#"/);
    ladder.connect();
    expect(() => ladder.subscribe("a/#/b")).toThrow(/"#"/);
    expect(ladder.session.pendingCount).toBe(0);
  });

  it("leave the subscription identifier out where the server does not support it (3.2.2.3.12)", () => {
    const ladder = new Ladder();
    const subscriptions = [
      { topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ] as const;
    const request = { type: "subscribe", subscriptions, properties: { subscriptionIdentifiers: [7] } } as const;
    ladder.session.request(0, request, "a");
    ladder.connect({ properties: { subscriptionIdentifiersAvailable: false } });
    expect(ladder.sent()).toMatchObject([{ type: "subscribe", properties: undefined }]);
    ladder.reconnect();
    expect(ladder.sent()).toMatchObject([{ type: "subscribe", properties: { subscriptionIdentifiers: [7] } }]);
  });

  it("can be taken back while they wait", () => {
    const ladder = new Ladder();
    const pending = ladder.session.request(0, { type: "unsubscribe", topicFilters: ["c"] }, "c");
    expect(ladder.session.cancel(pending)).toBe(true);
    expect(ladder.session.cancel(pending)).toBe(false);
    ladder.connect();
    expect(ladder.sent()).toEqual([]);
  });
});

describe("enhanced authentication (4.12)", () => {
  const properties = { authenticationMethod: "SCRAM", authenticationData: new Uint8Array([1]) };

  it("goes back and forth before CONNACK", () => {
    const ladder = new Ladder({ properties });
    ladder.session.connect(0);
    expect(ladder.sent()).toMatchObject([{ type: "connect", properties }]);
    const challenge = { authenticationMethod: "SCRAM", authenticationData: new Uint8Array([2]) };
    ladder.reply({ type: "auth", reasonCode: 0x18, properties: challenge });
    expect(ladder.events()).toMatchObject([{ type: "authentication", packet: { properties: challenge } }]);
    ladder.session.authenticate(0, 0x18, new Uint8Array([3]));
    expect(ladder.sent()).toMatchObject([
      {
        type: "auth",
        reasonCode: 0x18,
        properties: { authenticationMethod: "SCRAM", authenticationData: new Uint8Array([3]) },
      },
    ]);
    ladder.reply({
      type: "connack",
      sessionPresent: false,
      reasonCode: 0,
      properties: { authenticationMethod: "SCRAM" },
    });
    expect(ladder.session.isOpen).toBe(true);
  });

  it("can be done again on an open connection (4.12.1)", () => {
    const ladder = new Ladder({ properties });
    ladder.connect({ properties: { authenticationMethod: "SCRAM" } });
    ladder.events();
    ladder.session.authenticate(0, 0x19, undefined);
    expect(ladder.sentInShort()).toEqual(["auth 0x19"]);
    ladder.reply({ type: "auth", reasonCode: 0, properties: { authenticationMethod: "SCRAM" } });
    expect(ladder.events()).toMatchObject([{ type: "authentication", packet: { reasonCode: 0 } }]);
  });

  const connack = (authenticationMethod?: string): Packet => ({
    type: "connack",
    sessionPresent: false,
    reasonCode: 0,
    properties: { authenticationMethod },
  });
  const auth = (reasonCode: number, authenticationMethod = "SCRAM"): Packet => ({
    type: "auth",
    reasonCode,
    properties: { authenticationMethod },
  });

  it.each([
    ["AUTH by another method [MQTT-4.12.0-5]", [auth(0x18, "PLAIN")]],
    ["CONNACK by another method [MQTT-4.12.0-5]", [connack("PLAIN")]],
    ["CONNACK by no method [MQTT-4.12.0-5]", [connack()]],
    ["AUTH that is content before CONNACK", [auth(0)]],
    ["AUTH that asks the client for a new authentication", [auth(0x19)]],
    ["AUTH on an open connection that the client did not ask for (4.12.1)", [connack("SCRAM"), auth(0x18)]],
  ])("%s is a protocol error", (_what, replies) => {
    const ladder = new Ladder({ properties });
    ladder.session.connect(0);
    ladder.reply(...replies);
    expect(ladder.events().at(-1)).toEqual(closed({ reasonCode: 0x82 }));
  });

  it.each([
    ["AUTH", auth(0x18)],
    ["CONNACK with a method", connack("SCRAM")],
  ])("%s from a server that was not asked for a method is a protocol error [MQTT-4.12.0-6]", (_what, reply) => {
    const ladder = new Ladder();
    ladder.session.connect(0);
    ladder.reply(reply);
    expect(ladder.events()).toEqual([closed({ reasonCode: 0x82 })]);
  });

  it("is not begun by a client that named no method in CONNECT [MQTT-4.12.0-7]", () => {
    const ladder = new Ladder();
    ladder.connect();
    expect(() => ladder.session.authenticate(0, 0x19, undefined)).toThrow("the session has no authentication method");
    expect(ladder.sent()).toEqual([]);
  });

  it("sends nothing but AUTH and DISCONNECT until CONNACK [MQTT-3.1.2-30]", () => {
    const ladder = new Ladder({ properties });
    ladder.session.connect(0);
    ladder.publish(1, "a");
    ladder.subscribe("b");
    ladder.advance(20_000);
    ladder.session.authenticate(0, 0x18, undefined);
    expect(ladder.sentInShort()).toEqual(["connect", "auth 0x18"]);
    ladder.reply(connack("SCRAM"));
    expect(ladder.sentInShort().toSorted()).toEqual(["publish 1", "subscribe 2"]);
  });

  it("ends with the connection when the application does not trust the server [MQTT-4.12.1-2]", () => {
    const distrust = (): never => {
      throw new Error("that is not my server");
    };
    const first = new Ladder({ properties, finishAuthentication: distrust });
    first.publish(1, "a");
    first.connect({ properties: { authenticationMethod: "SCRAM" } });
    expect(first.events()).toMatchObject([{ type: "close", error: { message: "that is not my server" } }]);
    expect(first.sent()).toEqual([]);

    let isTrusted = true;
    const again = new Ladder({ properties, finishAuthentication: () => void (isTrusted || distrust()) });
    again.connect({ properties: { authenticationMethod: "SCRAM" } });
    again.session.authenticate(0, 0x19, undefined);
    isTrusted = false;
    again.reply(auth(0));
    expect(again.sentInShort()).toEqual(["auth 0x19", "disconnect 0x80"]);
    expect(again.events().at(-1)).toMatchObject({ type: "close", error: { message: "that is not my server" } });
  });
});

describe("DISCONNECT", () => {
  it("is sent once, and nothing after it [MQTT-3.14.4-2]", () => {
    const ladder = new Ladder();
    ladder.connect();
    ladder.events();
    ladder.session.disconnect(0, 0x04, { sessionExpiryInterval: 0 });
    ladder.session.disconnect(0);
    ladder.publish(0, "late");
    ladder.subscribe("late");
    ladder.reply(inboundPublish(1, 1));
    ladder.advance(200_000);
    expect(ladder.sentInShort()).toEqual(["disconnect 0x4"]);
    expect(ladder.events()).toEqual([{ type: "close", error: undefined, isAbrupt: false }]);
  });

  it("before CONNACK just closes", () => {
    const ladder = new Ladder();
    ladder.session.connect(0);
    ladder.sent();
    ladder.session.disconnect(0);
    expect(ladder.sent()).toEqual([]);
    expect(ladder.events()).toHaveLength(1);
  });
});

describe("a trace", () => {
  it("sees every packet, both ways", () => {
    const seen: string[] = [];
    const ladder = new Ladder({ trace: (direction, packet) => seen.push(`${direction} ${packet.type}`) });
    ladder.connect();
    ladder.publish(1, "a");
    ladder.reply(acknowledgement("puback", 1));
    expect(seen).toEqual(["sent connect", "received connack", "sent publish", "received puback"]);
  });
});
