import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { InboundWindow } from "../src/session/inbound-window.js";
import { OutboundWindow } from "../src/session/outbound-window.js";
import { PacketIdentifiers } from "../src/session/packet-identifiers.js";

describe("packet identifiers", () => {
  it("go from 1 upwards and rest before they are used again", () => {
    const identifiers = new PacketIdentifiers();
    expect([identifiers.take(), identifiers.take(), identifiers.take()]).toEqual([1, 2, 3]);
    identifiers.release(2);
    expect(Array.from({ length: 253 }, () => identifiers.take())).toEqual(Array.from({ length: 253 }, (_, i) => i + 4));
    expect(identifiers.take()).toBe(2);
  });

  it("are all 65,535 before there is none", () => {
    const identifiers = new PacketIdentifiers();
    const taken = new Set(Array.from({ length: 65_535 }, () => identifiers.take()));
    expect(taken.size).toBe(65_535);
    expect(Math.max(...(taken as Set<number>))).toBe(65_535);
    expect(identifiers.take()).toBeUndefined();
    identifiers.release(40_000);
    expect(identifiers.take()).toBe(40_000);
    expect(identifiers.take()).toBeUndefined();
  });

  it("leave out those of a resumed session", () => {
    const identifiers = new PacketIdentifiers([1, 3, 300]);
    expect(identifiers.inUseCount).toBe(3);
    const taken = Array.from({ length: 65_532 }, () => identifiers.take());
    expect(new Set([...taken, 1, 3, 300]).size).toBe(65_535);
    expect(identifiers.take()).toBeUndefined();
  });

  it.each([1, 2, 3])("are never given out twice at a time (seed %i)", (seed) => {
    const random = new SeededRandom(seed);
    const identifiers = new PacketIdentifiers();
    const inUse: number[] = [];
    for (let step = 0; step < 20_000; step++) {
      // Swings between filling up and emptying.
      const isFilling = Math.floor(step / 2_000) % 2 === 0;
      if (inUse.length === 0 || random.chance(isFilling ? 0.8 : 0.2)) {
        const taken = identifiers.take();
        if (taken === undefined) throw new Error(`none free with ${inUse.length} in use`);
        expect(inUse.includes(taken)).toBe(false);
        inUse.push(taken);
      } else {
        const [released] = inUse.splice(random.nextInteger(0, inUse.length - 1), 1);
        identifiers.release(released ?? 0);
      }
      expect(identifiers.inUseCount).toBe(inUse.length);
    }
  });
});

