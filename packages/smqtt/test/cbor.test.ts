import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CborError, type CborValue, decodeCbor, encodeCbor } from "../src/envelope/cbor.js";

describe("deterministic CBOR", () => {
  // RFC 8949 appendix A, what the subset has of it.
  it.each<[CborValue, string]>([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65_535, "19ffff"],
    [65_536, "1a00010000"],
    [4_294_967_295, "1affffffff"],
    [4_294_967_296, "1b0000000100000000"],
    [1_000_000_000_000, "1b000000e8d4a51000"],
    [-1, "20"],
    [-100, "3863"],
    [-1000, "3903e7"],
    [false, "f4"],
    [true, "f5"],
    [null, "f6"],
    [new Uint8Array(0), "40"],
    [fromHex("01020304"), "4401020304"],
    ["", "60"],
    ["IETF", "6449455446"],
    ["\u00fc", "62c3bc"],
    ["\u{10151}", "64f0908591"],
    [[], "80"],
    [[1, [2, 3], [4, 5]], "8301820203820405"],
    [new Map(), "a0"],
    [
      new Map([
        ["a", 1],
        ["b", [2, 3]],
      ] as [string, CborValue][]),
      "a26161016162820203",
    ],
    [{ tag: 16, value: [1] }, "d08101"],
    [{ tag: 995, value: 0 }, "d903e300"],
  ])("%j is %s", (value, hex) => {
    expect(toHex(encodeCbor(value))).toBe(hex);
    expect(decodeCbor(fromHex(hex))).toEqual(value);
  });

  it("writes map keys in the order of their encodings, whatever the order of insertion (RFC 8949 4.2.1)", () => {
    const map = new Map<number | string, CborValue>([
      ["z", 1],
      [-70_001, 2],
      [100, 3],
      [1, 4],
      [-1, 5],
      ["aa", 6],
    ]);
    expect(toHex(encodeCbor(map))).toBe("a6010418640320053a0001117002617a0162616106");
    expect(decodeCbor(encodeCbor(map))).toEqual(map);
  });

  it.each([
    ["1800", "0 in two bytes"],
    ["1817", "23 in two bytes"],
    ["1900ff", "255 in three bytes"],
    ["1a0000ffff", "65,535 in five bytes"],
    ["1b00000000ffffffff", "2^32 - 1 in nine bytes"],
    ["1b0020000000000000", "2^53"],
    ["1bffffffffffffffff", "2^64 - 1"],
    ["5f42010243030405ff", "an indefinite byte string"],
    ["7f61ff", "an indefinite text string"],
    ["9fff", "an indefinite array"],
    ["bfff", "an indefinite map"],
    ["1c", "a reserved head"],
    ["f90000", "a float"],
    ["f7", "undefined"],
    ["f0", "simple value 16"],
    ["f820", "simple value 32"],
    ["a201010102", "a key twice"],
    ["a202010102", "keys out of order"],
    ["a1400102", "a key that is a byte string"],
    ["0000", "two items"],
    ["", "nothing"],
    ["41", "a string cut short"],
    ["5b7fffffffffffffff", "a string of 2^63 bytes"],
    ["9affffffff", "an array of 2^32 items"],
    ["61ff", "text that is no UTF-8"],
    ["81".repeat(9) + "00", "arrays nine deep"],
    ["d0".repeat(9) + "00", "tags nine deep"],
  ])("refuses %s: %s", (hex) => {
    expect(() => decodeCbor(fromHex(hex))).toThrow(CborError);
  });

  it("refuses more items than the limit", () => {
    expect(() => decodeCbor(encodeCbor(Array.from({ length: 5000 }, () => 0)))).toThrow(CborError);
    expect(() => decodeCbor(encodeCbor([1, 2]), { items: 2 })).toThrow(CborError);
  });

  const leaf = fc.oneof(
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }),
  );
  const { value: anyValue } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("value"), { maxLength: 5 }),
      fc
        .array(fc.tuple(fc.oneof(fc.maxSafeInteger(), fc.string()), tie("value")), { maxLength: 5 })
        .map((entries): CborValue => new Map(entries)),
    ),
  }));

  it("any value comes back, no prefix does, and what decodes has that one encoding", () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.nat(255), (value, at, byte) => {
        const encoded = encodeCbor(value);
        expect(decodeCbor(encoded)).toEqual(value);
        expect(() => decodeCbor(encoded.subarray(0, at % encoded.length))).toThrow(CborError);
        const mutated = encoded.slice();
        mutated[at % encoded.length] = byte;
        let decoded: CborValue;
        try {
          decoded = decodeCbor(mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(CborError);
          return;
        }
        expect(toHex(encodeCbor(decoded))).toBe(toHex(mutated));
      }),
    );
  });
});
