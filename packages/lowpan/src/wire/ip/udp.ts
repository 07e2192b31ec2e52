import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { pseudoHeaderChecksum, sumWords, upperLayerChecksum } from "./checksum.js";
import { encodeIpv6, IPV6_HEADER_LENGTH, type Ipv6Fields, NEXT_HEADER } from "./ipv6.js";

export const UDP_HEADER_LENGTH = 8;

/**
 * A UDP datagram (RFC 768):
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+-------------------------------+
 * |          Source port          |       Destination port        |
 * +-------------------------------+-------------------------------+
 * |            Length             |           Checksum            |
 * +-------------------------------+-------------------------------+
 * ```
 */
export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/**
 * The datagram from `at` to the end of an IPv6 packet; its payload is a view.
 *
 * @throws WireError `checksum` when it is wrong or missing (RFC 8200 8.1), `header-length` when the length is wrong.
 */
export function decodeUdp(packet: Uint8Array, at: number, end: number): UdpDatagram {
  requireBytes(at, UDP_HEADER_LENGTH, end, "the UDP header");
  const length = readUint16(packet, at + 4);
  if (length < UDP_HEADER_LENGTH || at + length > end) {
    throw new WireError("header-length", `a UDP length of ${length} in ${end - at} octets`);
  }
  const hasChecksum = byteAt(packet, at + 6) !== 0 || byteAt(packet, at + 7) !== 0;
  if (!hasChecksum || upperLayerChecksum(packet, at, at + length, NEXT_HEADER.udp) !== 0)
    throw new WireError("checksum");
  return {
    sourcePort: readUint16(packet, at),
    destinationPort: readUint16(packet, at + 2),
    payload: packet.subarray(at + UDP_HEADER_LENGTH, at + length),
  };
}

/** The IPv6 packet that carries `datagram`, checksum made. */
export function encodeUdpPacket(header: Omit<Ipv6Fields, "nextHeader">, datagram: UdpDatagram): Uint8Array {
  const length = UDP_HEADER_LENGTH + datagram.payload.length;
  const packet = encodeIpv6({ ...header, nextHeader: NEXT_HEADER.udp }, new Uint8Array(length));
  writeUint16(packet, IPV6_HEADER_LENGTH, datagram.sourcePort);
  writeUint16(packet, IPV6_HEADER_LENGTH + 2, datagram.destinationPort);
  writeUint16(packet, IPV6_HEADER_LENGTH + 4, length);
  packet.set(datagram.payload, IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH);
  writeUdpChecksum(packet, IPV6_HEADER_LENGTH, packet.length, 8);
  return packet;
}

/** Writes the checksum of the datagram from `at` to `end` of a packet whose IPv6 addresses stand at `addressesAt`. */
export function writeUdpChecksum(packet: Uint8Array, at: number, end: number, addressesAt: number): void {
  writeUint16(packet, at + 6, 0);
  const sum = sumWords(packet, at, end);
  const checksum = pseudoHeaderChecksum(packet, addressesAt, end - at, NEXT_HEADER.udp, sum);
  // RFC 768: a computed zero is sent as all ones.
  writeUint16(packet, at + 6, checksum === 0 ? 0xffff : checksum);
}
