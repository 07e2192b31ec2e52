import { encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { ReasonCode } from "../src/codec/index.js";
import { OutboundEntry } from "../src/session/outbound-entry.js";
import { SessionLadder, testMessage } from "./server-session-ladder.js";

describe("QoS 0 (figure 4.1)", () => {
  test("is sent at once, and nothing comes of it", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach();
    expect(ladder.sendUnacknowledged(testMessage("a"))).toBe(true);
    expect(link.sent()).toEqual(["publish a"]);
    expect(ladder.takeHeard()).toEqual([]);
    expect(ladder.session.inFlightCount).toBe(0);
  });

  test("does not wait for a client that is away", () => {
    const ladder = new SessionLadder();
    expect(ladder.sendUnacknowledged(testMessage("a"))).toBe(false);
    expect(ladder.attach().sent()).toEqual([]);
  });
});

describe("QoS 1 (figure 4.2)", () => {
  test("PUBLISH, PUBACK: delivered", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach();
    ladder.offer(1, "a");
    expect(link.sent()).toEqual(["publish a 1 qos1"]);
    expect(ladder.takeHeard()).toEqual(["accepted a", "published a 1"]);
    expect(ladder.puback(1)).toBe(true);
    expect(ladder.takeHeard()).toEqual(["settled a"]);
    expect(link.sent()).toEqual([]);
    expect(ladder.session.inFlightCount).toBe(0);
  });

  test("a PUBACK for nothing is no harm", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    expect(ladder.puback(1)).toBe(false);
    ladder.offer(2, "b");
    expect(ladder.puback(1)).toBe(false);
    expect(ladder.session.inFlightCount).toBe(1);
  });

  test("without PUBACK it is sent again on the next connection, with DUP and its identifier [MQTT-4.4.0-1]", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(1, "a", "b");
    ladder.session.detach();
    ladder.offer(1, "c");
    expect(ladder.attach().sent()).toEqual(["publish a 1 qos1 dup", "publish b 2 qos1 dup", "publish c 3 qos1"]);
  });

  test("is never sent again while the connection lasts", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach();
    ladder.offer(1, "a");
    link.sent();
    ladder.now += 1_000_000;
    ladder.session.pump(ladder.now);
    expect(link.sent()).toEqual([]);
  });
});

describe("QoS 2 (figure 4.3)", () => {
  test("PUBLISH, PUBREC, PUBREL, PUBCOMP: delivered", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach();
    ladder.offer(2, "a");
    expect(link.sent()).toEqual(["publish a 1 qos2"]);
    expect(ladder.pubrec(1)).toBe(ReasonCode.success);
    expect(ladder.pubcomp(1)).toBe(true);
    expect(ladder.takeHeard()).toEqual(["accepted a", "published a 1", "released a 1", "settled a"]);
    expect(ladder.session.inFlightCount).toBe(0);
  });

  test("a PUBREC that comes twice is answered twice and changes once", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(2, "a");
    expect([ladder.pubrec(1), ladder.pubrec(1)]).toEqual([0, 0]);
    expect(ladder.takeHeard()).toEqual(["accepted a", "published a 1", "released a 1"]);
  });

  test("a PUBREC for nothing is answered with a PUBREL that says so", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    expect(ladder.pubrec(9)).toBe(ReasonCode.packetIdentifierNotFound);
    // It has ended there as well: nothing is to be released.
    expect(ladder.pubrec(9, ReasonCode.packetIdentifierInUse)).toBeUndefined();
  });

  test("a PUBREC with an error ends it: no PUBREL, no other try [MQTT-4.3.3-4]", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach();
    ladder.offer(2, "a");
    link.sent();
    expect(ladder.pubrec(1, ReasonCode.quotaExceeded)).toBeUndefined();
    expect(ladder.takeHeard().slice(2)).toEqual(["dropped a refused-by-client", "settled a"]);
    ladder.session.detach();
    expect(ladder.attach().sent()).toEqual([]);
  });

  test("a PUBCOMP before PUBREC, or for nothing, settles nothing", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(2, "a");
    expect([ladder.pubcomp(1), ladder.pubcomp(2)]).toEqual([false, false]);
    expect(ladder.session.inFlightCount).toBe(1);
  });

  test("before PUBREC it is sent again with DUP; after it PUBREL is, never PUBLISH [MQTT-4.3.3-6]", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(2, "a", "b");
    ladder.pubrec(1);
    ladder.session.detach();
    const link = ladder.attach();
    expect(link.sent().sort()).toEqual(["publish b 2 qos2 dup", "pubrel 1"]);
    expect(ladder.pubcomp(1)).toBe(true);
    ladder.session.detach();
    expect(ladder.attach().sent()).toEqual(["publish b 2 qos2 dup"]);
  });
});

