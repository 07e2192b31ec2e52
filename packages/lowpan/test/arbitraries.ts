import * as fc from "fast-check";
import {
  encodeIpv6,
  encodeUdpPacket,
  interfaceIdentifiers,
  type LinkAddress,
  macFrame,
  type MacFrame,
  NEXT_HEADER,
  type SecurityHeader,
} from "../src/wire/index.js";

export const octets = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

export const shortLinkAddress: fc.Arbitrary<LinkAddress> = octets(2, 2);
export const extendedLinkAddress: fc.Arbitrary<LinkAddress> = octets(8, 8);
export const linkAddress: fc.Arbitrary<LinkAddress> = fc.oneof(shortLinkAddress, extendedLinkAddress);

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);
const bits = (count: number): fc.Arbitrary<number> => fc.nat(2 ** count - 1);

export const securityHeader: fc.Arbitrary<SecurityHeader> = fc
  .record({
    level: fc.constantFrom(...([1, 2, 3, 4, 5, 6, 7] as const)),
    frameCounter: fc.nat(0xffff_fffe),
    key: fc.oneof(
      fc.constant({ keySource: undefined, keyIndex: undefined }),
      fc.record({ keySource: fc.oneof(fc.constant(undefined), octets(4, 4), octets(8, 8)), keyIndex: uint8 }),
    ),
  })
  .map(({ level, frameCounter, key }) => ({ level, frameCounter, isAsnInNonce: false, ...key }));

const oldPans = fc.constantFrom("both", "compressed" as const);

/** Frames of the 2003 and 2006 versions: no elements, a sequence number, PANs as the addresses allow. */
const oldFrame: fc.Arbitrary<MacFrame> = fc
  .record({
    type: fc.constantFrom(...(["data", "acknowledgement"] as const)),
    version: fc.constantFrom(...([0, 1] as const)),
    isFramePending: fc.boolean(),
    isAckRequested: fc.boolean(),
    sequenceNumber: uint8,
    destinationPanId: uint16,
    destination: fc.option(linkAddress, { nil: undefined }),
    sourcePanId: uint16,
    source: fc.option(linkAddress, { nil: undefined }),
    pans: oldPans,
    payload: octets(0, 80),
    security: fc.option(securityHeader, { nil: undefined }),
  })
  .map(({ pans, ...frame }) => {
    const hasBoth = frame.destination !== undefined && frame.source !== undefined;
    return macFrame({
      ...frame,
      security: frame.version === 0 ? undefined : frame.security,
      destinationPanId: frame.destination === undefined ? undefined : frame.destinationPanId,
      sourcePanId: frame.source === undefined || (hasBoth && pans === "compressed") ? undefined : frame.sourcePanId,
    });
  });

const headerIe = fc.record({
  elementId: fc.nat(0xff).filter((id) => id !== 0x7e && id !== 0x7f),
  content: octets(0, 12),
});

/** Frames of the 2015 version, with each row of its PAN identifier compression table. */
const newFrame: fc.Arbitrary<MacFrame> = fc
  .record({
    type: fc.constantFrom(...(["beacon", "data", "acknowledgement", "command"] as const)),
    isFramePending: fc.boolean(),
    isAckRequested: fc.boolean(),
    sequenceNumber: fc.option(uint8, { nil: undefined }),
    destination: fc.option(linkAddress, { nil: undefined }),
    source: fc.option(linkAddress, { nil: undefined }),
    pan: uint16,
    otherPan: uint16,
    isCompressed: fc.boolean(),
    headerIes: fc.option(fc.array(headerIe, { maxLength: 3 }), { nil: undefined }),
    payload: octets(0, 40),
    security: fc.option(securityHeader, { nil: undefined }),
  })
  .map(({ pan, otherPan, isCompressed, ...frame }) =>
    macFrame({ ...frame, version: 2, ...pansOf(frame, pan, otherPan, isCompressed) }),
  );

