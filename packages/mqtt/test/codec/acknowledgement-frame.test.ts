import { fromHex } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";

import {
  AcknowledgementFrame,
  acknowledgementSize,
  writePuback,
  writePubcomp,
  writePubrec,
  writePubrel,
} from "../../src/codec/acknowledgement.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import { ReasonCode } from "../../src/codec/reason-codes.js";

const WRITERS = [
  { type: "puback", write: writePuback, failure: ReasonCode.quotaExceeded },
  { type: "pubrec", write: writePubrec, failure: ReasonCode.notAuthorized },
  { type: "pubrel", write: writePubrel, failure: ReasonCode.packetIdentifierNotFound },
  { type: "pubcomp", write: writePubcomp, failure: ReasonCode.packetIdentifierNotFound },
] as const;

describe.each(WRITERS)("$type", ({ type, write, failure }) => {
  test.each([ReasonCode.success, failure])(
    "with reason code %i is written as encodePacket does, at an offset",
    (code) => {
      const target = new Uint8Array(10);
      const end = write(target, 2, 0xabcd, code);
      expect(end).toBe(2 + acknowledgementSize(code));
      const expected = encodePacket({ type, packetIdentifier: 0xabcd, reasonCode: code }, 5);
      expect(target.slice(2, end)).toStrictEqual(expected);
    },
  );

  test("is read in place", () => {
    const bytes = new Uint8Array(10);
    const end = write(bytes, 3, 77, failure);
    const frame = new AcknowledgementFrame();
    frame.parse(bytes, 3, 5, end, 5);
    expect(frame).toMatchObject({ type, packetIdentifier: 77, reasonCode: failure });
    expect(frame.properties()).toBeUndefined();
  });
});

describe("an acknowledgement in place", () => {
  test("reads its properties when asked", () => {
    const bytes = fromHex("40 0a 0001 87 06 1f 0003 6e6f21");
    const frame = new AcknowledgementFrame();
    frame.parse(bytes, 0, 2, bytes.length, 5);
    expect(frame.properties()).toStrictEqual({ reasonString: "no!" });
  });

  test.each(["43 02 0001", "60 02 0001", "6a 02 0001"])("with the flags of %s is malformed [MQTT-2.1.3-1]", (hex) => {
    const frame = new AcknowledgementFrame();
    expect(() => frame.parse(fromHex(hex), 0, 2, 4, 4)).toThrow(MqttProtocolError);
    frame.parse(fromHex(hex), 0, 2, 4, 3);
    expect(frame.packetIdentifier).toBe(1);
  });

  test("of another packet is the caller's error", () => {
    const bytes = fromHex("90 03 0001 00");
    expect(() => new AcknowledgementFrame().parse(bytes, 0, 2, 5, 5)).toThrow(RangeError);
  });
});
