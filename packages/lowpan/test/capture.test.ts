import { concatBytes, fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CaptureDecoder,
  type CapturedFrame,
  closeRecord,
  decodeCapture,
  encodePcapHeader,
  encodePcapngHeader,
  encodePcapngRecord,
  encodePcapRecord,
  openRecord,
} from "../src/capture/index.js";
import { WireError } from "../src/wire/index.js";
import { octets } from "./arbitraries.js";
import { readCapture } from "./captures.js";
import { codeOf } from "./errors.js";

const record = fc.record({
  // pcap's seconds have 32 bits, its fraction is in microseconds.
  timestampNs: fc.bigInt({ min: 0n, max: 0xffff_ffffn * 1_000_000n }).map((us) => us * 1_000n),
  bytes: octets(0, 140),
  extra: fc.nat(5),
});

describe("a written capture", () => {
  it.each([
    ["pcap", encodePcapHeader(230), encodePcapRecord],
    ["pcapng", encodePcapngHeader(230, "radio 26"), encodePcapngRecord],
  ] as const)("in %s is read again, in chunks of any size", (_format, header, encodeRecord) => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), fc.integer({ min: 1, max: 200 }), (records, chunkLength) => {
        const sent = records.map(({ extra, ...rest }) => ({ ...rest, originalLength: rest.bytes.length + extra }));
        const file = concatBytes([header, ...sent.map((one) => encodeRecord(one))]);
        const decoder = new CaptureDecoder();
        const read = [];
        for (let at = 0; at < file.length; at += chunkLength) {
          read.push(...decoder.push(file.subarray(at, at + chunkLength)));
        }
        decoder.end();
        expect(read).toEqual(sent.map((one) => ({ linkType: 230, ...one })));
      }),
    );
  });

  it("keeps comments where readers skip them", () => {
    const commented = encodePcapngRecord({ bytes: fromHex("aabbcc"), timestampNs: 5n, originalLength: 3 }, "lost");
    const [read] = decodeCapture(concatBytes([encodePcapngHeader(195), commented]));
    expect(read).toEqual({ linkType: 195, bytes: fromHex("aabbcc"), timestampNs: 5n, originalLength: 3 });
  });
});

describe("a read capture", () => {
  it("may be big-endian, in nanoseconds", () => {
    const file = fromHex(
      "a1b23c4d 0002 0004 00000000 00000000 0000ffff 000000c3 00000001 00000002 00000001 00000001 aa",
    );
    expect(decodeCapture(file)).toEqual([
      { linkType: 195, timestampNs: 1_000_000_002n, bytes: fromHex("aa"), originalLength: 1 },
    ]);
  });

  it("may be a big-endian pcapng with powers of two for time, an offset and blocks of other kinds", () => {
    const section = "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c";
    const other = "00000005 00000010 00000000 00000010";
    // Resolution 2^-1, offset 10 s.
    const description =
      "00000001 0000002c 00e6 0000 00000000 0009 0001 81000000 000e 0008 000000000000000a 0000 0000 0000002c";
    const packet = "00000006 00000024 00000000 00000000 00000003 00000001 00000001 aa000000 00000024";
    const simple = "00000003 00000014 00000001 bb000000 00000014";
    const file = fromHex(section + other + description + packet + simple);
    expect(decodeCapture(file)).toEqual([
      { linkType: 230, timestampNs: 11_500_000_000n, bytes: fromHex("aa"), originalLength: 1 },
      { linkType: 230, timestampNs: 0n, bytes: fromHex("bb"), originalLength: 1 },
    ]);
  });

  it.each([
    ["that is none", "00112233", "capture"],
    ["with a record beyond the limit", `${toHex(encodePcapHeader(195))}00000000000000000000ffff00000000`, "capture"],
    ["that ends within a record", `${toHex(encodePcapHeader(195))}0000000000000000040000000400000000`, "truncated"],
    [
      "whose packet has no interface",
      `${toHex(encodePcapngHeader(195)).slice(0, 56)}0300000010000000000000001000 0000`,
      "capture",
    ],
    ["whose block lengths differ", `${toHex(encodePcapngHeader(195))}050000000c0000000d000000`, "capture"],
    ["whose block is shorter than a block", `${toHex(encodePcapngHeader(195))}050000000800000008000000`, "capture"],
  ])("%s is refused", (_title, hex, code) => {
    expect(codeOf(() => decodeCapture(fromHex(hex)))).toBe(code);
  });

  it("with any damage gives records or a WireError", () => {
    const files = [
      readCapture("border-router-and-riot-283").subarray(0, 2000),
      concatBytes([
        encodePcapngHeader(283),
        encodePcapngRecord({ bytes: fromHex("aabb"), timestampNs: 5n, originalLength: 2 }),
      ]),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(), fc.nat(255), (file, at, value) => {
        const damaged = file.slice();
        damaged[at % file.length] = value;
        try {
          for (const { linkType, bytes } of decodeCapture(damaged)) openRecord(linkType, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a TAP header", () => {
  it("comes back with what it tells about the radio", () => {
    const frame: fc.Arbitrary<CapturedFrame> = fc.record({
      psdu: octets(2, 127),
      hasFcs: fc.boolean(),
      channel: fc.option(fc.nat(0xffff), { nil: undefined }),
      channelPage: fc.nat(31),
      rssDbm: fc.option(fc.integer({ min: -110, max: 10 }), { nil: undefined }),
      lqi: fc.option(fc.nat(255), { nil: undefined }),
    });
    fc.assert(
      fc.property(frame, (sent) => {
        const expected = { ...sent, channelPage: sent.channel === undefined ? undefined : sent.channelPage };
        expect(openRecord(283, closeRecord(283, sent))).toEqual(expected);
      }),
    );
  });

  it.each([
    ["of another version", "01000400", "capture"],
    ["with a 32-bit check sequence", "00000c00 00000100 02000000", "capture"],
    ["longer than the record", "00000800", "truncated"],
    ["with a field beyond it", "00000800 03000300", "truncated"],
  ])("%s is refused", (_title, hex, code) => {
    expect(codeOf(() => openRecord(283, fromHex(hex)))).toBe(code);
  });

  it("is not the only thing that can be wrong with a record", () => {
    expect(codeOf(() => openRecord(1, fromHex("00")))).toBe("capture");
    const withoutFcs = openRecord(230, fromHex("020007"));
    expect(() => closeRecord(195, withoutFcs)).toThrow(RangeError);
    expect(toHex(closeRecord(230, openRecord(195, fromHex("020007aabb"))))).toBe("020007");
  });
});
