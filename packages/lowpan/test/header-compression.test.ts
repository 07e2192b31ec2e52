import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compressHeaders,
  ContextTable,
  decodeDatagram,
  encodeDatagram,
  encodeIpv6,
  encodeUdpPacket,
  interfaceIdentifiers,
  linkLocalAddress,
  addressOnPrefix,
  NEXT_HEADER,
  parseAddress,
  parseLinkAddress,
  shortAddress,
} from "../src/wire/index.js";
import { compressIpv6, decompressIpv6 } from "../src/wire/adaptation/iphc.js";
import { header, link, octets, packet } from "./arbitraries.js";
import { codeOf } from "./errors.js";

const NODE_1 = parseLinkAddress("02:00:00:00:12:34:00:01");
const NODE_FF = parseLinkAddress("02:00:00:00:12:34:00:ff");
const IIDS = interfaceIdentifiers(NODE_1, NODE_FF);

/** Contexts of each kind of length: a /64, a shorter one, longer ones within and up to the whole address. */
const contexts = new ContextTable();
contexts.set({ id: 0, prefix: parseAddress("2001:db8:1::"), length: 64 });
contexts.set({ id: 1, prefix: parseAddress("2001:db8:2::"), length: 48 });
contexts.set({ id: 5, prefix: parseAddress("2001:db8:3::ff:fe00:0"), length: 112 });
contexts.set({ id: 9, prefix: parseAddress("fd00::1"), length: 128 });
contexts.set({ id: 12, prefix: parseAddress("2001:db8:3::"), length: 61 });
contexts.set({ id: 15, prefix: parseAddress("2001:db8:1::"), length: 64, isForCompression: false });

describe("round trip", () => {
  it("gives each packet back octet by octet", () => {
    const linked = link.chain((over) => packet(over).map((sent) => ({ over, sent })));
    fc.assert(
      fc.property(linked, ({ over, sent }) => {
        const [whole] = encodeDatagram(sent, over.iids, contexts, { maxPayload: 2000, datagramTag: 0 });
        const received = decodeDatagram(whole ?? sent, 0, whole?.length ?? 0, over.iids, contexts);
        expect(toHex(received)).toBe(toHex(sent));
      }),
      { numRuns: 2000 },
    );
  });

  it("never takes more octets than the uncompressed form", () => {
    const linked = link.chain((over) => packet(over).map((sent) => ({ over, sent })));
    fc.assert(
      fc.property(linked, ({ over, sent }) => {
        const [whole] = encodeDatagram(sent, over.iids, contexts, { maxPayload: 2000, datagramTag: 0 });
        expect(whole?.length).toBeLessThanOrEqual(sent.length + 1);
      }),
    );
  });
});

/** Octets that IPHC carries in-line for each address mode, as RFC 6282 3.1.1 draws them. */
const UNICAST_INLINE = [16, 8, 2, 0].map((length) => (a: Uint8Array) => a.subarray(16 - length));
const MULTICAST_INLINE = [
  (a: Uint8Array) => a,
  (a: Uint8Array) => Uint8Array.of(a[1] ?? 0, ...a.subarray(11)),
  (a: Uint8Array) => Uint8Array.of(a[1] ?? 0, ...a.subarray(13)),
  (a: Uint8Array) => a.subarray(15),
];
const PREFIX_INLINE = (a: Uint8Array) => Uint8Array.of(a[1] ?? 0, a[2] ?? 0, ...a.subarray(12));

