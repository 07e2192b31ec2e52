import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ContextTable,
  decodeDatagram,
  decodeFrame,
  decodeIcmpv6,
  decodeIpv6,
  decodeUdp,
  dispatchOf,
  encodeIcmpv6Packet,
  encodeIpv6,
  encodeUdpPacket,
  findRplOption,
  formatAddress,
  type Icmpv6Message,
  insertRplOption,
  interfaceIdentifiers,
  linkAddressOf,
  linkLocalAddress,
  NEXT_HEADER,
  parseAddress,
  parseLinkAddress,
  readRplOption,
  Reassembler,
  removeRplOption,
  shortAddress,
  solicitedNodeAddress,
  walkExtensions,
  WireError,
} from "../src/wire/index.js";
import { linkAddress, octets } from "./arbitraries.js";
import { CAPTURES, capturedFrames } from "./captures.js";
import { codeOf } from "./errors.js";
import { icmpv6Message } from "./icmpv6-arbitraries.js";

const SOURCE = parseAddress("fe80::1");
const DESTINATION = parseAddress("2001:db8::2");
const HEADER = { hopLimit: 255, source: SOURCE, destination: DESTINATION };

/** The IPv6 packets of a capture, reassembled. */
function capturedPackets(name: string, context: string | undefined): Uint8Array[] {
  const contexts = new ContextTable();
  if (context !== undefined) contexts.set({ id: 0, prefix: parseAddress(context), length: 64 });
  const reassembler = new Reassembler(contexts);
  return capturedFrames(name).flatMap(({ psdu, hasFcs }) => {
    const { type, payload, source, destination } = decodeFrame(psdu, { fcs: hasFcs ? "checked" : "absent" });
    if (type !== "data" || source === undefined || destination === undefined) return [];
    const iids = interfaceIdentifiers(source, destination);
    const packet = dispatchOf(payload[0] ?? 0).endsWith("fragment")
      ? reassembler.receive(0, source, destination, payload, 0, payload.length)
      : decodeDatagram(payload, 0, payload.length, iids, contexts);
    return packet === undefined ? [] : [packet];
  });
}

