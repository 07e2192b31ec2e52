import { concatBytes, equalBytes, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import {
  closeRecord,
  decodeCapture,
  encodePcapHeader,
  encodePcapRecord,
  type LinkType,
  openRecord,
} from "../src/capture/index.js";
import { decodeZep, encodeZep } from "../src/links/index.js";
import {
  ContextTable,
  decodeDatagram,
  decodeFragment,
  decodeFrame,
  decodeIpv6,
  dispatchOf,
  encodeDatagram,
  encodeFragment,
  encodeFrame,
  interfaceIdentifiers,
  type LinkAddress,
  type MacFrame,
  NEXT_HEADER,
  parseAddress,
  Reassembler,
  upperLayerChecksum,
} from "../src/wire/index.js";
import { CAPTURES, capturedFrames, readCapture, zepDatagrams } from "./captures.js";

function contextsOf(prefix: string | undefined): ContextTable {
  const contexts = new ContextTable();
  if (prefix !== undefined) contexts.set({ id: 0, prefix: parseAddress(prefix), length: 64 });
  return contexts;
}

/** A data frame between two nodes, as all data frames of the captures are. */
interface DataFrame extends MacFrame {
  readonly source: LinkAddress;
  readonly destination: LinkAddress;
}

function dataFrames(name: string): DataFrame[] {
  return capturedFrames(name)
    .map(({ psdu, hasFcs }) => decodeFrame(psdu, { fcs: hasFcs ? "checked" : "absent" }))
    .filter((frame): frame is DataFrame => frame.type === "data");
}

describe.each(CAPTURES)("$name", ({ name, context }) => {
  it("has frames whose check sequences are right and that re-encode to the same octets", () => {
    const frames = capturedFrames(name);
    expect(frames.length).toBeGreaterThan(100);
    for (const { psdu, hasFcs } of frames) {
      const frame = decodeFrame(psdu, { fcs: hasFcs ? "checked" : "absent" });
      expect(toHex(encodeFrame(frame, { fcs: hasFcs ? "present" : "absent" }))).toBe(toHex(psdu));
    }
  });

  it("has unfragmented packets that decompress to valid IPv6 and compress to the same octets", () => {
    const contexts = contextsOf(context);
    let packets = 0;
    for (const { payload, source, destination } of dataFrames(name)) {
      if (dispatchOf(payload[0] ?? 0) !== "iphc") continue;
      const iids = interfaceIdentifiers(source, destination);
      const packet = decodeDatagram(payload, 0, payload.length, iids, contexts);
      expectValidPacket(packet);
      const [encoded, ...more] = encodeDatagram(packet, iids, contexts, { maxPayload: 127, datagramTag: 0 });
      expect(more).toEqual([]);
      expect(toHex(encoded ?? new Uint8Array(0))).toBe(toHex(payload));
      packets++;
    }
    expect(packets).toBeGreaterThan(30);
  });

  it("has fragments that reassemble to valid IPv6, with the headers that this sender writes", () => {
    const contexts = contextsOf(context);
    const reassembler = new Reassembler(contexts);
    const firstByDatagram = new Map<string, Uint8Array>();
    let packets = 0;
    for (const { payload, source, destination } of dataFrames(name)) {
      const dispatch = dispatchOf(payload[0] ?? 0);
      if (dispatch !== "first-fragment" && dispatch !== "subsequent-fragment") continue;
      expectSameFragmentHeader(payload);
      const { datagramTag, datagramSize } = decodeFragment(payload, 0, payload.length);
      const datagram = `${toHex(source)} ${datagramTag} ${datagramSize}`;
      if (dispatch === "first-fragment") firstByDatagram.set(datagram, payload);
      const packet = reassembler.receive(0, source, destination, payload, 0, payload.length);
      if (packet === undefined) continue;
      packets++;
      expectValidPacket(packet);
      const first = firstByDatagram.get(datagram) ?? new Uint8Array(0);
      // How much each fragment holds is the sender's choice: with room for just as much, the octets are the same.
      const iids = interfaceIdentifiers(source, destination);
      const [ours] = encodeDatagram(packet, iids, contexts, { maxPayload: first.length, datagramTag });
      expect(toHex(ours ?? new Uint8Array(0))).toBe(toHex(first));
    }
    expect(packets).toBeGreaterThan(1);
    expect(reassembler.counters).toMatchObject({ completed: packets, overlaps: 0, expired: 0, evicted: 0 });
  });
});

describe("the three link types", () => {
  it("hold the same frames", () => {
    const [withFcs, withoutFcs, tap] = ([195, 230, 283] as const).map((linkType) =>
      capturedFrames(`border-router-and-riot-${linkType}`),
    );
    expect(tap?.map(({ psdu }) => toHex(psdu))).toEqual(withFcs?.map(({ psdu }) => toHex(psdu)));
    expect(withoutFcs?.map(({ psdu }) => toHex(psdu))).toEqual(withFcs?.map(({ psdu }) => toHex(psdu.subarray(0, -2))));
    expect(tap?.[0]).toMatchObject({ hasFcs: true, channel: 26, channelPage: 0, lqi: 255, rssDbm: undefined });
  });

  it.each([195, 230, 283] as const)("link type %i is written as it was read", (linkType: LinkType) => {
    const file = readCapture(`border-router-and-riot-${linkType}`);
    const written = decodeCapture(file).map(({ bytes, timestampNs, originalLength }) =>
      encodePcapRecord({ bytes: closeRecord(linkType, openRecord(linkType, bytes)), timestampNs, originalLength }),
    );
    expect(equalBytes(concatBytes([encodePcapHeader(linkType), ...written]), file)).toBe(true);
  });
});

describe("ZEP datagrams of RIOT nodes", () => {
  it.each(["riot-ping-and-coap-195", "riot-border-router-195"])("%s re-encodes to the same octets", (name) => {
    for (const datagram of zepDatagrams(name)) expect(toHex(encodeZep(decodeZep(datagram)))).toBe(toHex(datagram));
  });
});

function expectSameFragmentHeader(payload: Uint8Array): void {
  const header = decodeFragment(payload, 0, payload.length);
  const encoded = new Uint8Array(5);
  const length = encodeFragment(header, encoded, 0);
  expect(toHex(encoded.subarray(0, length))).toBe(toHex(payload.subarray(0, length)));
}

/** The checksum of ICMPv6 and UDP covers addresses, lengths and payload: wrong decompression would show. */
function expectValidPacket(packet: Uint8Array): void {
  const { nextHeader } = decodeIpv6(packet);
  if (nextHeader !== NEXT_HEADER.icmpv6 && nextHeader !== NEXT_HEADER.udp) return;
  expect(upperLayerChecksum(packet, 40, packet.length, nextHeader)).toBe(0);
}
