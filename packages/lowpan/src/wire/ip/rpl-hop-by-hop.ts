import { byteAt, concatBytes, readUint16, writeUint16 } from "@isthmus/bytes";
import { WireError } from "../wire-error.js";
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from "./ipv6.js";

/**
 * The RPL option of the hop-by-hop header (RFC 6553 3, RFC 9008 for the type): lets routers notice that a packet
 * goes the wrong way.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-+-+-+---------+---------------+
 * |  Option type  |   Length: 4   |O|R|F|0 0 0 0 0| RPL instance  |
 * +---------------+---------------+-+-+-+---------+---------------+
 * |         Sender's rank         |
 * +-------------------------------+
 * ```
 */
export interface RplPacketInformation {
  /** O: the packet goes down, away from the root. */
  readonly isDown: boolean;
  /** R: a router on the way saw a rank that contradicts the direction. */
  readonly hasRankError: boolean;
  /** F: a router on the way had no route, and sent it back. */
  readonly hasForwardingError: boolean;
  readonly instanceId: number;
  readonly senderRank: number;
}

/** The type that nodes which do not know it skip (RFC 9008 11.1); 0x63 was the first. */
const OPTION_TYPE = 0x23;
const OPTION_TYPE_6553 = 0x63;
const OPTION_LENGTH = 4;
/** Next header, length, and the option: 8 octets. */
const HEADER_LENGTH = 8;

/** Where the RPL option's content stands in `packet`; undefined when it has none. @throws WireError. */
export function findRplOption(packet: Uint8Array): number | undefined {
  if (packet.length < IPV6_HEADER_LENGTH + HEADER_LENGTH || byteAt(packet, 6) !== NEXT_HEADER.hopByHop)
    return undefined;
  const end = IPV6_HEADER_LENGTH + (byteAt(packet, IPV6_HEADER_LENGTH + 1) + 1) * 8;
  if (end > packet.length) throw new WireError("truncated", "the hop-by-hop header is cut short");
  for (let at = IPV6_HEADER_LENGTH + 2; at < end;) {
    const type = byteAt(packet, at);
    if (type === 0) {
      at++;
      continue;
    }
    const length = at + 1 < end ? byteAt(packet, at + 1) : 255;
    if (at + 2 + length > end) throw new WireError("option", "a hop-by-hop option is cut short");
    if (type === OPTION_TYPE || type === OPTION_TYPE_6553) {
      if (length < OPTION_LENGTH) throw new WireError("option", `a RPL option of ${length} octets`);
      return at + 2;
    }
    at += 2 + length;
  }
  return undefined;
}

export function readRplOption(packet: Uint8Array, at: number): RplPacketInformation {
  const flags = byteAt(packet, at);
  return {
    isDown: (flags & 0x80) !== 0,
    hasRankError: (flags & 0x40) !== 0,
    hasForwardingError: (flags & 0x20) !== 0,
    instanceId: byteAt(packet, at + 1),
    senderRank: readUint16(packet, at + 2),
  };
}

export function writeRplOption(packet: Uint8Array, at: number, information: RplPacketInformation): void {
  packet[at] =
    (information.isDown ? 0x80 : 0) |
    (information.hasRankError ? 0x40 : 0) |
    (information.hasForwardingError ? 0x20 : 0);
  packet[at + 1] = information.instanceId;
  writeUint16(packet, at + 2, information.senderRank);
}

/** `packet` with a hop-by-hop header of just this option before all else. */
export function insertRplOption(packet: Uint8Array, information: RplPacketInformation): Uint8Array {
  const header = Uint8Array.of(byteAt(packet, 6), 0, OPTION_TYPE, OPTION_LENGTH, 0, 0, 0, 0);
  const longer = concatBytes([packet.subarray(0, IPV6_HEADER_LENGTH), header, packet.subarray(IPV6_HEADER_LENGTH)]);
  longer[6] = NEXT_HEADER.hopByHop;
  writeUint16(longer, 4, longer.length - IPV6_HEADER_LENGTH);
  writeRplOption(longer, IPV6_HEADER_LENGTH + 4, information);
  return longer;
}

/** `packet` without a hop-by-hop header that holds nothing but the RPL option; unchanged when there is more in it. */
export function removeRplOption(packet: Uint8Array): Uint8Array {
  const isAlone = findRplOption(packet) === IPV6_HEADER_LENGTH + 4 && byteAt(packet, IPV6_HEADER_LENGTH + 1) === 0;
  if (!isAlone) return packet;
  const shorter = concatBytes([
    packet.subarray(0, IPV6_HEADER_LENGTH),
    packet.subarray(IPV6_HEADER_LENGTH + HEADER_LENGTH),
  ]);
  shorter[6] = byteAt(packet, IPV6_HEADER_LENGTH);
  writeUint16(shorter, 4, shorter.length - IPV6_HEADER_LENGTH);
  return shorter;
}
