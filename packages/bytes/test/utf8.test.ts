import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ByteReader,
  ByteWriter,
  decodeUtf8,
  encodeUtf8,
  fromHex,
  hasLoneSurrogate,
  toHex,
  Utf8Error,
  utf8Length,
  writeUtf8,
} from "../src/index.js";

// The first and last code point of each row of the Unicode standard's table 3-7, which is RFC 3629 section 4.
const wellFormed: readonly [name: string, codePoint: number, hex: string][] = [
  ["first of one byte", 0x0000, "00"],
  ["last of one byte", 0x007f, "7f"],
  ["first of two bytes", 0x0080, "c2 80"],
  ["last of two bytes", 0x07ff, "df bf"],
  ["first of three bytes, lead E0", 0x0800, "e0 a0 80"],
  ["last with lead E0", 0x0fff, "e0 bf bf"],
  ["first with lead E1", 0x1000, "e1 80 80"],
  ["last with lead EC", 0xcfff, "ec bf bf"],
  ["first with lead ED", 0xd000, "ed 80 80"],
  ["last before the surrogates", 0xd7ff, "ed 9f bf"],
  ["first after the surrogates", 0xe000, "ee 80 80"],
  ["byte-order mark", 0xfeff, "ef bb bf"],
  ["replacement character", 0xfffd, "ef bf bd"],
  ["non-character at the end of plane 0", 0xffff, "ef bf bf"],
  ["first of four bytes, lead F0", 0x10000, "f0 90 80 80"],
  ["last with lead F0", 0x3ffff, "f0 bf bf bf"],
  ["first with lead F1", 0x40000, "f1 80 80 80"],
  ["last with lead F3", 0xfffff, "f3 bf bf bf"],
  ["first with lead F4", 0x100000, "f4 80 80 80"],
  ["last of all", 0x10ffff, "f4 8f bf bf"],
];

const malformed: readonly [why: string, hex: string][] = [
  ["a continuation byte alone", "80"],
  ["the last continuation byte alone", "bf"],
  ["NUL as two bytes (overlong)", "c0 80"],
  ["solidus as two bytes (overlong)", "c0 af"],
  ["U+007F as two bytes (overlong)", "c1 bf"],
  ["U+07FF as three bytes (overlong)", "e0 9f bf"],
  ["solidus as three bytes (overlong)", "e0 80 af"],
  ["U+FFFF as four bytes (overlong)", "f0 8f bf bf"],
  ["the first high surrogate", "ed a0 80"],
  ["the last low surrogate", "ed bf bf"],
  ["a surrogate pair (CESU-8)", "ed a0 81 ed b0 80"],
  ["U+110000", "f4 90 80 80"],
  ["lead F5", "f5 80 80 80"],
  ["five bytes", "f8 88 80 80 80"],
  ["six bytes", "fc 84 80 80 80 80"],
  ["FE", "fe"],
  ["FF", "ff"],
  ["a lead without its continuation", "c2 41"],
  ["a sequence broken in its third byte", "e2 82 41"],
  ["a sequence broken in its fourth byte", "f0 9f 98 41"],
];