describe("the order of what is sent again", () => {
  test("is that of the first sending, whatever the identifiers [MQTT-4.6.0-1]", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    for (let i = 0; i < 40; i++) {
      ladder.offer(1, `m${i}`);
      // Every other one is acknowledged, so that the identifiers of the rest have gaps.
      if (i % 2 === 0) ladder.puback(i + 1);
    }
    ladder.session.detach();
    const again = ladder.attach().sent();
    expect(again).toEqual(Array.from({ length: 20 }, (_, i) => `publish m${2 * i + 1} ${2 * i + 2} qos1 dup`));
  });

  test("holds for identifiers that began anew at 1", () => {
    const ladder = new SessionLadder({ maxInFlight: 65_535 });
    ladder.attach();
    for (let i = 1; i <= 65_534; i++) {
      ladder.offer(1, "x");
      ladder.puback(i);
    }
    ladder.offer(1, "a", "b", "c");
    ladder.session.detach();
    expect(ladder.attach().sent()).toEqual([
      "publish a 65535 qos1 dup",
      "publish b 1 qos1 dup",
      "publish c 2 qos1 dup",
    ]);
  });

  test("of PUBRELs is that of the PUBRECs [MQTT-4.6.0-4]", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(2, "a", "b", "c");
    for (const packetIdentifier of [3, 1, 2]) ladder.pubrec(packetIdentifier);
    ladder.session.detach();
    expect(ladder.attach().sent()).toEqual(["pubrel 3", "pubrel 1", "pubrel 2"]);
  });
});

describe("the client's Receive Maximum (4.9)", () => {
  test("limits what is in flight; each acknowledgement to its end makes room [MQTT-3.3.4-9]", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ receiveMaximum: 2 });
    ladder.offer(1, "a");
    ladder.offer(2, "b", "c");
    ladder.offer(1, "d");
    expect(link.sent()).toEqual(["publish a 1 qos1", "publish b 2 qos2"]);
    expect(ladder.session.waitingCount).toBe(2);
    ladder.pubrec(2);
    expect(link.sent()).toEqual([]);
    ladder.pubcomp(2);
    expect(link.sent()).toEqual(["publish c 3 qos2"]);
    ladder.pubrec(3, ReasonCode.unspecifiedError);
    expect(link.sent()).toEqual(["publish d 4 qos1"]);
    expect([ladder.session.inFlightCount, ladder.session.waitingCount]).toEqual([2, 0]);
  });

  test("does not limit QoS 0 (4.9)", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ receiveMaximum: 1 });
    ladder.offer(1, "a", "b");
    ladder.sendUnacknowledged(testMessage("c"));
    expect(link.sent()).toEqual(["publish a 1 qos1", "publish c"]);
  });

  test("limits what is sent again too, when it is smaller than before; nothing new passes it", () => {
    const ladder = new SessionLadder();
    ladder.attach({ receiveMaximum: 10 });
    ladder.offer(1, "a", "b", "c");
    ladder.session.detach();
    ladder.offer(1, "d");
    const link = ladder.attach({ receiveMaximum: 1 });
    ladder.offer(1, "e");
    const sent = link.sent();
    for (let id = 1; id <= 5; id++) {
      expect(ladder.puback(id)).toBe(true);
      sent.push(...link.sent());
    }
    expect(sent).toEqual([
      "publish a 1 qos1 dup",
      "publish b 2 qos1 dup",
      "publish c 3 qos1 dup",
      "publish d 4 qos1",
      "publish e 5 qos1",
    ]);
    expect(ladder.session.isReady).toBe(true);
  });

  test("what waits to be sent again can be settled without it, and gives its turn to the next", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(1, "a", "b", "c");
    ladder.offer(2, "d");
    ladder.session.detach();
    const link = ladder.attach({ receiveMaximum: 1 });
    expect(link.sent()).toEqual(["publish a 1 qos1 dup"]);
    // The client answers what it had got on the connection before.
    expect(ladder.puback(2)).toBe(true);
    expect(link.sent()).toEqual([]);
    expect(ladder.pubrec(4)).toBe(ReasonCode.success);
    expect(link.sent()).toEqual([]);
    ladder.puback(1);
    // "d" is released, and takes the place of one in flight until its end.
    expect(link.sent()).toEqual([]);
    ladder.pubcomp(4);
    expect(link.sent()).toEqual(["publish c 3 qos1 dup"]);
    ladder.puback(3);
    expect(ladder.session.isReady).toBe(true);
  });

  test("a PUBREL that is sent again needs no room", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(2, "a", "b", "c");
    for (const id of [1, 2, 3]) ladder.pubrec(id);
    ladder.session.detach();
    expect(ladder.attach({ receiveMaximum: 1 }).sent()).toEqual(["pubrel 1", "pubrel 2", "pubrel 3"]);
  });

  test("a connection that breaks while things are sent again begins anew with the next", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(1, "a", "b", "c");
    for (let i = 0; i < 3; i++) {
      ladder.session.detach();
      expect(ladder.attach({ receiveMaximum: 2 }).sent()).toEqual(["publish a 1 qos1 dup", "publish b 2 qos1 dup"]);
    }
    ladder.session.detach();
    expect(ladder.attach().sent()).toHaveLength(3);
  });

  test("the server's own limit holds beside it", () => {
    const ladder = new SessionLadder({ maxInFlight: 3 });
    const link = ladder.attach();
    ladder.offer(1, "a", "b", "c", "d");
    expect(link.sent()).toHaveLength(3);
  });
});

