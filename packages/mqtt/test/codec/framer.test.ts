import { fromHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";

import { MqttProtocolError } from "../../src/codec/errors.js";
import { Framer, type FrameSink } from "../../src/codec/framer.js";
import { caseFrames } from "./packet-cases.js";

/** Keeps a copy and a view of each frame, and stops after `patience` of them. */
class FrameList implements FrameSink {
  readonly frames: Uint8Array[] = [];
  readonly views: Uint8Array[] = [];
  readonly arrays: Uint8Array[] = [];
  readonly bodyOffsets: number[] = [];
  patience = Infinity;

  receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    this.frames.push(bytes.slice(start, end));
    this.views.push(bytes.subarray(start, end));
    this.arrays.push(bytes);
    this.bodyOffsets.push(bodyStart - start);
    return --this.patience > 0;
  }
}

/** A frame of type 0 with a body of `size` bytes. */
function frame(size: number): Uint8Array {
  const header = [0];
  let rest = size;
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  const bytes = new Uint8Array(header.length + size).fill(0x55);
  bytes.set(header);
  return bytes;
}

function join(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const one of frames) {
    bytes.set(one, offset);
    offset += one.length;
  }
  return bytes;
}

function reasonOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof MqttProtocolError ? error.reasonName : error;
  }
}

const FRAMES = [0, 1, 127, 128, 2, 16_383, 16_384, 0, 300].map(frame);

describe("the framer", () => {
  test("delivers whole packets in place: the chunk itself, nothing copied", () => {
    const chunk = join(FRAMES);
    const list = new FrameList();
    new Framer().receive(chunk, list);
    expect(list.frames).toStrictEqual(FRAMES);
    expect(list.arrays.every((bytes) => bytes === chunk)).toBe(true);
    expect(list.bodyOffsets).toStrictEqual([2, 2, 2, 3, 2, 3, 4, 2, 3]);
  });

  test("delivers a Buffer as a plain view on the same memory, whose slice copies", () => {
    const chunk = Buffer.from([0, 1, 7]);
    const list = new FrameList();
    new Framer().receive(chunk, list);
    expect(list.arrays[0]?.constructor).toBe(Uint8Array);
    expect(list.arrays[0]?.buffer).toBe(chunk.buffer);
    expect(list.frames).toStrictEqual([Uint8Array.of(0, 1, 7)]);
  });

  test("gives the same packets byte by byte", () => {
    const framer = new Framer();
    const list = new FrameList();
    for (const byte of join(FRAMES)) framer.receive(Uint8Array.of(byte), list);
    expect(list.frames).toStrictEqual(FRAMES);
    expect(framer.pendingSize).toBe(0);
  });

  test("gives the same packets for every way to cut a stream in two", () => {
    const frames = caseFrames(5);
    const stream = join(frames);
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new Framer();
      const list = new FrameList();
      framer.receive(stream.subarray(0, cut), list);
      framer.receive(stream.subarray(cut), list);
      expect(list.frames).toStrictEqual(frames);
    }
  });

  test("gives the same packets for any chunking, any place to stop, and chunks that come while stopped", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 });
    const patience = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, cuts, patience, fc.boolean(), (sizes, cuts, patience, isPausing) => {
        const frames = sizes.map(frame);
        const stream = join(frames);
        const framer = new Framer();
        const list = new FrameList();
        let turn = 0;
        const renewPatience = (): void => {
          list.patience = patience[turn++ % patience.length] ?? 1;
        };
        const resumeUntilFlowing = (): void => {
          while (framer.isStopped) {
            renewPatience();
            framer.resume(list);
          }
        };
        renewPatience();
        for (let start = 0, i = 0; start < stream.length; i++) {
          const end = start + (cuts[i % cuts.length] ?? 1);
          // The owner of a chunk may use its memory again.
          const chunk = stream.slice(start, end);
          framer.receive(chunk, list);
          chunk.fill(0xee);
          if (isPausing) resumeUntilFlowing();
          start = end;
        }
        resumeUntilFlowing();
        expect(list.frames).toStrictEqual(frames);
        expect(framer.pendingSize).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test("delivers no frame more once the sink has said stop, until resume", () => {
    const framer = new Framer();
    const list = new FrameList();
    list.patience = 2;
    framer.receive(join([frame(1), frame(2), frame(3), frame(4).subarray(0, 3)]), list);
    framer.receive(frame(4).subarray(3), list);
    expect(list.frames).toStrictEqual([frame(1), frame(2)]);
    expect(framer.isStopped).toBe(true);
    list.patience = 1;
    framer.resume(list);
    expect(list.frames).toStrictEqual([frame(1), frame(2), frame(3)]);
    list.patience = Infinity;
    framer.resume(list);
    expect(list.frames).toStrictEqual([frame(1), frame(2), frame(3), frame(4)]);
    expect(framer.isStopped).toBe(false);
  });

  test("never writes again to bytes that it has delivered", () => {
    const framer = new Framer();
    const list = new FrameList();
    const stream = join([200, 201, 5, 300, 400, 7, 500].map(frame));
    for (let start = 0; start < stream.length; start += 7) framer.receive(stream.slice(start, start + 7), list);
    expect(list.frames).toHaveLength(7);
    expect(list.views).toStrictEqual(list.frames);
  });
});