/** IEEE 802.15.4-2015 table 7-2, written out once more so that the code is not its own witness. */
function pansOf(
  { destination, source }: Pick<MacFrame, "destination" | "source">,
  pan: number,
  otherPan: number,
  isCompressed: boolean,
): Pick<MacFrame, "destinationPanId" | "sourcePanId"> {
  if (destination === undefined && source === undefined) {
    return { destinationPanId: isCompressed ? pan : undefined, sourcePanId: undefined };
  }
  if (source === undefined) return { destinationPanId: isCompressed ? undefined : pan, sourcePanId: undefined };
  if (destination === undefined) return { destinationPanId: undefined, sourcePanId: isCompressed ? undefined : pan };
  if (destination.length === 8 && source.length === 8) {
    return { destinationPanId: isCompressed ? undefined : pan, sourcePanId: undefined };
  }
  return { destinationPanId: pan, sourcePanId: isCompressed ? undefined : otherPan };
}

export const frame: fc.Arbitrary<MacFrame> = fc.oneof(oldFrame, newFrame);

/** Two link addresses and the identifiers that they imply. */
export const link = fc.record({ source: linkAddress, destination: linkAddress }).map(({ source, destination }) => ({
  source,
  destination,
  iids: interfaceIdentifiers(source, destination),
}));

export type Link = { source: LinkAddress; destination: LinkAddress; iids: Uint8Array };

/** The /64s that packets are made of: some have contexts in {@link CONTEXT_PREFIXES}. */
const prefix64 = fc.constantFrom(
  "fe80000000000000",
  "fe80000000000001",
  "20010db800010000",
  "20010db800020000",
  "20010db800030000",
  "fd00000000000000",
  "0000000000000000",
);

const fromHexDigits = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** Interface identifiers of each kind: implied by a link address, of a short address, any. */
const identifier = (implied: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.constant(implied),
    octets(2, 2).map((short) => Uint8Array.of(0, 0, 0, 0xff, 0xfe, 0, ...short)),
    fc.constant(new Uint8Array(8)),
    octets(8, 8),
  );

