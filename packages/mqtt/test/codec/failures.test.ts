import { fromHex } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";

import { decodePacket } from "../../src/codec/decode-packet.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import type { ProtocolVersion } from "../../src/codec/packets.js";
import { FAILURE_CASES } from "./failure-cases.js";

const CASES = FAILURE_CASES.flatMap((one) => one.versions.map((version) => ({ ...one, version })));

describe("what the codec refuses", () => {
  test.each(CASES)("$title (version $version, $clause): $reason", ({ hex, reason, version }) => {
    const bytes = fromHex(hex);
    expect(reasonOf(bytes, 0, bytes.length, version)).toBe(reason);
  });

  test.each(CASES)("$title (version $version, $clause): never reads beyond its end", ({ hex, reason, version }) => {
    const frame = fromHex(hex);
    const bytes = new Uint8Array(frame.length + 300).fill(0x61);
    bytes.set(frame, 1);
    expect(reasonOf(bytes, 1, 1 + frame.length, version)).toBe(reason);
  });
});

function reasonOf(bytes: Uint8Array, start: number, end: number, version: ProtocolVersion | undefined): unknown {
  try {
    return decodePacket(bytes, start, end, version);
  } catch (error) {
    return error instanceof MqttProtocolError ? error.reasonName : error;
  }
}
