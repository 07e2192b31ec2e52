import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeBroadcast,
  decodeEsc,
  decodeMesh,
  encodeBroadcast,
  encodeEsc,
  encodeMesh,
  meshHeaderLength,
  shortAddress,
} from "../src/wire/index.js";
import { linkAddress, octets } from "./arbitraries.js";
import { codeOf } from "./errors.js";

describe("the mesh header", () => {
  it("comes back with any addresses and hops, deep ones in an octet of their own", () => {
    const header = fc.record({ hopsLeft: fc.nat(255), originator: linkAddress, finalDestination: linkAddress });
    fc.assert(
      fc.property(header, octets(0, 5), (sent, rest) => {
        const encoded = encodeMesh(sent);
        const bytes = Uint8Array.of(...encoded, ...rest);
        expect(decodeMesh(bytes, 0, bytes.length)).toEqual(sent);
        expect(meshHeaderLength(bytes, 0, bytes.length)).toBe(encoded.length);
        for (let length = 0; length < encoded.length; length++) {
          expect(codeOf(() => decodeMesh(bytes, 0, length))).toBe("truncated");
        }
      }),
    );
  });

  it("is as RFC 4944 5.2 draws it", () => {
    const header = { hopsLeft: 14, originator: shortAddress(0x1234), finalDestination: shortAddress(0xffff) };
    expect(toHex(encodeMesh(header))).toBe("be1234ffff");
    expect(toHex(encodeMesh({ ...header, hopsLeft: 15 }))).toBe("bf0f1234ffff");
    expect(() => encodeMesh({ ...header, hopsLeft: 256 })).toThrow(RangeError);
  });
});

describe("the broadcast header", () => {
  it("is a dispatch and a sequence number (RFC 4944 11.1)", () => {
    expect(toHex(encodeBroadcast({ sequenceNumber: 7 }))).toBe("5007");
    expect(decodeBroadcast(fromHex("5007"), 0, 2)).toEqual({ sequenceNumber: 7 });
    expect(codeOf(() => decodeBroadcast(fromHex("50"), 0, 1))).toBe("truncated");
    expect(codeOf(() => decodeBroadcast(fromHex("5107"), 0, 2))).toBe("dispatch");
  });
});

describe("the ESC header", () => {
  it("is a dispatch, an extension type and what only that type explains (RFC 8066 3)", () => {
    const header = { extensionType: 33, rest: fromHex("7a333a") };
    expect(toHex(encodeEsc(header))).toBe("40217a333a");
    expect(decodeEsc(encodeEsc(header), 0, 5)).toEqual(header);
    expect(codeOf(() => decodeEsc(fromHex("40"), 0, 1))).toBe("truncated");
  });
});