const unicast = (implied: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.tuple(prefix64, identifier(implied)).map(([prefix, iid]) => Uint8Array.of(...fromHexDigits(prefix), ...iid));

const multicast: fc.Arbitrary<Uint8Array> = fc.oneof(
  uint8.map((last) => Uint8Array.of(0xff, 2, ...new Uint8Array(13), last)),
  fc.tuple(uint8, octets(4, 4)).map(([scope, low]) => Uint8Array.of(0xff, scope, ...new Uint8Array(10), ...low)),
  fc.tuple(uint8, octets(5, 5)).map(([scope, low]) => Uint8Array.of(0xff, scope, ...new Uint8Array(9), ...low)),
  fc
    .tuple(octets(2, 2), fc.constantFrom(48, 64), prefix64, octets(4, 4))
    .map(([head, length, prefix, low]) => Uint8Array.of(0xff, ...head, length, ...fromHexDigits(prefix), ...low)),
  octets(15, 15).map((rest) => Uint8Array.of(0xff, ...rest)),
);

/** Header fields that reach each IPHC form. */
export const header = ({ iids }: Link) =>
  fc.record({
    trafficClass: fc.oneof(fc.constant(0), bits(2), uint8),
    flowLabel: fc.oneof(fc.constant(0), bits(20)),
    hopLimit: fc.oneof(fc.constantFrom(1, 64, 255), uint8),
    source: fc.oneof(unicast(iids.subarray(0, 8)), fc.constant(new Uint8Array(16)), octets(16, 16)),
    destination: fc.oneof(unicast(iids.subarray(8)), multicast, fc.constant(new Uint8Array(16))),
  });

const port = fc.oneof(
  bits(4).map((low) => 0xf0b0 | low),
  uint8.map((low) => 0xf000 | low),
  uint16,
);

/** Extension headers: options with each kind of padding at the end, routing, fragment, mobility; and their number. */
const options = fc
  .tuple(fc.array(fc.tuple(fc.integer({ min: 2, max: 255 }), octets(0, 20)), { maxLength: 3 }), fc.nat(2))
  .map(([list, padding]) => {
    const body = list.flatMap(([type, data]) => [type, data.length, ...data]);
    const missing = -(body.length + 2) & 7;
    if (missing === 0) return body;
    if (padding === 0) return [...body, ...new Array<number>(missing).fill(0)];
    if (missing === 1) return [...body, 0];
    return [...body, 1, missing - 2, ...new Array<number>(missing - 2).fill(padding === 1 ? 0 : 7)];
  });

type Extension = { protocol: number; body: readonly number[] };

const extension: fc.Arbitrary<Extension> = fc.oneof(
  options.map((body) => ({ protocol: NEXT_HEADER.hopByHop, body: withLength(body) })),
  options.map((body) => ({ protocol: NEXT_HEADER.destinationOptions, body: withLength(body) })),
  octets(6, 6).map((body) => ({ protocol: NEXT_HEADER.routing, body: withLength([...body]) })),
  octets(14, 14).map((body) => ({ protocol: NEXT_HEADER.mobility, body: withLength([...body]) })),
  fc.tuple(uint8, octets(4, 4), fc.boolean()).map(([reserved, id, isFirst]) => ({
    protocol: NEXT_HEADER.fragment,
    body: [reserved, isFirst ? 0 : 3, isFirst ? 1 : 9, ...id],
  })),
);

function withLength(body: readonly number[]): number[] {
  return [(body.length + 2) / 8 - 1, ...body];
}

/** What follows an IPv6 header: its protocol and its octets. */
type Upper = { protocol: number; bytes: Uint8Array };

const UPPER_PROTOCOLS: readonly number[] = [NEXT_HEADER.icmpv6, NEXT_HEADER.none, 6, 253];

const plainUpper = (protocols: readonly number[]): fc.Arbitrary<Upper> =>
  octets(0, 60).chain((bytes) => fc.constantFrom(...protocols).map((protocol) => ({ protocol, bytes })));

const udpUpper = (fields: { source: Uint8Array; destination: Uint8Array }): fc.Arbitrary<Upper> =>
  fc.record({ sourcePort: port, destinationPort: port, payload: octets(0, 60) }).map((datagram) => ({
    protocol: NEXT_HEADER.udp,
    bytes: encodeUdpPacket({ hopLimit: 0, ...fields }, datagram).subarray(40),
  }));

/** A packet of this upper layer, behind extension headers. */
function packetOf(fields: HeaderFields, extensions: readonly Extension[], upper: Upper): Uint8Array {
  const protocols = [...extensions.map(({ protocol }) => protocol), upper.protocol];
  const payload = extensions.flatMap(({ body }, i) => [protocols[i + 1] ?? 0, ...body]);
  return encodeIpv6({ ...fields, nextHeader: protocols[0] ?? 0 }, Uint8Array.of(...payload, ...upper.bytes));
}

type HeaderFields = {
  trafficClass: number;
  flowLabel: number;
  hopLimit: number;
  source: Uint8Array;
  destination: Uint8Array;
};

/** Packets with each form of each header, one IPv6 packet within another among them. */
export function packet(over: Link, protocols = UPPER_PROTOCOLS): fc.Arbitrary<Uint8Array> {
  const flat = header(over).chain((fields) =>
    fc
      .tuple(fc.array(extension, { maxLength: 3 }), fc.oneof(udpUpper(fields), plainUpper(protocols)))
      .map(([extensions, upper]) => packetOf(fields, extensions, upper)),
  );
  const nested = fc
    .tuple(header(over), fc.array(extension, { maxLength: 1 }), flat)
    .map(([fields, extensions, bytes]) => packetOf(fields, extensions, { protocol: NEXT_HEADER.ipv6, bytes }));
  return fc.oneof({ weight: 4, arbitrary: flat }, { weight: 1, arbitrary: nested });
}
