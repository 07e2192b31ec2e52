import { fromHex, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ContextTable,
  decodeFragment,
  dispatchOf,
  encodeDatagram,
  encodeUdpPacket,
  encodeUncompressed,
  interfaceIdentifiers,
  linkLocalAddress,
  parseLinkAddress,
  Reassembler,
} from "../src/wire/index.js";
import { link, packet } from "./arbitraries.js";
import { codeOf } from "./errors.js";

const SOURCE = parseLinkAddress("02:00:00:00:12:34:00:01");
const DESTINATION = parseLinkAddress("02:00:00:00:12:34:00:ff");
const IIDS = interfaceIdentifiers(SOURCE, DESTINATION);
const CONTEXTS = new ContextTable();

function udpPacket(payloadLength: number): Uint8Array {
  return encodeUdpPacket(
    { hopLimit: 64, source: linkLocalAddress(SOURCE), destination: linkLocalAddress(DESTINATION) },
    { sourcePort: 49152, destinationPort: 5683, payload: new SeededRandom(payloadLength).bytes(payloadLength) },
  );
}

function fragmentsOf(whole: Uint8Array, maxPayload = 104, datagramTag = 7): Uint8Array[] {
  return encodeDatagram(whole, IIDS, CONTEXTS, { maxPayload, datagramTag });
}

/** Gives all fragments to the reassembler; the packets that came of it. */
function receiveAll(reassembler: Reassembler, fragments: readonly Uint8Array[], now = 0): string[] {
  return fragments.flatMap((bytes) => {
    const whole = reassembler.receive(now, SOURCE, DESTINATION, bytes, 0, bytes.length);
    return whole === undefined ? [] : [toHex(whole)];
  });
}

describe("fragmenting", () => {
  it("cuts at multiples of 8 of the uncompressed datagram, for each size and each room (RFC 4944 5.3)", () => {
    for (let payloadLength = 0; payloadLength <= 1232; payloadLength += 7) {
      const whole = udpPacket(payloadLength);
      for (const maxPayload of [33, 64, 81, 104, 116]) {
        const fragments = fragmentsOf(whole, maxPayload);
        for (const fragment of fragments) expect(fragment.length).toBeLessThanOrEqual(maxPayload);
        if (fragments.length === 1) continue;
        let offset = 0;
        for (const [i, fragment] of fragments.entries()) {
          const { datagramOffset, datagramSize, datagramTag } = decodeFragment(fragment, 0, fragment.length);
          expect({ datagramOffset, datagramSize, datagramTag }).toEqual({
            datagramOffset: offset,
            datagramSize: whole.length,
            datagramTag: 7,
          });
          // IPHC 3 and UDP 7 stand for 48 octets in the first; the rest is as it was.
          offset += i === 0 ? fragment.length - 4 - 9 + 48 : fragment.length - 5;
          if (i < fragments.length - 1) expect(offset % 8).toBe(0);
        }
        expect(offset).toBe(whole.length);
      }
    }
  });

  it("puts one more octet than fits a frame into two", () => {
    // 9 octets of compressed headers.
    expect(fragmentsOf(udpPacket(104 - 9))).toHaveLength(1);
    expect(fragmentsOf(udpPacket(104 - 8))).toHaveLength(2);
  });

  it("keeps headers that do not fit the first fragment uncompressed (RFC 6282 2)", () => {
    const whole = udpPacket(100);
    // 4 of fragment header and 3 of IPHC fit, UDP's 7 more do not.
    const fragments = fragmentsOf(whole, 13);
    expect(fragments[0]?.length).toBeLessThanOrEqual(13);
    expect(receiveAll(new Reassembler(CONTEXTS), fragments)).toEqual([toHex(whole)]);
  });

  it("refuses what 11 bits of size cannot tell, and rooms that hold nothing", () => {
    expect(() => fragmentsOf(udpPacket(2047 - 47))).toThrow(RangeError);
    expect(() => fragmentsOf(udpPacket(2047 - 48))).not.toThrow();
    expect(() => fragmentsOf(udpPacket(100), 6)).toThrow(RangeError);
    expect(() => fragmentsOf(udpPacket(100), 12)).toThrow(RangeError);
  });
});

