import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { Ipv6Address } from "./address.js";

export const IPV6_HEADER_LENGTH = 40;

/** The largest packet that every IPv6 link carries (RFC 8200 5), and all that a 6LoWPAN link need carry. */
export const IPV6_MINIMUM_MTU = 1280;

/** Protocol numbers of the next header field. */
export const NEXT_HEADER = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
  mobility: 135,
} as const;

/**
 * The IPv6 header (RFC 8200 3):
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------+---------------+---------------------------------------+
 * |Version| Traffic class |              Flow label               |
 * +-------+---------------+-------+---------------+---------------+
 * |         Payload length        |  Next header  |   Hop limit   |
 * +-------------------------------+---------------+---------------+
 * |                    Source address: 16 octets                  |
 * +---------------------------------------------------------------+
 * |                 Destination address: 16 octets                |
 * +---------------------------------------------------------------+
 * ```
 */
export interface Ipv6Header {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
}

/** The header of `packet`; addresses are views. @throws WireError unless the packet is as long as it says. */
export function decodeIpv6(packet: Uint8Array): Ipv6Header {
  requireBytes(0, IPV6_HEADER_LENGTH, packet.length, "the IPv6 header");
  const first = readUint16(packet, 0);
  if (first >>> 12 !== 6) throw new WireError("version", `IP version ${first >>> 12}`);
  const payloadLength = readUint16(packet, 4);
  requireBytes(IPV6_HEADER_LENGTH, payloadLength, packet.length, "the IPv6 payload");
  return {
    trafficClass: (first >>> 4) & 0xff,
    flowLabel: ((first & 0xf) << 16) | readUint16(packet, 2),
    payloadLength,
    nextHeader: byteAt(packet, 6),
    hopLimit: byteAt(packet, 7),
    source: packet.subarray(8, 24),
    destination: packet.subarray(24, 40),
  };
}

/** What {@link encodeIpv6} cannot know; traffic class and flow label are zero when left out. */
export type Ipv6Fields = Omit<Ipv6Header, "payloadLength" | "trafficClass" | "flowLabel"> &
  Partial<Pick<Ipv6Header, "trafficClass" | "flowLabel">>;

/** A packet of this header and `payload`. @throws RangeError when the payload is longer than 65,535 octets. */
export function encodeIpv6(header: Ipv6Fields, payload: Uint8Array): Uint8Array {
  if (payload.length > 0xffff) throw new RangeError(`a payload of ${payload.length} octets`);
  const packet = new Uint8Array(IPV6_HEADER_LENGTH + payload.length);
  const flowLabel = header.flowLabel ?? 0;
  writeUint16(packet, 0, 0x6000 | ((header.trafficClass ?? 0) << 4) | (flowLabel >>> 16));
  writeUint16(packet, 2, flowLabel & 0xffff);
  writeUint16(packet, 4, payload.length);
  packet[6] = header.nextHeader;
  packet[7] = header.hopLimit;
  packet.set(header.source, 8);
  packet.set(header.destination, 24);
  packet.set(payload, IPV6_HEADER_LENGTH);
  return packet;
}