describe("a client that takes its bytes slowly", () => {
  test("gets nothing new, nor anything again, until there is room", () => {
    const ladder = new SessionLadder();
    const first = ladder.attach();
    ladder.offer(1, "a");
    first.isRoomy = false;
    ladder.offer(1, "b");
    expect(first.sent()).toEqual(["publish a 1 qos1"]);
    ladder.session.detach();
    const link = ladder.attach();
    link.sent();
    link.isRoomy = false;
    ladder.offer(1, "c");
    ladder.puback(1);
    expect(link.sent()).toEqual([]);
    link.isRoomy = true;
    ladder.session.pump(ladder.now);
    expect(link.sent()).toEqual(["publish c 3 qos1"]);
  });
});

describe("what waits", () => {
  test("keeps its order behind what is in flight, and nothing overtakes it", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ receiveMaximum: 1 });
    ladder.offer(1, "a", "b");
    link.sent();
    expect(ladder.session.isReady).toBe(false);
    ladder.puback(1);
    ladder.offer(1, "c");
    ladder.puback(2);
    expect(link.sent()).toEqual(["publish b 2 qos1", "publish c 3 qos1"]);
  });

  test("drops what has waited for longest, if that is the policy: as much as is needed, and nothing in flight", () => {
    const ladder = new SessionLadder({ maxQueuedBytes: 35, queueFullPolicy: "drop-oldest" });
    ladder.offer(1, ...["a", "b", "c"].map((name) => testMessage(name, { payloadBytes: 10 })));
    expect(ladder.takeHeard()).toEqual(["accepted a", "accepted b", "accepted c"]);
    ladder.offer(1, testMessage("d", { payloadBytes: 20 }));
    expect(ladder.takeHeard()).toEqual([
      "dropped a queue-full",
      "settled a",
      "dropped b queue-full",
      "settled b",
      "accepted d",
    ]);
    // One that has no room at all takes nobody's place.
    ladder.offer(1, testMessage("e", { payloadBytes: 40 }));
    expect(ladder.takeHeard()).toEqual(["dropped e queue-full"]);
    expect(ladder.attach().sent()).toEqual(["publish c 1 qos1", "publish d 2 qos1"]);
  });

  test.each([
    ["messages", { maxQueuedMessages: 2 }],
    // A byte of each is the topic's.
    ["bytes", { maxQueuedBytes: 23 }],
  ])("is limited by %s: what comes too much is dropped and told", (_name, options) => {
    const ladder = new SessionLadder(options);
    ladder.offer(1, ...["a", "b", "c"].map((name) => testMessage(name, { payloadBytes: 10 })));
    expect(ladder.takeHeard()).toEqual(["accepted a", "accepted b", "dropped c queue-full"]);
    expect(ladder.attach().sent()).toEqual(["publish a 1 qos1", "publish b 2 qos1"]);
    // What has left gives its room back.
    ladder.session.detach();
    ladder.offer(1, testMessage("d", { payloadBytes: 10 }), testMessage("e", { payloadBytes: 10 }));
    expect(ladder.session.waitingCount).toBe(2);
  });

  test("counts with its topic and properties, not its payload alone", () => {
    const ladder = new SessionLadder({ maxQueuedBytes: 1000 });
    ladder.offer(1, testMessage("x".repeat(1000)));
    ladder.offer(1, testMessage("a", { propertyBytes: new Uint8Array(1000) }));
    ladder.offer(1, testMessage("b"));
    expect(ladder.session.waitingCount).toBe(1);
    expect(ladder.session.fill).toBe(0.002);
    ladder.attach();
    expect(ladder.session.fill).toBe(0);
  });

  test("expires: it is dropped when its turn comes too late [MQTT-3.3.2-5]", () => {
    const ladder = new SessionLadder();
    ladder.offer(1, testMessage("a", { expiresAt: ladder.now + 10 }), testMessage("b", { expiresAt: ladder.now + 11 }));
    ladder.now += 10;
    expect(ladder.attach().sent()).toEqual(["publish b 1 qos1"]);
    expect(ladder.takeHeard().slice(2)).toEqual(["dropped a expired", "settled a", "published b 1"]);
  });
});

