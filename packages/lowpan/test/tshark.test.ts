import { concatBytes, fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closeRecord,
  encodePcapHeader,
  encodePcapngHeader,
  encodePcapngRecord,
  encodePcapRecord,
  LINK_TYPE,
  type LinkType,
} from "../src/capture/index.js";
import { nodeCcmStar } from "../src/ccm-star-node.js";
import {
  addressOnPrefix,
  ContextTable,
  decodeIpv6,
  encodeDatagram,
  encodeFrame,
  encodeUdpPacket,
  formatAddress,
  formatLinkAddress,
  interfaceIdentifiers,
  linkLocalAddress,
  type MacFrame,
  macFrame,
  macHeaderLength,
  MAX_FRAME_LENGTH,
  micLength,
  NEXT_HEADER,
  parseAddress,
  parseLinkAddress,
  sealFrame,
  type SecurityLevel,
} from "../src/wire/index.js";
import { frame as anyFrame, link, packet } from "./arbitraries.js";
import { Network } from "./network.js";
import { dissect, missing } from "./tshark.js";

/** Fixed, so that a failure is found again; another one tries other packets. */
const SEED = Number(process.env["ISTHMUS_FUZZ_SEED"] ?? 7);
const withoutTshark = missing("tshark", "--version");

const CONTEXTS = [
  [0, "2001:db8:1::", 64],
  [1, "2001:db8:2::", 48],
  [5, "2001:db8:3::ff:fe00:0", 112],
  [9, "fd00::1", 128],
] as const;

const contexts = new ContextTable();
for (const [id, prefix, length] of CONTEXTS) contexts.set({ id, prefix: parseAddress(prefix), length });
const contextPreferences = CONTEXTS.map(([id, prefix, length]) => `6lowpan.context${id}:${prefix}/${length}`);

const NODE_1 = parseLinkAddress("02:00:00:00:12:34:00:01");
const NODE_FF = parseLinkAddress("02:00:00:00:12:34:00:ff");

function capture(linkType: LinkType, frames: readonly MacFrame[]): Uint8Array {
  const records = frames.map((frame, i) => {
    const captured = {
      psdu: encodeFrame(frame),
      hasFcs: true,
      channel: 26,
      channelPage: 0,
      rssDbm: -60,
      lqi: 200,
    };
    const bytes = closeRecord(linkType, captured);
    return encodePcapRecord({ bytes, timestampNs: BigInt(i) * 1_000_000n, originalLength: bytes.length });
  });
  return concatBytes([encodePcapHeader(linkType), ...records]);
}

/** The frames of each packet in turn; `lastOf[i]` is the frame with which packet i is complete. */
function framesOf(
  sent: readonly { packet: Uint8Array; source: Uint8Array; destination: Uint8Array }[],
  maxPayload?: number,
): { frames: MacFrame[]; lastOf: number[] } {
  const frames: MacFrame[] = [];
  const lastOf = sent.map(({ packet, source, destination }, tag) => {
    const header = macFrame({ type: "data", sequenceNumber: tag & 0xff, destinationPanId: 0x23, destination, source });
    const room = MAX_FRAME_LENGTH - 2 - macHeaderLength(header);
    const iids = interfaceIdentifiers(source, destination);
    const payloads = encodeDatagram(packet, iids, contexts, { maxPayload: maxPayload ?? room, datagramTag: tag });
    for (const payload of payloads) frames.push({ ...header, payload });
    return frames.length - 1;
  });
  return { frames, lastOf };
}

const IPV6_FIELDS = ["ipv6.tclass", "ipv6.flow", "ipv6.plen", "ipv6.nxt", "ipv6.hlim", "ipv6.src", "ipv6.dst"];
const UDP_FIELDS = ["udp.srcport", "udp.dstport", "udp.length", "udp.checksum.status", "udp.payload"];

/** What tshark should say of the first header of a packet. */
function expectedIpv6(bytes: Uint8Array): (string | number)[] {
  const { trafficClass, flowLabel, payloadLength, nextHeader, hopLimit, source, destination } = decodeIpv6(bytes);
  return [
    trafficClass,
    flowLabel,
    payloadLength,
    nextHeader,
    hopLimit,
    formatAddress(source),
    formatAddress(destination),
  ];
}

function dissectedIpv6(fields: Record<string, string[]> | undefined, occurrence: number): (string | number)[] {
  return IPV6_FIELDS.map((name) => {
    const value = fields?.[name]?.[occurrence] ?? "";
    return name === "ipv6.src" || name === "ipv6.dst" ? formatAddress(parseAddress(value)) : Number(value);
  });
}