/** Each IPHC header that says the addresses one way or another, traffic class and hop limit in-line. */
function* encodings(ipv6: Uint8Array): Generator<Uint8Array> {
  const source = ipv6.subarray(8, 24);
  const destination = ipv6.subarray(24, 40);
  const ecnDscp = ((((ipv6[0] ?? 0) & 0xf) << 4) | ((ipv6[1] ?? 0) >>> 4)) & 0xff;
  const fixed = [((ecnDscp & 3) << 6) | (ecnDscp >>> 2), (ipv6[1] ?? 0) & 0xf, ipv6[2] ?? 0, ipv6[3] ?? 0];
  const ids = [undefined, ...[0, 1, 5, 9, 12].flatMap((s) => [0, 1, 5, 9, 12].map((d) => (s << 4) | d))];
  for (const id of ids) {
    for (let bits = 0; bits < 0x80; bits++) {
      const isMulticast = (bits & 8) !== 0;
      const isSourceUnspecified = ((bits >>> 4) & 7) === 4;
      const sourceInline = isSourceUnspecified ? [] : (UNICAST_INLINE[(bits >>> 4) & 3]?.(source) ?? []);
      const multicastInline = (bits & 4) === 0 ? MULTICAST_INLINE[bits & 3] : PREFIX_INLINE;
      const destinationInline = (isMulticast ? multicastInline : UNICAST_INLINE[bits & 3])?.(destination) ?? [];
      yield Uint8Array.of(
        0x60,
        bits | (id === undefined ? 0 : 0x80),
        ...(id === undefined ? [] : [id]),
        ...fixed,
        ipv6[6] ?? 0,
        ipv6[7] ?? 0,
        ...sourceInline,
        ...destinationInline,
      );
    }
  }
}

