import { byteAt, readUint16 } from "@isthmus/bytes";
import { decodeZep, ZEP_PORT } from "../links/zep.js";
import { NEXT_HEADER } from "../wire/ip/ipv6.js";
import { UDP_HEADER_LENGTH } from "../wire/ip/udp.js";
import { WireError } from "../wire/wire-error.js";
import { type CapturedFrame, LINK_TYPE, openRecord } from "./link-type.js";

/** Link types of captures of IP networks, and how many octets stand before the packet. */
const HEADER_LENGTH_BY_LINK_TYPE: ReadonlyMap<number, number> = new Map([
  [0, 4], // BSD loopback
  [1, 14], // Ethernet
  [101, 0], // raw IP
  [113, 16], // Linux cooked
  [276, 20], // Linux cooked, version 2
]);

/**
 * The IEEE 802.15.4 frame of a capture's record: captured by a radio, or in ZEP over UDP by whoever listened to the network
 * between simulated nodes.
 *
 * @returns undefined for what does not carry such a frame.
 * @throws WireError `capture` for a record of a link type of 802.15.4 that is malformed.
 */
export function frameOfRecord(linkType: number, bytes: Uint8Array): CapturedFrame | undefined {
  const headerLength = HEADER_LENGTH_BY_LINK_TYPE.get(linkType);
  if (headerLength === undefined) return openRecord(linkType, bytes);
  const datagram = zepDatagramOf(bytes, headerLength);
  if (datagram === undefined) return undefined;
  try {
    const packet = decodeZep(datagram);
    if (packet.type !== "data") return undefined;
    const { psdu, channel, isLqiMode, lqi } = packet;
    return { ...openRecord(LINK_TYPE.withFcs, psdu), channel, lqi: isLqiMode ? lqi : undefined };
  } catch (error) {
    // Something else that goes to the same port.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function zepDatagramOf(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (bytes.length < at + 20) return undefined;
  const version = byteAt(bytes, at) >>> 4;
  const [protocolAt, headerLength] = version === 6 ? [at + 6, 40] : [at + 9, (byteAt(bytes, at) & 0xf) * 4];
  const udpAt = at + headerLength;
  if ((version !== 4 && version !== 6) || bytes.length < udpAt + UDP_HEADER_LENGTH) return undefined;
  if (byteAt(bytes, protocolAt) !== NEXT_HEADER.udp) return undefined;
  const isZep = readUint16(bytes, udpAt) === ZEP_PORT || readUint16(bytes, udpAt + 2) === ZEP_PORT;
  return isZep ? bytes.subarray(udpAt + UDP_HEADER_LENGTH) : undefined;
}