describe("reassembly", () => {
  it("puts any packet together, whatever the order and the duplicates", () => {
    const linked = link.chain((over) => packet(over).map((sent) => ({ over, sent })));
    const order = fc.integer();
    fc.assert(
      fc.property(linked, order, fc.integer({ min: 64, max: 110 }), ({ over, sent }, seed, maxPayload) => {
        const fragments = encodeDatagram(sent, over.iids, CONTEXTS, { maxPayload, datagramTag: 1 });
        fc.pre(fragments.length > 1);
        const random = new SeededRandom(seed);
        const shuffled = [...fragments, random.pick(fragments)].sort(() => random.nextFloat() - 0.5);
        const reassembler = new Reassembler(CONTEXTS);
        const whole = shuffled
          .map((bytes) => reassembler.receive(0, over.source, over.destination, bytes, 0, bytes.length))
          .filter((received) => received !== undefined);
        expect(whole.map((received) => toHex(received))).toEqual([toHex(sent)]);
      }),
      { numRuns: 1000 },
    );
  });

  it("takes an uncompressed first fragment", () => {
    const whole = udpPacket(100);
    const first = Uint8Array.of(...fromHex("c0940001"), ...encodeUncompressed(whole.subarray(0, 80)));
    const second = Uint8Array.of(...fromHex("e09400010a"), ...whole.subarray(80));
    expect(receiveAll(new Reassembler(CONTEXTS), [second, first])).toEqual([toHex(whole)]);
  });

  it("computes a left-out UDP checksum when all is there", () => {
    const whole = udpPacket(300);
    const options = { maxPayload: 104, datagramTag: 1, elidesUdpChecksum: true };
    const fragments = encodeDatagram(whole, IIDS, CONTEXTS, options);
    expect(receiveAll(new Reassembler(CONTEXTS), fragments.toReversed())).toEqual([toHex(whole)]);
  });

  it("keeps datagrams apart by source, destination, size and tag (RFC 4944 5.3)", () => {
    const reassembler = new Reassembler(CONTEXTS);
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = fragmentsOf(udpPacket(120));
    const receive = (source: Uint8Array, destination: Uint8Array, bytes: Uint8Array): unknown =>
      reassembler.receive(0, source, destination, bytes, 0, bytes.length);
    receive(SOURCE, DESTINATION, first);
    expect(receive(DESTINATION, SOURCE, second)).toBeUndefined();
    const [, otherTag = new Uint8Array(0)] = fragmentsOf(udpPacket(120), 104, 8);
    expect(receive(SOURCE, DESTINATION, otherTag)).toBeUndefined();
    const [, otherSize = new Uint8Array(0)] = fragmentsOf(udpPacket(121));
    expect(receive(SOURCE, DESTINATION, otherSize)).toBeUndefined();
    expect(reassembler.size).toBe(4);
    expect(receive(SOURCE, DESTINATION, second)).toBeDefined();
    expect(reassembler.size).toBe(3);
  });

  it("begins anew with a fragment that overlaps (RFC 4944 5.3)", () => {
    const reassembler = new Reassembler(CONTEXTS);
    const whole = udpPacket(300);
    const fragments = fragmentsOf(whole);
    const [, second = new Uint8Array(0)] = fragments;
    // Half of the second fragment, as another cut would have it.
    receiveAll(reassembler, [...fragments.slice(0, 1), second.subarray(0, 5 + 48)]);
    expect(receiveAll(reassembler, [second])).toEqual([]);
    expect(reassembler.counters.overlaps).toBe(1);
    expect(receiveAll(reassembler, fragments)).toEqual([toHex(whole)]);
    expect(reassembler.counters.duplicates).toBe(1);
    expect(reassembler.size).toBe(0);
  });

  it("gives a datagram up 60 s after its first fragment came", () => {
    const reassembler = new Reassembler(CONTEXTS);
    const [first = new Uint8Array(0), second = new Uint8Array(0), ...rest] = fragmentsOf(udpPacket(300));
    receiveAll(reassembler, [first], 1000);
    receiveAll(reassembler, [second], 60_000);
    expect(reassembler.nextDeadline()).toBe(61_000);
    reassembler.handleTimeout(60_999);
    expect(reassembler.size).toBe(1);
    reassembler.handleTimeout(61_000);
    expect(reassembler.size).toBe(0);
    expect(reassembler.counters.expired).toBe(1);
    expect(reassembler.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    expect(receiveAll(reassembler, rest, 61_001)).toEqual([]);
  });

  it("does not complete a datagram with fragments from after its time, even when the timer comes late", () => {
    const reassembler = new Reassembler(CONTEXTS, { timeoutMs: 1000 });
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = fragmentsOf(udpPacket(120));
    receiveAll(reassembler, [first], 0);
    expect(receiveAll(reassembler, [second], 1000)).toEqual([]);
  });

  it("holds no more datagrams than it may: the oldest goes", () => {
    const reassembler = new Reassembler(CONTEXTS, { maxDatagrams: 4 });
    const whole = udpPacket(120);
    for (let tag = 0; tag < 100; tag++) receiveAll(reassembler, fragmentsOf(whole, 104, tag).slice(0, 1), tag);
    expect(reassembler.size).toBe(4);
    expect(reassembler.counters.evicted).toBe(96);
    expect(receiveAll(reassembler, fragmentsOf(whole, 104, 99).slice(1), 100)).toEqual([toHex(whole)]);
    expect(() => new Reassembler(CONTEXTS, { timeoutMs: 60_001 })).toThrow(RangeError);
  });

  it.each([
    ["beyond its datagram", "e03000010500112233445566778899", "fragment"],
    ["not a multiple of 8 long and not the last", "e0ff0001050011", "fragment"],
    ["empty", "e0ff000105", "fragment"],
    ["subsequent at offset 0", "e0ff0001000011223344556677", "fragment"],
    ["first with more than its datagram", "c0280001 7a333a 00", "fragment"],
    ["first that ends in its headers", "c0300001 7e33", "truncated"],
    ["first of less than an IPv6 header", "c0080001 7a333a", "datagram-size"],
    ["first with something else in it", "c0300001 50010203", "dispatch"],
    ["cut in its header", "c03000", "truncated"],
  ])("refuses a fragment %s and keeps what it had", (_title, hex, code) => {
    const reassembler = new Reassembler(CONTEXTS);
    expect(codeOf(() => receiveAll(reassembler, [fromHex(hex)]))).toBe(code);
    expect(reassembler.size).toBe(0);
  });
});

describe("the dispatch octet", () => {
  it.each([
    [0x00, "not-lowpan"],
    [0x3f, "not-lowpan"],
    [0x40, "esc"],
    [0x41, "ipv6"],
    [0x42, "hc1"],
    [0x43, "reserved"],
    [0x50, "broadcast"],
    [0x60, "iphc"],
    [0x7f, "iphc"],
    [0x80, "mesh"],
    [0xbf, "mesh"],
    [0xc0, "first-fragment"],
    [0xc7, "first-fragment"],
    [0xc8, "reserved"],
    [0xe0, "subsequent-fragment"],
    [0xe7, "subsequent-fragment"],
    [0xe8, "recoverable-fragment"],
    [0xec, "reserved"],
    [0xf1, "page"],
  ] as const)("0x%s", (octet, name) => {
    expect(dispatchOf(octet)).toBe(name);
  });
});