describe("the framer's limit", () => {
  test("admits a packet of the maximum size and refuses one above it with 0x95 [MQTT-3.2.2-15]", () => {
    const list = new FrameList();
    new Framer({ maximumPacketSize: 130 }).receive(frame(127), list);
    new Framer({ maximumPacketSize: 130 }).receive(frame(127).subarray(0, 2), list);
    expect(list.frames).toHaveLength(1);
    expect(reasonOf(() => new Framer({ maximumPacketSize: 130 }).receive(frame(128), list))).toBe("packetTooLarge");
    expect(list.frames).toHaveLength(1);
  });

  test("refuses a packet as soon as its length is known, before a byte of it is kept", () => {
    const framer = new Framer({ maximumPacketSize: 1000 });
    const list = new FrameList();
    framer.receive(frame(1), list);
    expect(reasonOf(() => framer.receive(fromHex("30 ffffff7f"), list))).toBe("packetTooLarge");
    const slow = new Framer({ maximumPacketSize: 1000 });
    slow.receive(fromHex("30"), list);
    slow.receive(fromHex("e9"), list);
    expect(reasonOf(() => slow.receive(fromHex("07"), list))).toBe("packetTooLarge");
    expect(list.frames).toHaveLength(1);
  });

  test("delivers the packets before one that is too large", () => {
    const list = new FrameList();
    const chunk = join([frame(3), frame(4), frame(5000)]);
    expect(reasonOf(() => new Framer({ maximumPacketSize: 100 }).receive(chunk, list))).toBe("packetTooLarge");
    expect(list.frames).toStrictEqual([frame(3), frame(4)]);
  });

  test("can be raised by the sink of the first packet, for the next one in the same chunk", () => {
    const framer = new Framer({ maximumPacketSize: 50 });
    const sizes: number[] = [];
    framer.receive(join([frame(20), frame(5000)]), {
      receiveFrame(_bytes, start, _bodyStart, end) {
        framer.setMaximumPacketSize(10_000);
        sizes.push(end - start);
        return true;
      },
    });
    expect(sizes).toStrictEqual([22, 5003]);
  });

  test.each([0, 1, 1.5, NaN, 268_435_461])("cannot be %d", (maximumPacketSize) => {
    expect(() => new Framer({ maximumPacketSize })).toThrow(RangeError);
  });

  test.each([
    ["two bytes for 0", "30 8000"],
    ["two bytes for 1", "30 8100"],
    ["three bytes for 127", "30 ff8000"],
    ["four bytes for 16,383", "30 ffff8000"],
    ["a fourth byte that goes on", "30 80808080"],
    ["a fourth byte that goes on", "30 ffffffff7f"],
  ])("an overlong Remaining Length, %s, is malformed [MQTT-1.5.5-1]", (_title, hex) => {
    const list = new FrameList();
    expect(reasonOf(() => new Framer().receive(fromHex(hex), list))).toBe("malformedPacket");
    const slow = new Framer();
    const byteByByte = (): void => {
      for (const byte of fromHex(hex)) slow.receive(Uint8Array.of(byte), list);
    };
    expect(reasonOf(byteByByte)).toBe("malformedPacket");
    expect(list.frames).toStrictEqual([]);
  });
});

describe("the framer's memory", () => {
  test("is bounded by the bytes that came, not by the 256 MB that they claim", () => {
    const framers: Framer[] = [];
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) {
      const framer = new Framer();
      framer.receive(fromHex("30 ffffff7f 0001 61"), new FrameList());
      framer.receive(new Uint8Array(100), new FrameList());
      framers.push(framer);
    }
    const sizeBytes = process.memoryUsage().arrayBuffers - before;
    expect(framers.every(({ pendingSize }) => pendingSize === 108)).toBe(true);
    expect(sizeBytes).toBeLessThan(1000 * 4096);
  });

  test("copies each byte of a large packet a bounded number of times, however small the chunks are", () => {
    const large = frame(1 << 20);
    const framer = new Framer();
    const list = new FrameList();
    const set = vi.spyOn(Uint8Array.prototype, "set");
    for (let start = 0; start < large.length; start += 16) framer.receive(large.subarray(start, start + 16), list);
    const copiedBytes = set.mock.calls.reduce((sum, [source]) => sum + source.length, 0);
    set.mockRestore();
    expect(list.frames).toHaveLength(1);
    expect(copiedBytes).toBeLessThan(4 * large.length);
  });
});
