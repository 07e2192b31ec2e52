import { byteAt } from "@isthmus/bytes";

/**
 * The ones' complement sum of the 16-bit words of a range, not folded: at most 2^16 words fit without overflow.
 * An odd last octet counts as the upper half of a word (RFC 1071).
 */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
  return at < end ? sum + (byteAt(bytes, at) << 8) : sum;
}

/**
 * The checksum of an upper-layer packet (RFC 8200 8.1): the pseudo-header is the addresses of the IPv6 packet that
 * `packet` begins with, the length, and the protocol. Zero over a packet whose checksum is right.
 */
export function upperLayerChecksum(packet: Uint8Array, start: number, end: number, protocol: number): number {
  return pseudoHeaderChecksum(packet, 8, end - start, protocol, sumWords(packet, start, end));
}

/** Like {@link upperLayerChecksum}, for source and destination that stand one after the other at `addressesAt`. */
export function pseudoHeaderChecksum(
  bytes: Uint8Array,
  addressesAt: number,
  length: number,
  protocol: number,
  sum: number,
): number {
  let folded = sum + sumWords(bytes, addressesAt, addressesAt + 32) + length + protocol;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}
