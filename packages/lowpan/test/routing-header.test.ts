import { fromHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRoutingHeaders,
  decodeSourceRouting,
  formatAddress,
  parseAddress,
  WireError,
} from "../src/wire/index.js";
import { octets } from "./arbitraries.js";
import { codeOf } from "./errors.js";

const decode = (hex: string) => {
  const bytes = fromHex(hex);
  return decodeRoutingHeaders(bytes, 0, bytes.length);
};

describe("6LoWPAN routing headers (RFC 8138)", () => {
  it("tell RPL information in its four lengths", () => {
    const information = { type: "rpl-information", hasRankError: false, hasForwardingError: false };
    expect(decode("f1 9305 02 7a33")).toEqual({
      headers: [{ ...information, isDown: true, instanceId: 0, senderRank: 0x200 }],
      end: 4,
    });
    expect(decode("f1 8205 0123").headers).toEqual([
      { ...information, isDown: false, instanceId: 0, senderRank: 0x123 },
    ]);
    expect(decode("f1 8105 1e 03").headers).toEqual([
      { ...information, isDown: false, instanceId: 30, senderRank: 0x300 },
    ]);
    expect(decode("f1 8005 1e 0123").headers).toEqual([
      { ...information, isDown: false, instanceId: 30, senderRank: 0x123 },
    ]);
  });

  it("tell source routes of each size, and what an IPv6 header around the packet would", () => {
    expect(decode("f1 8201 0001 0002 0003 a106 40 7a33")).toEqual({
      headers: [
        { type: "source-route", hops: [fromHex("0001"), fromHex("0002"), fromHex("0003")] },
        { type: "encapsulation", hopLimit: 64, encapsulator: new Uint8Array(0) },
      ],
      end: 12,
    });
    expect(decode("f1 8004 20010db8000000000000000000000001").headers).toMatchObject([
      { type: "source-route", hops: [parseAddress("2001:db8::1")] },
    ]);
  });

  it("leave out what is elective, and end at what is critical and unknown", () => {
    expect(decode("f1 a220 aabb 7a").headers).toEqual([
      { type: "unknown", headerType: 0x20, content: fromHex("aabb") },
    ]);
    expect(codeOf(() => decode("f1 8007"))).toBe("dispatch");
    expect(codeOf(() => decode("f2 9305 02"))).toBe("dispatch");
    expect(codeOf(() => decode("f1 8205 01"))).toBe("truncated");
    expect(codeOf(() => decode("f1 8304 00"))).toBe("truncated");
    expect(codeOf(() => decode("f1 a506 40"))).toBe("truncated");
  });

  it("give headers or a WireError for any octets", () => {
    fc.assert(
      fc.property(octets(0, 40), (rest) => {
        const bytes = Uint8Array.of(0xf1, ...rest);
        try {
          expect(decodeRoutingHeaders(bytes, 0, bytes.length).end).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});

describe("the source routing header (RFC 6554)", () => {
  const destination = parseAddress("2001:db8:1::1");

  it("gives whole addresses, of which the destination's beginning was left out", () => {
    // Two addresses of 8 octets, the last of 2, and 6 of padding.
    const header = fromHex("3a 03 03 03 8e 60 0000 0000000000000002 0000000000000003 0004 000000000000");
    const decoded = decodeSourceRouting(header, 0, header.length, destination);
    expect(decoded.segmentsLeft).toBe(3);
    expect(decoded.addresses.map((address) => formatAddress(address))).toEqual([
      "2001:db8:1::2",
      "2001:db8:1::3",
      "2001:db8:1::4",
    ]);
  });

  it.each([
    ["another routing type", "3a01000100000000 20010db800000000", "reserved"],
    ["addresses that do not come out even", "3a01030188000000 20010db8000000", "header-length"],
    ["more segments left than there are", "3a01030388000000 0000000000000002", "reserved"],
    ["a header cut short", "3a0103", "truncated"],
  ])("with %s is refused", (_title, hex, code) => {
    const header = fromHex(hex);
    expect(codeOf(() => decodeSourceRouting(header, 0, header.length, destination))).toBe(code);
  });
});