describe("ICMPv6 messages", () => {
  it("come back as they were sent", () => {
    fc.assert(
      fc.property(icmpv6Message, (sent) => {
        const packet = encodeIcmpv6Packet(HEADER, sent);
        expect(decodeIcmpv6(packet, 40, packet.length)).toEqual(sent);
      }),
      { numRuns: 1000 },
    );
  });

  it.each(CAPTURES)("of $name are written as they were read", ({ name, context }) => {
    const types = new Set<string>();
    for (const packet of capturedPackets(name, context)) {
      const { nextHeader, ...header } = decodeIpv6(packet);
      if (nextHeader !== NEXT_HEADER.icmpv6) continue;
      const message = decodeIcmpv6(packet, 40, packet.length);
      types.add(message.type);
      const written = encodeIcmpv6Packet(header, message);
      // RIOT pads its DIS, which says nothing and is not said again.
      if (message.type === "dis") expect(decodeIcmpv6(written, 40, written.length)).toEqual(message);
      else expect(toHex(written)).toBe(toHex(packet));
    }
    expect([...types]).toEqual(expect.arrayContaining(["router-solicitation", "echo-request"]));
  });

  it("of a border router are what the capture's README says: prefix, context, border router, registration", () => {
    const packets = capturedPackets("border-router-and-riot-195", "2001:db8:1::");
    const messages: Icmpv6Message[] = packets
      .filter((packet) => decodeIpv6(packet).nextHeader === NEXT_HEADER.icmpv6)
      .map((packet) => decodeIcmpv6(packet, 40, packet.length));
    const advertisement = messages.find(({ type }) => type === "router-advertisement");
    const node = parseLinkAddress("02:00:00:00:12:34:00:ff");
    expect(advertisement).toMatchObject({
      routerLifetimeSeconds: 1800,
      options: [
        { type: "prefix-information", prefixLength: 64, isOnLink: false, isAutonomous: true },
        { type: "source-link-address", address: node },
        { type: "context", contextId: 0, prefix: parseAddress("2001:db8:1::"), isForCompression: true },
        { type: "border-router", version: 1, lifetimeMinutes: 1000, address: parseAddress("2001:db8:1::1234:ff") },
      ],
    });
    const solicitation = messages.find(({ type }) => type === "neighbor-solicitation");
    expect(solicitation).toMatchObject({
      options: [
        { type: "source-link-address" },
        { type: "address-registration", status: 0, owner: parseLinkAddress("02:00:00:00:12:34:00:01") },
      ],
    });
  });

  it("cut short or damaged give a message or a WireError", () => {
    fc.assert(
      fc.property(icmpv6Message, fc.nat(), fc.nat(255), (message, at, value) => {
        const packet = encodeIcmpv6Packet(HEADER, message);
        packet[40 + (at % (packet.length - 40))] = value;
        for (let end = 44; end <= packet.length; end++) {
          try {
            // The checksum is put right, so that what lies behind it is reached.
            packet.set([0, 0], 42);
            const payload = packet.subarray(40, end);
            const again = encodeIpv6({ ...HEADER, nextHeader: NEXT_HEADER.icmpv6 }, payload);
            const sum = wordsSum(again);
            again.set([sum >>> 8, sum & 0xff], 42);
            decodeIcmpv6(again, 40, again.length);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["an option of length zero", "85000000 00000000 0100", "option"],
    ["a registration of 8 octets", "87000000 00000000 20010db8000000000000000000000001 2101000000000000", "option"],
    ["a multicast target", "87000000 00000000 ff020000000000000000000000000001", "reserved"],
    ["a context of 65 bits in 16 octets", "85000000 00000000 2202410000000000 2001000000000000", "option"],
    ["a prefix of 129 bits", `85000000 00000000 030481${"00".repeat(29)}`, "option"],
    ["a RPL target longer than its option", "9b020000 1e000001 05 04 00 80 2001", "option"],
    ["a transit information of 5 octets", "9b020000 1e000001 06 05 0000000000", "option"],
  ])("with %s are refused", (_title, hex, code) => {
    const packet = encodeIpv6({ ...HEADER, nextHeader: NEXT_HEADER.icmpv6 }, fromHex(hex));
    const sum = wordsSum(packet);
    packet.set([sum >>> 8, sum & 0xff], 42);
    expect(codeOf(() => decodeIcmpv6(packet, 40, packet.length))).toBe(code);
  });

  it("with a wrong checksum are refused", () => {
    const packet = encodeIcmpv6Packet(HEADER, {
      type: "echo-request",
      identifier: 1,
      sequenceNumber: 2,
      data: fromHex("00"),
    });
    packet[packet.length - 1] = 1;
    expect(codeOf(() => decodeIcmpv6(packet, 40, packet.length))).toBe("checksum");
  });
});

/** The checksum for an ICMPv6 packet whose checksum field is zero, worked out once more. */
function wordsSum(packet: Uint8Array): number {
  let sum = packet.length - 40 + NEXT_HEADER.icmpv6;
  for (let at = 8; at < packet.length; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

describe("UDP datagrams", () => {
  it("come back as they were sent, and any wrong bit is noticed", () => {
    const datagram = fc.record({ sourcePort: fc.nat(0xffff), destinationPort: fc.nat(0xffff), payload: octets(0, 50) });
    fc.assert(
      fc.property(datagram, fc.nat(), (sent, at) => {
        const packet = encodeUdpPacket(HEADER, sent);
        expect(decodeUdp(packet, 40, packet.length)).toEqual(sent);
        const wrong = 40 + (at % (packet.length - 40));
        packet[wrong] = (packet[wrong] ?? 0) ^ 0x10;
        expect(codeOf(() => decodeUdp(packet, 40, packet.length))).toMatch(/checksum|header-length/);
      }),
    );
  });

  it("without checksum are refused (RFC 8200 8.1)", () => {
    const packet = encodeUdpPacket(HEADER, { sourcePort: 1, destinationPort: 2, payload: fromHex("00") });
    packet.set([0, 0], 46);
    expect(codeOf(() => decodeUdp(packet, 40, packet.length))).toBe("checksum");
  });

  it("whose checksum is computed as zero carry all ones (RFC 768)", () => {
    // 65,536 payloads have each checksum once.
    const checksums = new Set<number>();
    for (let i = 0; i < 0x10000; i++) {
      const packet = encodeUdpPacket(HEADER, { sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(i >>> 8, i) });
      checksums.add(((packet[46] ?? 0) << 8) | (packet[47] ?? 0));
    }
    expect(checksums.has(0)).toBe(false);
    expect(checksums.has(0xffff)).toBe(true);
  });
});

describe("addresses", () => {
  it.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::ff:fe00:1", "20010db8000000000000 00fffe000001"],
    ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    ["1::", "00010000000000000000000000000000"],
    ["1:0:0:2::", "00010000000000020000000000000000"],
    ["::ffff:c000:201", "00000000000000000000ffffc0000201"],
  ])("%s is written as RFC 5952 has it", (text, hex) => {
    expect(toHex(parseAddress(text))).toBe(toHex(fromHex(hex)));
    expect(formatAddress(fromHex(hex))).toBe(text);
  });

  it("come back from their text", () => {
    const address = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(address, (groups) => {
        const bytes = Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
        expect(parseAddress(formatAddress(bytes))).toEqual(bytes);
      }),
    );
    expect(toHex(parseAddress("::ffff:192.0.2.1"))).toBe("00000000000000000000ffffc0000201");
  });

  it.each([
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "::1.2.3.256",
    "1:2:3:4:5:6:7:8::",
  ])("%j is none", (text) => {
    expect(() => parseAddress(text)).toThrow(RangeError);
  });

  it("of the link tell the link address that they were made of", () => {
    fc.assert(
      fc.property(linkAddress, (link) => {
        // An EUI-64 that looks like the identifier of a short address is not handed out.
        fc.pre(link.length === 2 || toHex(link.subarray(0, 6)) !== "020000fffe00");
        expect(linkAddressOf(linkLocalAddress(link))).toEqual(link);
      }),
    );
    expect(formatAddress(linkLocalAddress(shortAddress(0x1234)))).toBe("fe80::ff:fe00:1234");
    expect(formatAddress(linkLocalAddress(parseLinkAddress("02:00:00:00:12:34:00:01")))).toBe("fe80::1234:1");
    expect(formatAddress(solicitedNodeAddress(parseAddress("2001:db8::aabb:ccdd")))).toBe("ff02::1:ffbb:ccdd");
  });
});

describe("the RPL option", () => {
  const information = fc.record({
    isDown: fc.boolean(),
    hasRankError: fc.boolean(),
    hasForwardingError: fc.boolean(),
    instanceId: fc.nat(255),
    senderRank: fc.nat(0xffff),
  });

  it("goes into a packet and out again", () => {
    fc.assert(
      fc.property(information, octets(0, 30), (sent, payload) => {
        const packet = encodeUdpPacket(HEADER, { sourcePort: 1, destinationPort: 2, payload });
        const longer = insertRplOption(packet, sent);
        const at = findRplOption(longer);
        expect(at).toBe(44);
        expect(readRplOption(longer, at ?? 0)).toEqual(sent);
        expect(decodeIpv6(longer).payloadLength).toBe(packet.length - 40 + 8);
        const chain = walkExtensions(longer);
        expect(chain).toMatchObject({ protocol: NEXT_HEADER.udp, upperAt: 48 });
        expect(decodeUdp(longer, chain.upperAt, longer.length).payload).toEqual(payload);
        expect(toHex(removeRplOption(longer))).toBe(toHex(packet));
      }),
    );
  });

  it("is not found where there is none, and stays where there is more", () => {
    const plain = encodeIpv6({ ...HEADER, nextHeader: NEXT_HEADER.none }, new Uint8Array(16));
    expect(findRplOption(plain)).toBeUndefined();
    const others = encodeIpv6({ ...HEADER, nextHeader: 0 }, fromHex("3b 01 0502 0000 6304 00000000 0104 00000000"));
    expect(findRplOption(others)).toBe(48);
    expect(removeRplOption(others)).toBe(others);
    const cut = encodeIpv6({ ...HEADER, nextHeader: 0 }, fromHex("3b00 6309 00000000"));
    expect(codeOf(() => findRplOption(cut))).toBe("option");
  });
});

describe("extension headers", () => {
  it("are walked to the upper layer, and refused when they are cut or too many", () => {
    const options = "0001040000000000";
    const chain = `3c00010400000000 2b00010400000000 2c00010400000000 1100000100000000`;
    const packet = encodeIpv6({ ...HEADER, nextHeader: 0 }, fromHex(`${chain} 00`));
    expect(walkExtensions(packet)).toMatchObject({ protocol: 17, upperAt: 72 });
    expect(walkExtensions(packet).extensions.map(({ protocol }) => protocol)).toEqual([0, 60, 43, 44]);
    const cut = encodeIpv6(
      { ...HEADER, nextHeader: 60 },
      fromHex(`${options.slice(0, 2)}0201040000000000`.slice(0, 16)),
    );
    expect(codeOf(() => walkExtensions(cut))).toBe("truncated");
    const many = encodeIpv6({ ...HEADER, nextHeader: 60 }, fromHex("3c00010400000000".repeat(9)));
    expect(codeOf(() => walkExtensions(many))).toBe("header-length");
  });
});