describe("the message expiry interval sent", () => {
  test.each([
    [10_000, 0, 10],
    [10_000, 3000, 7],
    [10_000, 3001, 7],
    [10_000, 9999, 1],
  ])("is what is left of %i ms after %i ms: %i s [MQTT-3.3.2-6]", (lifetime, waited, left) => {
    const ladder = new SessionLadder();
    ladder.offer(1, testMessage("a", { expiresAt: ladder.now + lifetime }));
    ladder.now += waited;
    const [packet] = ladder.attach().packets();
    expect(packet).toMatchObject({ type: "publish", properties: { messageExpiryInterval: left } });
  });

  test("is left out before MQTT 5.0", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ version: 4 });
    ladder.sendUnacknowledged(testMessage("a", { expiresAt: ladder.now + 1000 }), [1, 2]);
    expect(link.packets()).toEqual([
      {
        type: "publish",
        topic: "a",
        payload: new Uint8Array(1),
        qos: 0,
        retain: false,
        dup: false,
        packetIdentifier: undefined,
        properties: undefined,
      },
    ]);
  });
});

describe("the client's Maximum Packet Size", () => {
  const frameOf = (payloadBytes: number): number => 2 + 3 + 2 + 1 + payloadBytes;

  test("what exceeds it is skipped as if it had been sent, and the next one goes [MQTT-3.1.2-25]", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ maximumPacketSize: frameOf(10) });
    ladder.offer(1, testMessage("a", { payloadBytes: 11 }), testMessage("b", { payloadBytes: 10 }));
    expect(link.sent()).toEqual(["publish b 1 qos1"]);
    expect(ladder.takeHeard()).toEqual([
      "accepted a",
      "dropped a too-large",
      "settled a",
      "accepted b",
      "published b 1",
    ]);
  });

  test("holds for QoS 0, whose frame is smaller by its identifier", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ maximumPacketSize: frameOf(10) - 2 });
    expect(ladder.sendUnacknowledged(testMessage("a", { payloadBytes: 10 }))).toBe(true);
    expect(ladder.sendUnacknowledged(testMessage("b", { payloadBytes: 11 }))).toBe(false);
    expect(link.sent()).toEqual(["publish a"]);
    expect(ladder.takeHeard()).toEqual(["dropped b too-large"]);
  });

  test("counts properties and subscription identifiers", () => {
    const ladder = new SessionLadder();
    const propertyBytes = Uint8Array.of(0x03, 0, 1, 0x61);
    const message = testMessage("a", { payloadBytes: 10, propertyBytes, expiresAt: ladder.now + 1000 });
    // Content type 4, expiry 5, identifiers 2 and 3.
    const size = frameOf(10) - 2 + 4 + 5 + 2 + 3;
    expect(new SessionLadder().attach().version).toBe(5);
    for (const [maximumPacketSize, isSent] of [
      [size, true],
      [size - 1, false],
    ] as const) {
      ladder.session.detach();
      const link = ladder.attach({ maximumPacketSize });
      expect(ladder.sendUnacknowledged(message, [1, 200])).toBe(isSent);
      if (!isSent) continue;
      expect(link.packets()).toMatchObject([
        { properties: { contentType: "a", messageExpiryInterval: 1, subscriptionIdentifiers: [1, 200] } },
      ]);
    }
  });

  test("when it is smaller on the next connection, what is in flight and no longer fits is dropped", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.offer(1, testMessage("a", { payloadBytes: 100 }), testMessage("b"));
    ladder.session.detach();
    ladder.takeHeard();
    expect(ladder.attach({ maximumPacketSize: 50, receiveMaximum: 1 }).sent()).toEqual(["publish b 2 qos1 dup"]);
    expect(ladder.takeHeard()).toEqual(["dropped a too-large", "settled a"]);
    expect(ladder.session.inFlightCount).toBe(1);
  });
});

