import { encodePacket, type Packet, type ProtocolVersion, type QoS } from "@isthmus/mqtt/codec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { PacketScanner, type PacketSink } from "../src/bench/packet-scanner.js";

/** Writes down what the scanner tells; control packets as copies of their bytes. */
class Notes implements PacketSink {
  readonly lines: string[] = [];

  receivePublish(qos: number, packetIdentifier: number, frameSize: number): void {
    this.lines.push(`publish ${qos} ${packetIdentifier} ${frameSize}`);
  }

  receiveControl(typeCode: number, bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    this.lines.push(`${typeCode} ${bodyStart - start} ${Buffer.from(bytes.subarray(start, end)).toString("hex")}`);
  }
}

const VERSION: ProtocolVersion = 5;

const anyIdentifier = fc.integer({ min: 1, max: 65_535 });
const anyPacket: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({
      qos: fc.constantFrom<QoS>(0, 1, 2),
      topic: fc.stringMatching(/^[a-z/]{1,200}$/),
      // Remaining lengths of one, two and three bytes, and payloads longer than most chunks.
      size: fc.oneof(fc.nat(40), fc.nat(300), fc.integer({ min: 16_000, max: 17_000 })),
      packetIdentifier: anyIdentifier,
    })
    .map(({ qos, topic, size, packetIdentifier }) => ({
      type: "publish" as const,
      topic,
      payload: new Uint8Array(size).fill(0x30),
      qos,
      retain: false,
      dup: false,
      ...(qos > 0 && { packetIdentifier }),
    })),
  fc.record({
    type: fc.constantFrom("puback" as const, "pubrec" as const, "pubrel" as const, "pubcomp" as const),
    packetIdentifier: anyIdentifier,
    reasonCode: fc.constant(0),
  }),
  fc.record({
    type: fc.constant("suback" as const),
    packetIdentifier: anyIdentifier,
    reasonCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 600 }),
  }),
  fc.constant<Packet>({ type: "pingresp" }),
);

function expectedLine(packet: Packet, frame: Uint8Array): string {
  if (packet.type === "publish") return `publish ${packet.qos} ${packet.packetIdentifier ?? 0} ${frame.length}`;
  // The remaining length of a SUBACK may take two bytes.
  return `${(frame[0] ?? 0) >> 4} ${frame.length > 129 ? 3 : 2} ${Buffer.from(frame).toString("hex")}`;
}

describe("PacketScanner", () => {
  it("tells every packet once and in order, however the stream is chunked", () => {
    fc.assert(
      fc.property(
        fc.array(anyPacket, { minLength: 1, maxLength: 20 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), { minLength: 1 }),
        (packets, sizes) => {
          const frames = packets.map((packet) => encodePacket(packet, VERSION));
          const stream = Buffer.concat(frames);
          const notes = new Notes();
          const scanner = new PacketScanner(notes);
          // One buffer for all chunks, as the connections have: what is kept of a chunk must be a copy.
          const shared = new Uint8Array(5000);
          for (let at = 0, i = 0; at < stream.length; i++) {
            const chunk = stream.subarray(at, at + (sizes[i % sizes.length] ?? 1));
            shared.fill(0xff);
            shared.set(chunk);
            scanner.receive(shared, chunk.length);
            at += chunk.length;
          }
          expect(notes.lines).toEqual(packets.map((packet, i) => expectedLine(packet, frames[i] ?? new Uint8Array(0))));
        },
      ),
    );
  });

  it("counts a PUBLISH when its last byte has come, not before", () => {
    const frame = encodePacket(
      { type: "publish", topic: "a", payload: new Uint8Array(500), qos: 0, retain: false, dup: false },
      4,
    );
    const notes = new Notes();
    const scanner = new PacketScanner(notes);
    scanner.receive(frame.subarray(0, frame.length - 1), frame.length - 1);
    expect(notes.lines).toEqual([]);
    scanner.receive(frame.subarray(-1), 1);
    expect(notes.lines).toEqual([`publish 0 0 ${frame.length}`]);
  });

  it.each([[[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]], [[0x30, 0x80, 0x80, 0x80, 0x80]]])(
    "a Remaining Length of five bytes ends the measurement: %j",
    (bytes) => {
      const scanner = new PacketScanner(new Notes());
      expect(() => scanner.receive(Uint8Array.from(bytes), bytes.length)).toThrow(/Remaining Length/);
    },
  );

  it("a control packet that claims megabytes is not gathered for ever", () => {
    const scanner = new PacketScanner(new Notes());
    const claim = Uint8Array.from([0x90, 0xff, 0xff, 0xff, 0x7f]);
    scanner.receive(claim, claim.length);
    const chunk = new Uint8Array(40_000);
    scanner.receive(chunk, chunk.length);
    expect(() => scanner.receive(chunk, chunk.length)).toThrow(/header of more than 65536 bytes/);
  });
});
