import { fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";

import { decodePacket } from "../../src/codec/decode-packet.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { ascii } from "./cases/packet-case.js";
import { PACKET_CASES } from "./packet-cases.js";

const CASES = PACKET_CASES.flatMap((one) => one.versions.map((version) => ({ ...one, version })));

test("a CONNECT keeps nothing of the chunk that it came in, which may be used again", () => {
  const bytes = fromHex("10 1a 0004 4d515454 04 c6 003c 0001 61 0001 77 0002 6869 0001 75 0001 70");
  const packet = decodePacket(bytes, 0, bytes.length, undefined);
  bytes.fill(0);
  expect(packet).toMatchObject({ will: { payload: ascii("hi") }, password: ascii("p") });
});

describe("the packets of MQTT", () => {
  test.each(CASES)("$title (version $version, $clause): decodes", ({ hex, packet, version }) => {
    const bytes = fromHex(hex);
    expect(decodePacket(bytes, 0, bytes.length, packet.type === "connect" ? undefined : version)).toStrictEqual(packet);
  });

  test.each(CASES.filter(({ isOneWay }) => !isOneWay))(
    "$title (version $version, $clause): encodes",
    ({ hex, packet, version }) => {
      const encoded = encodePacket(packet, version);
      expect(toHex(encoded)).toBe(toHex(fromHex(hex)));
      expect(encoded.byteLength).toBe(fromHex(hex).length);
    },
  );

  test.each(CASES)("$title (version $version, $clause): decodes amid other bytes", ({ hex, packet, version }) => {
    const frame = fromHex(hex);
    const bytes = new Uint8Array(frame.length + 7).fill(0xff);
    bytes.set(frame, 3);
    expect(decodePacket(bytes, 3, 3 + frame.length, version)).toStrictEqual(packet);
  });
});
