import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  byteAt,
  concatBytes,
  equalBytes,
  fromHex,
  HexSyntaxError,
  readUint16,
  readUint32,
  toHex,
  writeUint16,
} from "../src/index.js";

describe("hexadecimal", () => {
  it("is what the platform's own encoder gives, and reads back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom("", " ", ":", "\n"), (bytes, separator) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
        expect(fromHex(toHex(bytes, separator))).toEqual(bytes);
        expect(fromHex(toHex(bytes, separator).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it.each(["0", "001", "0g", "0x00", "-1", "é0"])("%j is refused", (text) => {
    expect(() => fromHex(text)).toThrow(HexSyntaxError);
  });
});

describe("big-endian access", () => {
  it("agrees with DataView", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 16 }), fc.nat(), (bytes, anywhere) => {
        const offset = anywhere % (bytes.length - 3);
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        expect(byteAt(bytes, offset)).toBe(view.getUint8(offset));
        expect(readUint16(bytes, offset)).toBe(view.getUint16(offset));
        expect(readUint32(bytes, offset)).toBe(view.getUint32(offset));
      }),
    );
  });

  it("writes the low 16 bits and touches no neighbour", () => {
    fc.assert(
      fc.property(fc.nat(0xff_ffff), (value) => {
        const bytes = new Uint8Array(4).fill(0xee);
        writeUint16(bytes, 1, value);
        expect(readUint16(bytes, 1)).toBe(value & 0xffff);
        expect([bytes[0], bytes[3]]).toEqual([0xee, 0xee]);
      }),
    );
  });
});

describe("runs of bytes", () => {
  it("joined parts are the parts in order", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), (parts) => {
        expect(concatBytes(parts)).toEqual(new Uint8Array(Buffer.concat(parts)));
      }),
    );
  });

  it("are equal when length and every byte are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
        const other = bytes.slice();
        expect(equalBytes(bytes, other)).toBe(true);
        other[at % other.length] = (other[at % other.length] ?? 0) ^ change;
        expect(equalBytes(bytes, other)).toBe(false);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
        expect(equalBytes(bytes.subarray(1), bytes)).toBe(false);
      }),
    );
  });
});