describe.skipIf(withoutTshark !== undefined)(`tshark ${withoutTshark ?? ""}`, () => {
  const generated = fc.sample(
    link.chain(({ source, destination, iids }) =>
      // tshark drops what follows "no next header", which RFC 8200 4.7 has one pass on: 6 and 253 stand for that.
      packet({ source, destination, iids }, [NEXT_HEADER.icmpv6, 6, 253]).map((bytes) => ({
        packet: bytes,
        source,
        destination,
      })),
    ),
    { seed: SEED, numRuns: 1500 },
  );

  it.each(Object.entries(LINK_TYPE))("sees the same IPv6 and UDP fields in link type %s", (_name, linkType) => {
    const { frames, lastOf } = framesOf(generated);
    const dissected = dissect(
      capture(linkType, frames),
      [...IPV6_FIELDS, ...UDP_FIELDS, "frame.number"],
      contextPreferences,
    );
    expect(dissected).toHaveLength(frames.length);
    let fragmented = 0;
    let tunnelled = 0;
    for (const [i, { packet: bytes }] of generated.entries()) {
      const fields = dissected[lastOf[i] ?? 0];
      expect(dissectedIpv6(fields, 0), `packet ${i}: ${toHex(bytes)}`).toEqual(expectedIpv6(bytes));
      if (decodeIpv6(bytes).nextHeader === NEXT_HEADER.ipv6) {
        tunnelled++;
        expect(dissectedIpv6(fields, 1), `packet ${i}: ${toHex(bytes)}`).toEqual(expectedIpv6(bytes.subarray(40)));
      }
      if ((lastOf[i] ?? 0) > (lastOf[i - 1] ?? -1) + 1) fragmented++;
    }
    expect(fragmented).toBeGreaterThan(20);
    expect(tunnelled).toBeGreaterThan(100);
  });

  it("sees UDP as it was sent, checksum and all, at each fragment boundary", () => {
    const sent = Array.from({ length: 260 }, (_, length) => ({
      source: NODE_1,
      destination: NODE_FF,
      packet: encodeUdpPacket(
        { hopLimit: 64, source: linkLocalAddress(NODE_1), destination: linkLocalAddress(NODE_FF) },
        { sourcePort: 0xf0b1, destinationPort: 61_000, payload: new Uint8Array(length).map((_, i) => i) },
      ),
    }));
    const { frames, lastOf } = framesOf(sent);
    const preferences = [...contextPreferences, "udp.check_checksum:TRUE"];
    const dissected = dissect(capture(LINK_TYPE.withFcs, frames), UDP_FIELDS, preferences);
    for (const length of sent.keys()) {
      expect(dissected[lastOf[length] ?? 0]).toEqual({
        "udp.srcport": ["61617"],
        "udp.dstport": ["61000"],
        "udp.length": [String(8 + length)],
        // 1 is "good".
        "udp.checksum.status": ["1"],
        "udp.payload": length === 0 ? [] : [toHex(new Uint8Array(length).map((_, i) => i))],
      });
    }
  });

  it("reads the CoAP message behind each combination of addresses", () => {
    // CON GET /temp, message 1234.
    const payload = fromHex("400104d2b474656d70");
    const prefix = parseAddress("2001:db8:1::");
    const addresses = [
      [linkLocalAddress(NODE_1), linkLocalAddress(NODE_FF)],
      [addressOnPrefix(prefix, NODE_1), addressOnPrefix(prefix, NODE_FF)],
      [addressOnPrefix(prefix, NODE_1), parseAddress("ff02::fd")],
      [addressOnPrefix(parseAddress("2001:db8:ffff::"), NODE_1), parseAddress("2001:db8:aaaa::1")],
    ] as const;
    const sent = addresses.map(([source, destination]) => ({
      source: NODE_1,
      destination: NODE_FF,
      packet: encodeUdpPacket(
        { hopLimit: 64, source, destination },
        { sourcePort: 49152, destinationPort: 5683, payload },
      ),
    }));
    const { frames } = framesOf(sent);
    const fields = ["coap.type", "coap.code", "coap.mid", "coap.opt.uri_path"];
    for (const dissected of dissect(capture(LINK_TYPE.tap, frames), fields, contextPreferences)) {
      expect(dissected).toEqual({
        "coap.type": ["0"],
        "coap.code": ["1"],
        "coap.mid": ["1234"],
        "coap.opt.uri_path": ["temp"],
      });
    }
  });

  it("sees the same MAC header in each version, addressing mode and compression", () => {
    const frames = fc.sample(
      anyFrame.filter(({ security }) => security === undefined),
      { seed: SEED, numRuns: 1000 },
    );
    const fields = [
      "wpan.frame_type",
      "wpan.version",
      "wpan.seq_no",
      "wpan.dst_pan",
      "wpan.src_pan",
      "wpan.dst16",
      "wpan.dst64",
      "wpan.src16",
      "wpan.src64",
      "wpan.ack_request",
      "wpan.fcs_ok",
    ];
    const types = ["beacon", "data", "acknowledgement", "command"];
    const dissected = dissect(capture(LINK_TYPE.withFcs, frames), fields, []);
    for (const [i, frame] of frames.entries()) {
      const said = dissected[i];
      const context = `frame ${i}: ${toHex(encodeFrame(frame))}`;
      expect(Number(said?.["wpan.frame_type"]?.[0]), context).toBe(types.indexOf(frame.type));
      expect(Number(said?.["wpan.version"]?.[0]), context).toBe(frame.version);
      expect(numberOf(said?.["wpan.seq_no"]), context).toBe(frame.sequenceNumber);
      expect(numberOf(said?.["wpan.dst_pan"]), context).toBe(frame.destinationPanId);
      expect(addressOf(said, "dst"), context).toBe(frame.destination && formatLinkAddress(frame.destination));
      expect(addressOf(said, "src"), context).toBe(frame.source && formatLinkAddress(frame.source));
      expect(numberOf(said?.["wpan.ack_request"]), context).toBe(frame.isAckRequested ? 1 : 0);
    }
  });

  it("decrypts each security level with the key, and finds the MIC right", () => {
    const key = fromHex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
    const levels: SecurityLevel[] = [1, 2, 3, 5, 6, 7];
    const sent = encodeUdpPacket(
      { hopLimit: 64, source: linkLocalAddress(NODE_1), destination: linkLocalAddress(NODE_FF) },
      { sourcePort: 0xf0b1, destinationPort: 5683, payload: fromHex("400104d2b474656d70") },
    );
    const [payload = sent] = encodeDatagram(sent, interfaceIdentifiers(NODE_1, NODE_FF), contexts, {
      maxPayload: 80,
      datagramTag: 0,
    });
    const frames = levels.map((level) => {
      const header = macFrame({
        type: "data",
        sequenceNumber: level,
        destinationPanId: 0x23,
        destination: NODE_FF,
        source: NODE_1,
        security: { level, frameCounter: 100 + level, isAsnInNonce: false, keySource: undefined, keyIndex: 1 },
        payload,
      });
      const sealed = sealFrame(header, NODE_1, key, nodeCcmStar);
      expect(sealed.payload).toHaveLength(payload.length + micLength(level));
      return sealed;
    });
    const fields = ["wpan.aux_sec.frame_counter", "coap.mid", "udp.dstport"];
    const preferences = [`uat:ieee802154_keys:"${toHex(key)}","1","No hash"`];
    const dissected = dissect(capture(LINK_TYPE.withFcs, frames), fields, preferences);
    expect(dissected).toEqual(
      levels.map((level) => ({
        "wpan.aux_sec.frame_counter": [String(100 + level)],
        "coap.mid": ["1234"],
        "udp.dstport": ["5683"],
      })),
    );
  });

  it("finds nothing wrong with what a mesh says while it joins, RPL and neighbour discovery among it", () => {
    const psdus: Uint8Array[] = [];
    const network = new Network({ seed: SEED, observer: ({ psdu }) => psdus.push(psdu) });
    network.add("border-router", { x: 0, y: 0 });
    network.add("router", { x: 8, y: 0 });
    network.add("router", { x: 16, y: 0 });
    network.add("host", { x: 24, y: 0 });
    network.runUntilJoined(300_000);
    network.ping(0, network.global(3), 500);
    const records = psdus.map((bytes, i) =>
      encodePcapngRecord({ bytes, timestampNs: BigInt(i) * 1_000_000n, originalLength: bytes.length }),
    );
    const fields = ["_ws.malformed", "icmpv6.checksum.status", "icmpv6.type", "icmpv6.code", "icmpv6.rpl.dio.rank"];
    const file = concatBytes([encodePcapngHeader(LINK_TYPE.withFcs, "simulated"), ...records]);
    const dissected = dissect(file, fields, ["6lowpan.context0:2001:db8:1::/64"]);
    expect(dissected).toHaveLength(psdus.length);
    const said = new Set<string>();
    for (const frame of dissected) {
      expect(frame["_ws.malformed"]).toEqual([]);
      const [type, code] = [frame["icmpv6.type"]?.[0], frame["icmpv6.code"]?.[0]];
      if (type === undefined) continue;
      expect(frame["icmpv6.checksum.status"]?.[0]).toBe("1");
      said.add(type === "155" ? `${type}/${code}` : type);
    }
    // Router and neighbour solicitations and advertisements, echoes, DIS, DIO, DAO, DAO-ACK.
    expect([...said]).toEqual(
      expect.arrayContaining(["133", "134", "135", "136", "128", "129", "155/0", "155/1", "155/2", "155/3"]),
    );
  });
});

function numberOf(values: string[] | undefined): number | undefined {
  const [value] = values ?? [];
  if (value === "True" || value === "False") return value === "True" ? 1 : 0;
  return value === undefined ? undefined : Number(value);
}

function addressOf(said: Record<string, string[]> | undefined, side: "src" | "dst"): string | undefined {
  return said?.[`wpan.${side}16`]?.[0] ?? said?.[`wpan.${side}64`]?.[0];
}
