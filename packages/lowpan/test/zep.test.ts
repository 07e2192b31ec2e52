import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeZep, encodeZep, nsOfNtp, ntpOfNs, type ZepData } from "../src/links/index.js";
import { WireError } from "../src/wire/index.js";
import { octets } from "./arbitraries.js";
import { codeOf } from "./errors.js";

const data: fc.Arbitrary<ZepData> = fc.record({
  type: fc.constant("data" as const),
  channel: fc.nat(255),
  deviceId: fc.nat(0xffff),
  isLqiMode: fc.boolean(),
  lqi: fc.nat(255),
  ntpTime: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  sequenceNumber: fc.nat(0xffff_ffff),
  psdu: octets(0, 127),
});

describe("ZEP", () => {
  it("brings each frame as it was sent, in 32 octets more", () => {
    fc.assert(
      fc.property(data, (sent) => {
        const datagram = encodeZep(sent);
        expect(datagram).toHaveLength(32 + sent.psdu.length);
        expect(decodeZep(datagram)).toEqual(sent);
      }),
    );
  });

  it("stands as sniffers draw it", () => {
    const sent = {
      type: "data",
      channel: 26,
      deviceId: 0x1234,
      isLqiMode: true,
      lqi: 0xff,
      ntpTime: 0x0102030405060708n,
      sequenceNumber: 0x0a0b0c0d,
      psdu: fromHex("020007aabb"),
    } as const;
    expect(toHex(encodeZep(sent))).toBe(
      "45580201" +
        "1a" +
        "1234" +
        "01" +
        "ff" +
        "0102030405060708" +
        "0a0b0c0d" +
        "00".repeat(10) +
        "05" +
        "020007aabb",
    );
  });

  it("registers a node with a dispatcher, with its address or without", () => {
    const address = fromHex("02000000123400aa");
    const hello = encodeZep({ type: "hello", address });
    expect(toHex(hello.subarray(21, 26))).toBe(toHex(new TextEncoder().encode("HELLO")));
    expect(decodeZep(hello)).toEqual({ type: "hello", address });
    expect(decodeZep(encodeZep({ type: "hello", address: undefined }))).toEqual({ type: "hello", address: undefined });
  });

  it("acknowledges a sequence number", () => {
    expect(decodeZep(encodeZep({ type: "ack", sequenceNumber: 9 }))).toEqual({ type: "ack", sequenceNumber: 9 });
  });

  it("version 1 is read", () => {
    expect(decodeZep(fromHex("455801 1a 1234 01 7f 00000000000000 05 020007aabb"))).toMatchObject({
      type: "data",
      channel: 26,
      deviceId: 0x1234,
      lqi: 0x7f,
      psdu: fromHex("020007aabb"),
    });
  });

  it("of time counts seconds since 1900 and their 2^32nd parts", () => {
    expect(ntpOfNs(500_000_000n)).toBe((2_208_988_800n << 32n) | 0x8000_0000n);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2_000_000_000n * 1_000_000_000n }), (ns) => {
        const difference = ns - nsOfNtp(ntpOfNs(ns));
        expect(difference === 0n || difference === 1n).toBe(true);
      }),
    );
  });

  it.each([
    ["another preamble", "46580201", "frame-type"],
    ["another version", "45580301", "frame-version"],
    ["another type", "45580203", "frame-type"],
    ["a header cut short", `45580201${"00".repeat(27)}`, "truncated"],
    ["less than it says", `45580201${"00".repeat(27)}05020007aa`, "frame-length"],
    ["more than it says", `45580201${"00".repeat(27)}05020007aabbcc`, "frame-length"],
    ["a frame longer than frames are", `45580201${"00".repeat(27)}80${"00".repeat(128)}`, "frame-length"],
  ])("with %s is refused", (_title, hex, code) => {
    expect(codeOf(() => decodeZep(fromHex(hex)))).toBe(code);
  });

  it("gives a packet or a WireError for any octets", () => {
    const begun = octets(0, 60).map((rest) => Uint8Array.of(0x45, 0x58, 2, 1, ...rest));
    fc.assert(
      fc.property(fc.oneof(begun, octets(0, 60)), (datagram) => {
        try {
          decodeZep(datagram);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});