describe("UTF-8 (RFC 3629)", () => {
  it.each(wellFormed)("%s decodes to its code point and back", (_name, codePoint, hex) => {
    const bytes = fromHex(hex);
    const text = decodeUtf8(bytes);
    expect(text.codePointAt(0)).toBe(codePoint);
    expect(text).toHaveLength(codePoint > 0xffff ? 2 : 1);
    expect(toHex(encodeUtf8(text), " ")).toBe(hex);
    expect(utf8Length(text)).toBe(bytes.length);
  });

  it.each(wellFormed)("%s cut short at any byte is refused", (_name, _codePoint, hex) => {
    const bytes = fromHex(hex);
    for (let end = 1; end < bytes.length; end++) expect(() => decodeUtf8(bytes, 0, end)).toThrow(Utf8Error);
  });

  it.each(malformed)("%s is refused wherever it stands", (_why, hex) => {
    const bad = fromHex(hex);
    // Before and after the length at which another decoder takes over, at either end.
    for (const padding of [0, 1, 47, 48, 49, 200]) {
      const around = new Uint8Array(padding + bad.length + padding).fill(0x61);
      around.set(bad, padding);
      expect(() => decodeUtf8(around)).toThrow(Utf8Error);
      expect(decodeUtf8(around, 0, padding)).toBe("a".repeat(padding));
      expect(decodeUtf8(around, padding + bad.length)).toBe("a".repeat(padding));
    }
  });

  it("keeps every byte-order mark: U+FEFF is data [MQTT-1.5.4-3]", () => {
    expect(decodeUtf8(fromHex("ef bb bf ef bb bf 61"))).toBe("\uFEFF\uFEFFa");
  });

  it("accepts exactly what decodes and encodes to the same bytes", () => {
    const utf8Like = fc.array(fc.oneof(fc.nat(0x7f), fc.integer({ min: 0x80, max: 0xff })), { maxLength: 64 });
    fc.assert(
      fc.property(utf8Like, (values) => {
        const bytes = Uint8Array.from(values);
        // An implementation of its own: the buffer's lenient decoder, whose replacement characters show in the bytes.
        const isWellFormed = Buffer.from(bytes).equals(Buffer.from(Buffer.from(bytes).toString("utf8"), "utf8"));
        if (isWellFormed) expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes);
        else expect(() => decodeUtf8(bytes)).toThrow(Utf8Error);
      }),
      { numRuns: 2000 },
    );
  });

  it("round-trips every text that has a UTF-8 form, and counts its bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
        const bytes = encodeUtf8(text);
        expect(decodeUtf8(bytes)).toBe(text);
        expect(utf8Length(text)).toBe(bytes.length);
      }),
    );
  });

  it("decodes a window as it decodes a copy of the window", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(70), fc.nat(70), (text, before, after) => {
        const inner = encodeUtf8(text);
        const outer = new Uint8Array(before + inner.length + after).fill(0xff);
        outer.set(inner, before);
        expect(decodeUtf8(outer, before, before + inner.length)).toBe(text);
      }),
    );
  });

  it.each([
    [-1, 2],
    [0, 4],
    [0, 100],
    [2, 1],
  ])("the window %i..%i of three bytes is the caller's error, never text with zeros in it", (start, end) => {
    expect(() => decodeUtf8(fromHex("616263"), start, end)).toThrow(RangeError);
  });

  it.each([
    ["a high surrogate alone", "\uD800"],
    ["a low surrogate alone", "\uDFFF"],
    ["a pair the wrong way round", "\uDC00\uD800"],
    ["a high surrogate before a letter", "a\uDBFFb"],
  ])("%s has no UTF-8 form", (_name, text) => {
    expect(hasLoneSurrogate(text)).toBe(true);
    expect(() => encodeUtf8(text)).toThrow(Utf8Error);
  });

  it("a surrogate pair is not a lone surrogate", () => {
    expect(hasLoneSurrogate("\u{1F600}")).toBe(false);
    expect(toHex(encodeUtf8("\u{1F600}"))).toBe("f09f9880");
  });

  it("keeps the decoder's own error as the cause", () => {
    try {
      decodeUtf8(fromHex("ff"));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Utf8Error);
      expect(error).toHaveProperty("cause");
      expect(error).toHaveProperty("name", "Utf8Error");
    }
  });
});

describe("writing in place", () => {
  it("gives the same bytes as encoding, and where they end", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.nat(10), (text, at) => {
        const bytes = new Uint8Array(at + 3 * text.length);
        const end = writeUtf8(bytes, at, text);
        expect(toHex(bytes.subarray(at, end))).toBe(toHex(encodeUtf8(text)));
        const writer = new ByteWriter(1).text32(text).uint8(7);
        const reader = new ByteReader(writer.view());
        expect(decodeUtf8(reader.take(reader.uint32()))).toBe(text);
        expect(reader.uint8()).toBe(7);
      }),
    );
  });

  it("refuses a lone surrogate, and too little room", () => {
    expect(() => writeUtf8(new Uint8Array(100), 0, "a\ud800")).toThrow(Utf8Error);
    expect(() => writeUtf8(new Uint8Array(8), 0, "abc")).toThrow(RangeError);
  });
});
