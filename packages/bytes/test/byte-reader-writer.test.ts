import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, fromHex, ShortReadError, toHex } from "../src/index.js";

type Field =
  | { readonly type: "uint8" | "uint16" | "uint32"; readonly value: number }
  | { readonly type: "run"; readonly value: Uint8Array };

const fields = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("uint8" as const), value: fc.integer({ min: 0, max: 0xff }) }),
    fc.record({ type: fc.constant("uint16" as const), value: fc.integer({ min: 0, max: 0xffff }) }),
    fc.record({ type: fc.constant("uint32" as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
    fc.record({ type: fc.constant("run" as const), value: fc.uint8Array({ maxLength: 40 }) }),
  ),
  { maxLength: 30 },
);

function write(writer: ByteWriter, field: Field): void {
  if (field.type === "run") writer.append(field.value);
  else writer[field.type](field.value);
}

function read(reader: ByteReader, field: Field): number | Uint8Array {
  if (field.type === "run") return reader.take(field.value.length);
  return reader[field.type]();
}

function writeAll(list: readonly Field[], capacity: number): Uint8Array {
  const writer = new ByteWriter(capacity);
  for (const field of list) write(writer, field);
  return writer.toBytes();
}

describe("ByteReader and ByteWriter", () => {
  it("what is written is read back, from any window and any first capacity", () => {
    fc.assert(
      fc.property(fields, fc.nat(9), fc.nat(9), fc.nat(80), (list, before, after, capacity) => {
        const bytes = writeAll(list, capacity);
        const outer = new Uint8Array(before + bytes.length + after).fill(0xaa);
        outer.set(bytes, before);
        const reader = new ByteReader(outer, before, before + bytes.length);
        for (const field of list) expect(read(reader, field)).toEqual(field.value);
        expect(reader.remaining).toBe(0);
        expect(reader.offset).toBe(before + bytes.length);
      }),
    );
  });

  it("every strict prefix is a short read that says how much was left, never zeros", () => {
    fc.assert(
      fc.property(fields, (list) => {
        const bytes = writeAll(list, 1);
        for (let end = 0; end < bytes.length; end++) {
          const reader = new ByteReader(bytes, 0, end);
          let error: unknown;
          try {
            for (const field of list) read(reader, field);
          } catch (caught) {
            error = caught;
          }
          if (!(error instanceof ShortReadError)) throw new Error(`prefix of ${end} bytes read as a whole`);
          expect(error.available).toBe(reader.remaining);
          expect(error.needed).toBeGreaterThan(error.available);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("a failed read consumes nothing", () => {
    const reader = new ByteReader(fromHex("010203"));
    expect(() => reader.uint32()).toThrow(ShortReadError);
    expect(reader.offset).toBe(0);
    expect(reader.uint16()).toBe(0x0102);
    expect(() => reader.take(2)).toThrow(/need 2 bytes, 1 left/);
    expect(reader.uint8()).toBe(3);
  });

  it("32 bits are unsigned", () => {
    expect(new ByteReader(fromHex("ffffffff")).uint32()).toBe(0xffff_ffff);
    expect(new ByteReader(fromHex("80000000")).uint32()).toBe(0x8000_0000);
    expect(toHex(new ByteWriter().uint32(0x8000_0001).view())).toBe("80000001");
  });

  it("a length can be written when what it counts has been", () => {
    const writer = new ByteWriter(1).uint8(1).uint32(0).append(fromHex("aabbcc"));
    expect(toHex(writer.replaceUint32(1, 0x8000_0003).view())).toBe("0180000003aabbcc");
    expect(() => writer.replaceUint32(5, 0)).toThrow(RangeError);
    expect(() => writer.replaceUint32(-1, 0)).toThrow(RangeError);
  });

  it("a run that is taken shares memory with its source", () => {
    const bytes = fromHex("00112233");
    const taken = new ByteReader(bytes, 1).take(2);
    bytes[1] = 0xff;
    expect(toHex(taken)).toBe("ff22");
    expect(taken.buffer).toBe(bytes.buffer);
  });

  it("a negative length never moves backwards", () => {
    const reader = new ByteReader(fromHex("0011"));
    reader.skip(1);
    expect(() => reader.take(-1)).toThrow(ShortReadError);
    expect(() => reader.skip(-1)).toThrow(ShortReadError);
    expect(reader.offset).toBe(1);
  });

  it.each([
    [-1, 2],
    [0, 5],
    [3, 2],
  ])("the window %i..%i of four bytes is the caller's error", (start, end) => {
    expect(() => new ByteReader(new Uint8Array(4), start, end)).toThrow(RangeError);
  });

  it.each([
    ["uint8", 0x100],
    ["uint8", -1],
    ["uint16", 0x1_0000],
    ["uint16", 1.5],
    ["uint32", 0x1_0000_0000],
    ["uint32", Number.NaN],
  ] as const)("%s(%d) is the caller's error and leaves the writer as it was", (method, value) => {
    const writer = new ByteWriter().uint8(7);
    expect(() => writer[method](value)).toThrow(RangeError);
    expect(toHex(writer.view())).toBe("07");
  });

  it("a copy stands apart from what is written later", () => {
    const writer = new ByteWriter(2).uint16(0x0102);
    const copy = writer.toBytes();
    writer.append(new Uint8Array(1000));
    expect(toHex(copy)).toBe("0102");
    expect(writer.length).toBe(1002);
  });
});