describe("the outbound window", () => {
  it("holds a QoS 1 message until PUBACK (figure 4.2)", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    expect(window.add("a", 1)).toBe(1);
    expect(window.size).toBe(1);
    expect(window.receivePuback(1)).toBe("a");
    expect(window.size).toBe(0);
    expect(window.receivePuback(1)).toBeUndefined();
  });

  it("holds a QoS 2 message until PUBCOMP (figure 4.3)", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    window.add("a", 2);
    expect(window.receivePubrec(1, 0)).toEqual({ pubrel: "found", refused: undefined });
    expect(window.size).toBe(1);
    expect(window.receivePubcomp(1)).toBe("a");
    expect(window.size).toBe(0);
  });

  it("ends a QoS 2 message that PUBREC refuses, without PUBREL [MQTT-4.3.3-4]", () => {
    const window = new OutboundWindow<string>();
    window.open(1);
    window.add("a", 2);
    expect(window.receivePubrec(1, 0x87)).toEqual({ pubrel: undefined, refused: "a" });
    expect(window.canSend).toBe(true);
  });

  it("answers a PUBREC that nothing waits for with PUBREL, and says so", () => {
    const window = new OutboundWindow<string>();
    window.open(1);
    expect(window.receivePubrec(7, 0)).toEqual({ pubrel: "notFound", refused: undefined });
    expect(window.receivePubrec(7, 0x80)).toEqual({ pubrel: undefined, refused: undefined });
  });

  it.each([
    ["PUBACK for a QoS 2 message", 2, (w: OutboundWindow<string>) => w.receivePuback(1)],
    ["PUBREC for a QoS 1 message", 1, (w: OutboundWindow<string>) => w.receivePubrec(1, 0)],
    ["refusing PUBREC for a QoS 1 message", 1, (w: OutboundWindow<string>) => w.receivePubrec(1, 0x80)],
    ["PUBCOMP before PUBREC", 2, (w: OutboundWindow<string>) => w.receivePubcomp(1)],
  ] as const)("takes %s for a protocol error", (_, qos, receive) => {
    const window = new OutboundWindow<string>();
    window.open(10);
    window.add("a", qos);
    expect(() => receive(window)).toThrow(expect.objectContaining({ name: "MqttProtocolError", reasonCode: 0x82 }));
  });

  it("sends no more than the receive maximum [MQTT-3.3.4-7]", () => {
    const window = new OutboundWindow<string>();
    window.open(2);
    window.add("a", 1);
    expect(window.canSend).toBe(true);
    window.add("b", 2);
    expect(window.canSend).toBe(false);
    window.receivePubrec(2, 0);
    expect(window.canSend).toBe(false);
    window.receivePubcomp(2);
    expect(window.canSend).toBe(true);
  });

  it("sends again in the order of first sending, PUBREL in the order of PUBREC [MQTT-4.6.0-1] [MQTT-4.6.0-4]", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    for (const message of ["a", "b", "c", "d"]) window.add(message, 2);
    window.receivePubrec(3, 0);
    window.receivePubrec(1, 0);
    window.open(10);
    expect(redeliveries(window)).toEqual(["b pubrec", "d pubrec", "c pubcomp", "a pubcomp"]);
    expect(redeliveries(window)).toEqual([]);
  });

  it("keeps redelivery within a smaller receive maximum, and new messages behind it", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    for (const message of ["a", "b", "c"]) window.add(message, 1);
    window.open(2);
    expect(redeliveries(window)).toEqual(["a puback", "b puback"]);
    expect(window.canSend).toBe(false);
    window.receivePuback(1);
    expect(window.canSend).toBe(false);
    expect(redeliveries(window)).toEqual(["c puback"]);
    expect(window.canSend).toBe(false);
    window.receivePuback(2);
    expect(window.canSend).toBe(true);
  });

  it("gives no quota back for a PUBREL that was sent again (4.9)", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    window.add("a", 2);
    window.receivePubrec(1, 0);
    window.open(1);
    expect(redeliveries(window)).toEqual(["a pubcomp"]);
    expect(window.canSend).toBe(true);
    window.add("b", 1);
    window.receivePubcomp(1);
    expect(window.canSend).toBe(false);
  });

  it("does not send again what is acknowledged before its turn comes", () => {
    const window = new OutboundWindow<string>();
    window.open(10);
    for (const message of ["a", "b", "c"]) window.add(message, 2);
    window.open(1);
    expect(window.nextRedelivery()?.message).toBe("a");
    window.receivePubrec(2, 0x80);
    window.receivePubrec(3, 0);
    expect(redeliveries(window)).toEqual(["c pubcomp"]);
    window.receivePubrec(1, 0);
    window.receivePubcomp(1);
    expect(window.canSend).toBe(true);
  });

  it("releases all identifiers of a lost session", () => {
    const identifiers = new PacketIdentifiers();
    const window = new OutboundWindow<string>(identifiers);
    window.open(10);
    window.add("a", 1);
    window.add("b", 2);
    expect(window.clear().map(({ message }) => message)).toEqual(["a", "b"]);
    expect(identifiers.inUseCount).toBe(0);
    expect(window.canSend).toBe(true);
  });
});

describe("the inbound window", () => {
  it("passes a QoS 2 message on once until PUBREL [MQTT-4.3.3-10] [MQTT-4.3.3-12]", () => {
    const window = new InboundWindow(10);
    expect(window.receivePublish(5, 2)).toBe(true);
    window.open();
    expect(window.receivePublish(5, 2)).toBe(false);
    expect(window.receivePubrel(5)).toBe(true);
    expect(window.receivePubrel(5)).toBe(false);
    expect(window.receivePublish(5, 2)).toBe(true);
  });

  it("takes one message more than the receive maximum for a protocol error [MQTT-3.3.4-9]", () => {
    const window = new InboundWindow(2);
    window.receivePublish(1, 1);
    window.receivePublish(2, 2);
    window.acknowledge(1);
    window.receivePublish(3, 1);
    expect(() => window.receivePublish(4, 2)).toThrow(expect.objectContaining({ reasonCode: 0x93 }));
  });

  it("counts what is under way on this connection only", () => {
    const window = new InboundWindow(1);
    window.receivePublish(1, 2);
    window.open();
    expect(window.receivePublish(2, 2)).toBe(true);
    expect([...window.unreleased]).toEqual([1, 2]);
  });

  it("treats an identifier as new after a PUBREC that refused it [MQTT-4.3.3-9]", () => {
    const window = new InboundWindow(1);
    window.receivePublish(1, 2);
    window.acknowledge(1);
    expect(window.receivePublish(1, 2)).toBe(true);
  });
});

function redeliveries(window: OutboundWindow<string>): string[] {
  const found: string[] = [];
  for (let next = window.nextRedelivery(); next; next = window.nextRedelivery()) {
    found.push(`${next.message} ${next.awaits}`);
  }
  return found;
}