describe("QoS 2 from the client (figure 4.3)", () => {
  test("a PUBLISH that comes again before PUBREL is the same message [MQTT-4.3.3-10]", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    expect([ladder.session.receive(7), ladder.session.receive(7)]).toEqual([true, false]);
    expect(ladder.session.release(7)).toBe(true);
    expect(ladder.session.release(7)).toBe(false);
    // After PUBREL it is another one.
    expect(ladder.session.receive(7)).toBe(true);
    expect(ladder.takeHeard()).toEqual(["inbound 7 in use", "inbound 7 free", "inbound 7 in use"]);
  });

  test("is remembered over connections", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    ladder.session.receive(7);
    ladder.session.detach();
    ladder.attach();
    expect(ladder.session.receive(7)).toBe(false);
  });

  test("what came in on earlier connections does not count against the receive maximum of this one (4.9)", () => {
    const ladder = new SessionLadder();
    ladder.attach();
    for (const id of [1, 2, 3]) ladder.session.receive(id);
    expect(ladder.session.inboundCount).toBe(3);
    ladder.session.detach();
    ladder.attach();
    expect(ladder.session.inboundCount).toBe(0);
    ladder.session.receive(2);
    ladder.session.receive(4);
    expect(ladder.session.inboundCount).toBe(2);
    ladder.session.release(1);
    expect(ladder.session.inboundCount).toBe(2);
    ladder.session.release(2);
    ladder.session.release(4);
    ladder.session.release(3);
    expect(ladder.session.inboundCount).toBe(0);
  });
});

describe("a session that ends", () => {
  test("gives back what was not delivered, in order, each settled; what PUBREC told of is delivered", () => {
    const ladder = new SessionLadder();
    ladder.attach({ receiveMaximum: 3 });
    ladder.offer(1, "a");
    ladder.offer(2, "b", "c");
    ladder.offer(1, "d");
    ladder.pubrec(2);
    ladder.session.receive(9);
    ladder.takeHeard();
    expect(ladder.session.clear().map(({ message }) => message.name)).toEqual(["a", "c", "d"]);
    expect(ladder.takeHeard().sort()).toEqual(["inbound 9 free", "settled a", "settled b", "settled c", "settled d"]);
    expect([ladder.session.inFlightCount, ladder.session.waitingCount, ladder.session.inboundCount]).toEqual([0, 0, 0]);
  });
});

describe("a session that comes back from a store", () => {
  test("goes on where it was", () => {
    const ladder = new SessionLadder();
    const entries = (["published", "released", "waiting", "published"] as const).map((state, i) => {
      const entry = new OutboundEntry(testMessage(`m${i}`), 2, false, undefined, undefined);
      if (state === "waiting") return entry;
      entry.state = state;
      entry.packetIdentifier = [17, 1, 0, 33][i] ?? 0;
      entry.isSent = true;
      return entry;
    });
    ladder.session.restore(entries, [5]);
    expect(ladder.session.receive(5)).toBe(false);
    expect(ladder.attach().sent().sort()).toEqual([
      "publish m0 17 qos2 dup",
      "publish m2 2 qos2",
      "publish m3 33 qos2 dup",
      "pubrel 1",
    ]);
    expect(ladder.pubcomp(1)).toBe(true);
    // Identifiers that are in use are passed over.
    const link = ladder.attach();
    link.sent();
    for (let i = 0; i < 40; i++) ladder.offer(1, `n${i}`);
    const identifiers = link.packets().map((packet) => ("packetIdentifier" in packet ? packet.packetIdentifier : 0));
    expect(new Set([...identifiers, 17, 33, 2]).size).toBe(43);
  });
});

test("a topic and payload of any size are written as they are", () => {
  const ladder = new SessionLadder();
  const link = ladder.attach();
  for (const [topicBytes, payloadBytes] of [
    [1, 0],
    [31, 31],
    [32, 33],
    [200, 4095],
    [300, 4096],
    [3, 4097],
    [65_535, 100_000],
  ] as const) {
    const name = "t".repeat(topicBytes);
    const payloadSource = Uint8Array.from({ length: payloadBytes + 10 }, (_, i) => i);
    ladder.sendUnacknowledged({
      ...testMessage(name),
      topicBytes: encodeUtf8(name),
      payloadSource,
      payloadStart: 5,
      payloadEnd: 5 + payloadBytes,
    });
    const [packet] = link.packets();
    expect(packet?.type === "publish" && [packet.topic, packet.payload]).toEqual([
      name,
      payloadSource.slice(5, 5 + payloadBytes),
    ]);
  }
});
