import { fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";

import { decodePacket } from "../../src/codec/decode-packet.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { PACKET_CASES } from "./packet-cases.js";

const CASES = PACKET_CASES.flatMap((one) => one.versions.map((version) => ({ ...one, version })));

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
