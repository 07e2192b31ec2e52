import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodePacket } from "../../src/codec/decode-packet.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import { Framer } from "../../src/codec/framer.js";
import type { Packet, ProtocolVersion } from "../../src/codec/packets.js";
import { arbitraryPacket } from "./arbitrary-packets.js";

describe.each<ProtocolVersion>([3, 4, 5])("any packet of version %i", (version) => {
  test("is decoded to what was encoded", () => {
    fc.assert(
      fc.property(arbitraryPacket(version), (packet) => {
        const bytes = encodePacket(packet, version);
        expect(decodePacket(bytes, 0, bytes.length, version)).toStrictEqual(packet);
      }),
      { numRuns: 1000 },
    );
  });

  test("comes out of the framer when its last byte is there, and no sooner", () => {
    fc.assert(
      fc.property(arbitraryPacket(version), (packet) => {
        const bytes = encodePacket(packet, version);
        for (let length = 0; length < bytes.length; length++) {
          expect(receiveAll([bytes.subarray(0, length)], version)).toStrictEqual([]);
        }
        expect(receiveAll([bytes], version)).toStrictEqual([packet]);
      }),
      { numRuns: 50 },
    );
  });

  test("comes out of the framer in its order, however the stream is chunked", () => {
    const stream = fc.array(arbitraryPacket(version), { maxLength: 8 });
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (packets, sizes) => {
        const bytes = concatenate(packets.map((packet) => encodePacket(packet, version)));
        expect(receiveAll(chunked(bytes, sizes), version)).toStrictEqual(packets);
      }),
      { numRuns: 300 },
    );
  });

  test("with bytes changed is a packet or a typed error, and a packet then encodes again", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(arbitraryPacket(version), fc.array(change, { minLength: 1, maxLength: 4 }), (packet, changes) => {
        const bytes = encodePacket(packet, version);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        for (const changed of receiveUntilError([bytes], version)) {
          const again = encodePacket(changed, version);
          expect(decodePacket(again, 0, again.length, version)).toStrictEqual(changed);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function receiveAll(chunks: readonly Uint8Array[], version: ProtocolVersion): Packet[] {
  const packets: Packet[] = [];
  const framer = new Framer();
  for (const chunk of chunks) {
    framer.receive(chunk, {
      receiveFrame(bytes, start, _bodyStart, end) {
        packets.push(decodePacket(bytes, start, end, version));
        return true;
      },
    });
  }
  return packets;
}

function receiveUntilError(chunks: readonly Uint8Array[], version: ProtocolVersion): Packet[] {
  try {
    return receiveAll(chunks, version);
  } catch (error) {
    if (error instanceof MqttProtocolError) return [];
    throw error;
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function chunked(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let start = 0;
  while (start < bytes.length) {
    for (const size of sizes) chunks.push(bytes.subarray(start, (start += size)));
  }
  return chunks;
}