describe("the smallest form", () => {
  it("is chosen among all that stand for the addresses", () => {
    const linked = link.chain((over) => header(over).map((fields) => ({ over, fields })));
    fc.assert(
      fc.property(linked, ({ over, fields }) => {
        // All but the addresses is made incompressible, so that they alone decide.
        const ipv6 = encodeIpv6(
          { ...fields, nextHeader: 253, hopLimit: 7, flowLabel: 1, trafficClass: 0xfc },
          new Uint8Array(0),
        );
        const ours = new Uint8Array(41);
        const length = compressIpv6(ipv6, 0, false, over.iids, contexts, ours, 0);
        let smallest = Number.POSITIVE_INFINITY;
        for (const encoding of encodings(ipv6)) {
          const decoded = new Uint8Array(40);
          const code = codeOf(() => decompressIpv6(encoding, 0, encoding.length, over.iids, contexts, decoded, 0));
          if (code === undefined && toHex(decoded) === toHex(ipv6)) smallest = Math.min(smallest, encoding.length);
        }
        expect(length).toBe(smallest);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    // traffic class, flow label, octets in-line (RFC 6282 3.1.1, TF)
    [0x00, 0, 0],
    [0x03, 0, 1],
    [0xfc, 0, 1],
    [0x00, 1, 3],
    [0x02, 0xfffff, 3],
    [0x04, 1, 4],
    [0xff, 0xfffff, 4],
  ])("of traffic class %i and flow label %i takes %i octets", (trafficClass, flowLabel, inline) => {
    const ipv6 = encodeIpv6(
      {
        trafficClass,
        flowLabel,
        nextHeader: NEXT_HEADER.icmpv6,
        hopLimit: 64,
        source: linkLocalAddress(NODE_1),
        destination: linkLocalAddress(NODE_FF),
      },
      new Uint8Array(0),
    );
    const out = new Uint8Array(41);
    expect(compressHeaders(ipv6, IIDS, contexts, out).compressedLength).toBe(3 + inline);
    const decoded = new Uint8Array(40);
    decompressIpv6(out, 0, 3 + inline, IIDS, contexts, decoded, 0);
    expect(toHex(decoded)).toBe(toHex(ipv6));
  });

  it.each([
    [1, 0],
    [64, 0],
    [255, 0],
    [0, 1],
    [63, 1],
    [254, 1],
  ])("of hop limit %i takes %i octets", (hopLimit, inline) => {
    const ipv6 = encodeIpv6(
      {
        nextHeader: NEXT_HEADER.icmpv6,
        hopLimit,
        source: linkLocalAddress(NODE_1),
        destination: linkLocalAddress(NODE_FF),
      },
      new Uint8Array(0),
    );
    expect(compressHeaders(ipv6, IIDS, contexts, new Uint8Array(41)).compressedLength).toBe(3 + inline);
  });

  it("does not use a context that is only for receiving", () => {
    const receiving = new ContextTable();
    receiving.set({ id: 0, prefix: parseAddress("2001:db8::"), length: 64, isForCompression: false });
    const source = addressOnPrefix(parseAddress("2001:db8::"), NODE_1);
    const ipv6 = encodeIpv6(
      { nextHeader: 58, hopLimit: 64, source, destination: linkLocalAddress(NODE_FF) },
      new Uint8Array(0),
    );
    const out = new Uint8Array(41);
    expect(compressHeaders(ipv6, IIDS, receiving, out).compressedLength).toBe(3 + 16);
    // What a sender with the context writes is understood nevertheless.
    const decoded = new Uint8Array(40);
    decompressIpv6(fromHex("7a733a"), 0, 3, IIDS, receiving, decoded, 0);
    expect(toHex(decoded.subarray(8, 24))).toBe(toHex(source));
  });
});

describe("48 octets of IPv6 and UDP", () => {
  const compressedLength = (source: Uint8Array, destination: Uint8Array, ports: [number, number]): number => {
    const datagram = { sourcePort: ports[0], destinationPort: ports[1], payload: new Uint8Array(20) };
    const sent = encodeUdpPacket({ hopLimit: 64, source, destination }, datagram);
    return compressHeaders(sent, IIDS, contexts, new Uint8Array(64)).compressedLength;
  };
  const local = [linkLocalAddress(NODE_1), linkLocalAddress(NODE_FF)] as const;
  const prefix = parseAddress("2001:db8:1::");
  const global = [addressOnPrefix(prefix, NODE_1), addressOnPrefix(prefix, NODE_FF)] as const;
  const foreign = addressOnPrefix(parseAddress("2001:db8:ffff::"), NODE_1);

  it("become 6 on link-local and context addresses with ports 0xf0bx", () => {
    expect(compressedLength(...local, [0xf0b1, 0xf0b2])).toBe(6);
    expect(compressedLength(...global, [0xf0b1, 0xf0b2])).toBe(6);
  });

  it("become 9 with CoAP's port and an ephemeral one", () => {
    expect(compressedLength(...local, [49152, 5683])).toBe(9);
  });

  it("become 41 with global addresses of which no context is known", () => {
    // 2 of IPHC, 32 of addresses, 7 of UDP.
    expect(compressedLength(foreign, addressOnPrefix(parseAddress("2001:db8:ffff::"), NODE_FF), [49152, 5683])).toBe(
      41,
    );
  });
});

describe("a UDP checksum", () => {
  const sent = encodeUdpPacket(
    { hopLimit: 64, source: linkLocalAddress(NODE_1), destination: linkLocalAddress(NODE_FF) },
    { sourcePort: 0xf0b1, destinationPort: 0xf0b2, payload: fromHex("0102030405") },
  );

  it("goes along unless the caller says otherwise (RFC 6282 4.3.2)", () => {
    const out = new Uint8Array(64);
    expect(compressHeaders(sent, IIDS, contexts, out).compressedLength).toBe(6);
    expect(compressHeaders(sent, IIDS, contexts, out, 0, { elidesUdpChecksum: true }).compressedLength).toBe(4);
  });

  it("that was left out is computed by the receiver", () => {
    fc.assert(
      fc.property(octets(0, 60), fc.nat(0xffff), (payload, sourcePort) => {
        const packet = encodeUdpPacket(
          { hopLimit: 64, source: linkLocalAddress(NODE_1), destination: linkLocalAddress(NODE_FF) },
          { sourcePort, destinationPort: 5683, payload },
        );
        const options = { maxPayload: 127, datagramTag: 0, elidesUdpChecksum: true };
        const [whole] = encodeDatagram(packet, IIDS, contexts, options);
        const received = decodeDatagram(whole ?? packet, 0, whole?.length ?? 0, IIDS, contexts);
        expect(toHex(received)).toBe(toHex(packet));
      }),
    );
  });
});

describe("hand-made headers", () => {
  const decode = (hex: string): string => {
    const bytes = fromHex(hex);
    return toHex(decodeDatagram(bytes, 0, bytes.length, IIDS, contexts));
  };

  it("HC1 with everything elided and HC_UDP (RFC 4944 10.3)", () => {
    // Prefixes and identifiers elided, no traffic class, UDP, HC2: both ports of 4 bits, length elided; hop limit 64;
    // ports 0xf0b1 and 0xf0b2; the checksum; then the payload.
    const payload = fromHex("cafe");
    const sent = encodeUdpPacket(
      { hopLimit: 64, source: linkLocalAddress(NODE_1), destination: linkLocalAddress(NODE_FF) },
      { sourcePort: 0xf0b1, destinationPort: 0xf0b2, payload },
    );
    expect(decode(`42 fb e0 40 12 ${toHex(sent.subarray(46, 48))} cafe`)).toBe(toHex(sent));
  });

  it("HC1 with everything in-line, fields not at octets (RFC 4944 10.3.1)", () => {
    const sent = encodeIpv6(
      {
        trafficClass: 0xab,
        flowLabel: 0x12345,
        nextHeader: 0x3a,
        hopLimit: 9,
        source: parseAddress("2001:db8:1::1"),
        destination: parseAddress("2001:db8:2::2"),
      },
      new Uint8Array(0),
    );
    // 8 bits of class, 20 of label, 8 of next header: 36 bits, the last four unused.
    const addresses = toHex(sent.subarray(8, 40));
    expect(decode(`42 00 09 ${addresses} ab123453a0`)).toBe(toHex(sent));
  });

  it.each([
    ["an IPHC that ends after its first octet", "7b", "truncated"],
    ["a context that is not known", "7af3773a", "context"],
    ["the reserved stateful destination mode", "7a343a", "reserved"],
    ["a reserved multicast mode", "7a3d3a00", "reserved"],
    ["NHC that is neither extension nor UDP", "7e33 80", "dispatch"],
    ["the reserved extension identifiers", "7e33 ea3a00", "reserved"],
    ["NH before an IPv6 header", "7e33 ef 7a333a", "reserved"],
    ["NHC that is missing", "7e33", "truncated"],
    ["padding where no options are", "7e33 e2 3a 03 000000", "header-length"],
    ["HC2 without UDP", "42f500", "reserved"],
    ["a dispatch that begins no packet", "50 01", "dispatch"],
  ])("%s is refused", (_title, hex, code) => {
    // Context 7 is nobody's; the CID octet of the second case names it for both.
    expect(codeOf(() => decode(hex))).toBe(code);
  });

  it("options whose padding was left out are padded again (RFC 6282 4.2)", () => {
    // Hop-by-hop of 4 counted octets, a router alert; then ICMPv6 in-line.
    expect(decode("7e33 e0 3a 04 05020000 80")).toBe(
      toHex(
        encodeIpv6(
          {
            nextHeader: NEXT_HEADER.hopByHop,
            hopLimit: 64,
            source: linkLocalAddress(NODE_1),
            destination: linkLocalAddress(NODE_FF),
          },
          fromHex("3a00 05020000 0100 80"),
        ),
      ),
    );
  });

  it("short addresses imply identifiers without the PAN (RFC 6282 3.2.2)", () => {
    const iids = interfaceIdentifiers(shortAddress(0x1234), shortAddress(0xffff));
    const bytes = fromHex("7a333a");
    const received = decodeDatagram(bytes, 0, 3, iids, contexts);
    expect(toHex(received.subarray(8, 24))).toBe(toHex(parseAddress("fe80::ff:fe00:1234")));
  });
});

describe("compressing what is not an IPv6 packet", () => {
  it.each([
    ["a short one", "60000000", "truncated"],
    ["another version", `45${"00".repeat(39)}`, "version"],
    ["a wrong length", `6000000000013a40${"00".repeat(32)}`, "header-length"],
  ])("%s is refused", (_title, hex, code) => {
    expect(codeOf(() => compressHeaders(fromHex(hex), IIDS, contexts, new Uint8Array(64)))).toBe(code);
  });
});
