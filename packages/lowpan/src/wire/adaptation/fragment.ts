import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";

export const FIRST_FRAGMENT_LENGTH = 4;
export const SUBSEQUENT_FRAGMENT_LENGTH = 5;

/** The largest datagram that the 11 bits of the size can tell. */
export const MAX_DATAGRAM_SIZE = 0x7ff;

/**
 * The fragment headers (RFC 4944 5.3):
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+---------------------+-------------------------------+
 * |1 1 0 0 0|    datagram size    |         datagram tag          |  first
 * +-+-+-+-+-+---------------------+-------------------------------+
 *
 * +-+-+-+-+-+---------------------+-------------------------------+
 * |1 1 1 0 0|    datagram size    |         datagram tag          |  subsequent
 * +-+-+-+-+-+-----+---------------+-------------------------------+
 * |datagram offset|
 * +---------------+
 * ```
 *
 * Size and offset count octets of the datagram before compression, the offset in units of 8.
 */
export interface FragmentHeader {
  readonly datagramSize: number;
  readonly datagramTag: number;
  /** Octets before this fragment in the uncompressed datagram; 0 in the first. */
  readonly datagramOffset: number;
}

/** The header at `at`, first or subsequent. @throws WireError. */
export function decodeFragment(bytes: Uint8Array, at: number, end: number): FragmentHeader {
  requireBytes(at, FIRST_FRAGMENT_LENGTH, end, "the fragment header");
  const isFirst = (byteAt(bytes, at) & 0xf8) === 0xc0;
  if (!isFirst && (byteAt(bytes, at) & 0xf8) !== 0xe0) throw new WireError("dispatch", "not a fragment header");
  const datagramSize = readUint16(bytes, at) & MAX_DATAGRAM_SIZE;
  const datagramTag = readUint16(bytes, at + 2);
  if (isFirst) return { datagramSize, datagramTag, datagramOffset: 0 };
  requireBytes(at, SUBSEQUENT_FRAGMENT_LENGTH, end, "the subsequent fragment header");
  const datagramOffset = byteAt(bytes, at + 4) * 8;
  if (datagramOffset === 0) throw new WireError("fragment", "a subsequent fragment at offset 0");
  return { datagramSize, datagramTag, datagramOffset };
}

/** Writes the header of a first fragment (offset 0) or a subsequent one; returns where it ends. */
export function encodeFragment(header: FragmentHeader, out: Uint8Array, at: number): number {
  const { datagramSize, datagramTag, datagramOffset } = header;
  const isFirst = datagramOffset === 0;
  writeUint16(out, at, (isFirst ? 0xc000 : 0xe000) | datagramSize);
  writeUint16(out, at + 2, datagramTag);
  if (isFirst) return at + FIRST_FRAGMENT_LENGTH;
  out[at + 4] = datagramOffset >>> 3;
  return at + SUBSEQUENT_FRAGMENT_LENGTH;
}
