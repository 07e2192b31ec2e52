import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCcmStar } from "../src/ccm-star-node.js";
import {
  decodeFrame,
  encodeFrame,
  FrameCounterTable,
  type MacFrame,
  MAX_FRAME_COUNTER,
  micLength,
  openFrame,
  parseLinkAddress,
  sealFrame,
  slotNonce,
} from "../src/wire/index.js";
import { codeOf } from "./errors.js";
import { extendedLinkAddress, frame, octets } from "./arbitraries.js";

const KEY = fromHex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
const SOURCE = parseLinkAddress("ac:de:48:00:00:00:00:01");

/** IEEE 802.15.4-2006 annex C.2: one frame of each kind, in the clear and as it goes on the air. */
const ANNEX_C = [
  {
    title: "C.2.1: a beacon at level 2",
    open: "08d0842143010000000048deac 0205000000 55cf0000 51525354",
    sealed: "08d0842143010000000048deac 0205000000 55cf0000 51525354 223bc1ec841ab553",
  },
  {
    title: "C.2.2: data at level 4",
    open: "69dc842143020000000048deac010000000048deac 0405000000 61626364",
    sealed: "69dc842143020000000048deac010000000048deac 0405000000 d43e022b",
  },
  {
    title: "C.2.3: a command at level 6",
    open: "2bdc842143020000000048deacffff010000000048deac 0605000000 01 ce",
    sealed: "2bdc842143020000000048deacffff010000000048deac 0605000000 01 d8 4fde529061f9c6f1",
  },
] as const;

const NO_FCS = { fcs: "absent" } as const;

describe("AES-CCM*", () => {
  it.each(ANNEX_C)("$title", ({ open, sealed }) => {
    const clear = decodeFrame(fromHex(open), NO_FCS);
    const secured = decodeFrame(fromHex(sealed), NO_FCS);
    expect(toHex(encodeFrame(sealFrame(clear, SOURCE, KEY, nodeCcmStar), NO_FCS))).toBe(toHex(fromHex(sealed)));
    expect(openFrame(secured, SOURCE, KEY, nodeCcmStar)).toEqual(clear);
  });

  it("takes the slot number into the nonce as 5 octets", () => {
    expect(toHex(slotNonce(SOURCE, 0x12_3456_789a))).toBe("acde480000000001123456789a");
  });
});

/** Frames that have a security header and, as beacons and commands need it, a payload that fits their type. */
const secured = frame
  .filter(({ security, type }) => security !== undefined && type !== "beacon")
  .filter(({ security, payload }) => payload.length + micLength(security?.level ?? 0) <= 60);

describe("securing a frame", () => {
  it("comes back from each level, key identifier and version", () => {
    fc.assert(
      fc.property(secured, extendedLinkAddress, octets(16, 16), (clear, source, key) => {
        const sealed = sealFrame(clear, source, key, nodeCcmStar);
        expect(sealed.payload).toHaveLength(clear.payload.length + micLength(clear.security?.level ?? 0));
        const received = decodeFrame(encodeFrame(sealed));
        expect(openFrame(received, source, key, nodeCcmStar)).toEqual(clear);
      }),
    );
  });

  it("with a MIC notices each changed octet, a wrong key and a wrong source", () => {
    const withMic = secured.filter(({ security }) => micLength(security?.level ?? 0) > 0);
    fc.assert(
      fc.property(withMic, extendedLinkAddress, octets(16, 16), fc.nat(), (clear, source, key, pick) => {
        const sealed = sealFrame(clear, source, key, nodeCcmStar);
        const at = pick % sealed.payload.length;
        const damaged = sealed.payload.map((octet, i) => (i === at ? octet ^ 0x40 : octet));
        const open = (wrong: MacFrame, from = source, by = key): unknown => openFrame(wrong, from, by, nodeCcmStar);
        expect(codeOf(() => open({ ...sealed, payload: damaged }))).toBe("authentication");
        expect(codeOf(() => open({ ...sealed, isFramePending: !sealed.isFramePending }))).toBe("authentication");
        expect(codeOf(() => open(sealed, flipped(source)))).toBe("authentication");
        expect(codeOf(() => open(sealed, source, flipped(key)))).toBe("authentication");
      }),
    );
  });

  it("refuses a payload shorter than its MIC, and headers that secure nothing", () => {
    const [, data] = ANNEX_C;
    const clear = decodeFrame(fromHex(data.open), NO_FCS);
    const at = (level: 0 | 7): MacFrame => ({
      ...clear,
      security: { level, frameCounter: 1, isAsnInNonce: false, keySource: undefined, keyIndex: undefined },
    });
    expect(codeOf(() => openFrame(at(7), SOURCE, KEY, nodeCcmStar))).toBe("truncated");
    expect(codeOf(() => openFrame(at(0), SOURCE, KEY, nodeCcmStar))).toBe("security");
    expect(() => sealFrame(at(0), SOURCE, KEY, nodeCcmStar)).toThrow(RangeError);
  });
});

describe("frame counters", () => {
  it("are taken once and in ascending order, each sender's by itself (2015 9.2.5)", () => {
    const counters = new FrameCounterTable();
    counters.check(SOURCE, 5);
    counters.accept(SOURCE, 5);
    expect(codeOf(() => counters.check(SOURCE, 5))).toBe("replay");
    expect(codeOf(() => counters.check(SOURCE, 4))).toBe("replay");
    expect(codeOf(() => counters.check(SOURCE, 6))).toBeUndefined();
    expect(codeOf(() => counters.check(flipped(SOURCE), 0))).toBeUndefined();
  });

  it("end before they wrap", () => {
    expect(codeOf(() => new FrameCounterTable().check(SOURCE, MAX_FRAME_COUNTER))).toBe("replay");
  });

  it("forget no sender to make room for another", () => {
    const counters = new FrameCounterTable({ maxDevices: 1 });
    counters.accept(SOURCE, 1);
    expect(codeOf(() => counters.check(flipped(SOURCE), 9))).toBe("replay");
    expect(codeOf(() => counters.check(SOURCE, 2))).toBeUndefined();
  });
});

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((octet, i) => (i === 0 ? octet ^ 1 : octet));
}
