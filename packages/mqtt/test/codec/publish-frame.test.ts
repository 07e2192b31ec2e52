import { encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodePacket } from "../../src/codec/decode-packet.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import type { ProtocolVersion, PublishPacket } from "../../src/codec/packets.js";
import { encodeProperties } from "../../src/codec/properties.js";
import {
  PublishFlags,
  PublishFrame,
  publishHeaderSize,
  publishSize,
  writePublishFrame,
  writePublishHeader,
} from "../../src/codec/publish-frame.js";
import { arbitraryPacket } from "./arbitrary-packets.js";

const BODY_START = 2;

function parse(hex: string, version: ProtocolVersion): PublishFrame {
  const bytes = fromHex(hex);
  const frame = new PublishFrame();
  frame.parse(bytes, 0, BODY_START, bytes.length, version);
  return frame;
}

function reasonOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error instanceof MqttProtocolError ? error.reasonName : error;
  }
}

const publishes = (version: ProtocolVersion): fc.Arbitrary<PublishPacket> =>
  arbitraryPacket(version).filter((packet) => packet.type === "publish");

describe("a PUBLISH in place", () => {
  test("shows where its fields are in the bytes that came in", () => {
    const bytes = fromHex("ffff 3b 0e  0003 612f62  1234  03 23 0007  0102 eeee");
    const frame = new PublishFrame();
    frame.parse(bytes, 2, 4, 18, 5);
    expect(frame).toMatchObject({
      start: 2,
      end: 18,
      qos: 1,
      retain: true,
      dup: true,
      topicStart: 6,
      topicEnd: 9,
      packetIdentifier: 0x1234,
      propertiesStart: 12,
      propertiesEnd: 15,
      payloadStart: 15,
    });
    expect(frame.bytes).toBe(bytes);
    expect(frame.topic()).toBe("a/b");
    expect(frame.properties()).toStrictEqual({ topicAlias: 7 });
    expect(frame.payload()).toStrictEqual(Uint8Array.of(1, 2, 0xee));
    expect(frame.payload().buffer).toBe(bytes.buffer);
  });

  test("forgets what the PUBLISH before it said", () => {
    const frame = parse("3d 0a 0001 61 0001 03 23 0007 2a", 5);
    const next = fromHex("30 03 0001 62");
    frame.parse(next, 0, BODY_START, next.length, 4);
    expect(frame).toMatchObject({ qos: 0, retain: false, dup: false, packetIdentifier: 0 });
    expect(frame.topic()).toBe("b");
    expect(frame.properties()).toBeUndefined();
    expect(frame.payload()).toHaveLength(0);
  });

  test("keeps what it points at when the next PUBLISH is malformed", () => {
    const frame = parse("32 06 0001 61 0005 2a", 4);
    expect(reasonOf(() => frame.parse(fromHex("36 05 0001 62 0001"), 0, BODY_START, 7, 4))).toBe("malformedPacket");
    expect(frame.topic()).toBe("a");
    expect(frame.packetIdentifier).toBe(5);
  });

  test("leaves topic and properties unread until they are asked for", () => {
    const frame = parse("30 08 0001 2b 02 7e 00 2a 2a", 5);
    expect(reasonOf(() => frame.topic())).toBe("topicNameInvalid");
    expect(reasonOf(() => frame.properties())).toBe("malformedPacket");
    expect(frame.payload()).toHaveLength(2);
  });

  test.each<ProtocolVersion>([3, 4, 5])("says of any PUBLISH of version %i what decodePacket says", (version) => {
    fc.assert(
      fc.property(publishes(version), (packet) => {
        const bytes = encodePacket(packet, version);
        const frame = new PublishFrame();
        frame.parse(bytes, 0, bodyStartOf(bytes), bytes.length, version);
        expect({
          type: "publish",
          topic: frame.topic(),
          payload: frame.payload(),
          qos: frame.qos,
          retain: frame.retain,
          dup: frame.dup,
          packetIdentifier: frame.packetIdentifier === 0 ? undefined : frame.packetIdentifier,
          properties: frame.properties(),
        }).toStrictEqual(packet);
      }),
      { numRuns: 300 },
    );
  });
});

describe("writing a PUBLISH", () => {
  test.each<ProtocolVersion>([3, 4, 5])("of version %i gives the bytes of encodePacket, at an offset", (version) => {
    fc.assert(
      fc.property(publishes(version), fc.nat({ max: 20 }), (packet, offset) => {
        const expected = encodePacket(packet, version);
        const { topic, payload, flags, packetIdentifier, properties } = encodedParts(packet);
        const size = publishSize(topic.length, payload.length, flags, properties.length, version);
        expect(size).toBe(expected.length);
        const target = new Uint8Array(offset + size + 3);
        const end = writePublishFrame(target, offset, topic, payload, flags, packetIdentifier, properties, version);
        expect(end).toBe(offset + size);
        expect(toHex(target.subarray(offset, end))).toBe(toHex(expected));
        expect(target.subarray(end)).toStrictEqual(new Uint8Array(3));
      }),
      { numRuns: 300 },
    );
  });

  test("can leave the payload to be sent by reference", () => {
    const topic = encodeUtf8("big");
    const none = new Uint8Array(0);
    const size = publishHeaderSize(topic.length, 200_000, 0x02, 0, 5);
    const header = new Uint8Array(size);
    expect(writePublishHeader(header, 0, topic, 200_000, 0x02, 9, none, 5)).toBe(size);
    expect(toHex(header)).toBe("32c89a0c0003626967000900");
    const whole = new Uint8Array(size + 200_000);
    whole.set(header);
    expect(decodePacket(whole, 0, whole.length, 5)).toMatchObject({ topic: "big", packetIdentifier: 9 });
  });

  test.each([0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])(
    "sizes its header for a payload of %i bytes",
    (payloadSize) => {
      const packet: PublishPacket = {
        type: "publish",
        topic: "t",
        payload: new Uint8Array(payloadSize),
        qos: 0,
        retain: false,
        dup: false,
      };
      const bytes = encodePacket(packet, 4);
      expect(bytes).toHaveLength(publishSize(1, payloadSize, 0, 0, 4));
      expect(decodePacket(bytes, 0, bytes.length, 4)).toMatchObject({ topic: "t" });
    },
  );
});

function encodedParts(packet: PublishPacket) {
  return {
    topic: encodeUtf8(packet.topic),
    payload: packet.payload,
    flags:
      (packet.retain ? PublishFlags.retain : 0) |
      (packet.qos << PublishFlags.qosShift) |
      (packet.dup ? PublishFlags.dup : 0),
    packetIdentifier: packet.packetIdentifier ?? 0,
    properties: encodeProperties(packet.properties, "publish"),
  };
}

function bodyStartOf(bytes: Uint8Array): number {
  return 2 + bytes.subarray(1).findIndex((byte) => byte < 0x80);
}
