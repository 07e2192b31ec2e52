import { byteAt } from "@isthmus/bytes";
import { requireBytes, requireRoom, WireError } from "../wire-error.js";
import type { ContextTable } from "./context-table.js";
import { DISPATCH_IPV6, dispatchOf } from "./dispatch.js";
import { encodeFragment, FIRST_FRAGMENT_LENGTH, MAX_DATAGRAM_SIZE, SUBSEQUENT_FRAGMENT_LENGTH } from "./fragment.js";
import { decompressHc1 } from "./hc1.js";
import {
  completeChecksum,
  compressHeaders,
  type CompressedHeaders,
  type CompressOptions,
  type DecompressedHeaders,
  decompressHeaders,
} from "./header-compression.js";

/** How {@link encodeDatagram} writes a packet. */
export interface EncodeDatagramOptions extends CompressOptions {
  /** Octets that each frame can carry behind its MAC header. */
  readonly maxPayload: number;
  /** The tag of the fragments, should there be any: the sender counts it up. */
  readonly datagramTag: number;
}

/**
 * The 6LoWPAN payloads of the frames that carry an IPv6 packet: one with compressed headers if it fits, otherwise
 * fragments (RFC 4944 5.3), of which the first holds all compressed headers.
 *
 * @param iids from `interfaceIdentifiers`.
 * @throws RangeError when the packet is longer than 2,047 octets or a frame cannot hold its IPv6 header; WireError when
 *   it is not an IPv6 packet.
 */
export function encodeDatagram(
  packet: Uint8Array,
  iids: Uint8Array,
  contexts: ContextTable,
  options: EncodeDatagramOptions,
): Uint8Array[] {
  const { maxPayload } = options;
  // Behind the first, a compressed header is at most an octet longer than it was, and none is shorter than 8.
  const scratch = new Uint8Array(packet.length + (packet.length >>> 3) + 8);
  let headers = compressHeaders(packet, iids, contexts, scratch, 0, options);
  const payloadLength = packet.length - headers.uncompressedLength;
  if (headers.compressedLength + payloadLength <= maxPayload) {
    const whole = scratch.slice(0, headers.compressedLength + payloadLength);
    whole.set(packet.subarray(headers.uncompressedLength), headers.compressedLength);
    return [whole];
  }
  if (packet.length > MAX_DATAGRAM_SIZE)
    throw new RangeError(`a packet of ${packet.length} octets cannot be fragmented`);
  // RFC 6282 2: headers that do not fit the first fragment must not be compressed.
  for (let maxNextHeaders = 8; FIRST_FRAGMENT_LENGTH + headers.compressedLength > maxPayload; maxNextHeaders--) {
    if (maxNextHeaders < 0) throw new RangeError(`${maxPayload} octets do not hold a compressed IPv6 header`);
    headers = compressHeaders(packet, iids, contexts, scratch, 0, { ...options, maxNextHeaders });
  }
  return fragments(packet, scratch, headers, options);
}

function fragments(
  packet: Uint8Array,
  compressed: Uint8Array,
  headers: CompressedHeaders,
  options: EncodeDatagramOptions,
): Uint8Array[] {
  const { maxPayload, datagramTag } = options;
  const datagramSize = packet.length;
  const room = maxPayload - FIRST_FRAGMENT_LENGTH - headers.compressedLength;
  // Each fragment but the last ends at a multiple of 8 of the uncompressed datagram.
  let offset = floorTo8(headers.uncompressedLength + room);
  const first = new Uint8Array(maxPayload - room + offset - headers.uncompressedLength);
  encodeFragment({ datagramSize, datagramTag, datagramOffset: 0 }, first, 0);
  first.set(compressed.subarray(0, headers.compressedLength), FIRST_FRAGMENT_LENGTH);
  first.set(packet.subarray(headers.uncompressedLength, offset), FIRST_FRAGMENT_LENGTH + headers.compressedLength);
  const all = [first];
  const step = floorTo8(maxPayload - SUBSEQUENT_FRAGMENT_LENGTH);
  if (step <= 0) throw new RangeError(`${maxPayload} octets do not hold a fragment`);
  for (; offset < datagramSize; offset += step) {
    const part = packet.subarray(offset, offset + step);
    const fragment = new Uint8Array(SUBSEQUENT_FRAGMENT_LENGTH + part.length);
    fragment.set(part, encodeFragment({ datagramSize, datagramTag, datagramOffset: offset }, fragment, 0));
    all.push(fragment);
  }
  return all;
}

/** Room for any packet that one frame can stand for, however well it compresses. */
export const MAX_UNFRAGMENTED_LENGTH = 2048;

/**
 * The IPv6 packet in the unfragmented 6LoWPAN payload from `at` to `end`.
 *
 * @param iids from `interfaceIdentifiers`.
 * @throws WireError.
 */
export function decodeDatagram(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  contexts: ContextTable,
): Uint8Array {
  const packet = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);
  return packet.slice(0, decompressDatagram(bytes, at, end, iids, contexts, packet));
}

/**
 * Like {@link decodeDatagram}, into `out`, which the caller uses again and again; returns the packet's length.
 *
 * @throws WireError, `datagram-size` when `out` has no room: {@link MAX_UNFRAGMENTED_LENGTH} is always enough.
 */
export function decompressDatagram(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
): number {
  const headers = decompressFirst(bytes, at, end, iids, contexts, out);
  const length = headers.length + end - headers.end;
  requireRoom(out, headers.length, end - headers.end);
  for (let i = headers.end, to = headers.length; i < end; i++, to++) out[to] = byteAt(bytes, i);
  if (headers.elidedChecksum !== undefined) completeChecksum(out, headers.elidedChecksum, length);
  return length;
}

/**
 * Writes the smallest form of a whole packet into `out`, which the caller uses again and again; returns its length.
 *
 * @throws WireError when the packet is not IPv6.
 */
export function compressDatagram(
  packet: Uint8Array,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
): number {
  const { uncompressedLength, compressedLength } = compressHeaders(packet, iids, contexts, out);
  let to = compressedLength;
  for (let i = uncompressedLength; i < packet.length; i++) out[to++] = byteAt(packet, i);
  return to;
}

/**
 * Writes the headers that begin a datagram, compressed one way or the other, at the beginning of `out`.
 *
 * An uncompressed packet has no headers to be written: all of it follows `end` as it is.
 *
 * @throws WireError, `dispatch` for what is not an IPv6 packet.
 */
export function decompressFirst(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
  datagramSize?: number,
): DecompressedHeaders {
  requireBytes(at, 1, end, "the dispatch");
  const dispatch = dispatchOf(byteAt(bytes, at));
  if (dispatch === "iphc") return decompressHeaders(bytes, at, end, iids, contexts, out, 0, datagramSize);
  if (dispatch === "ipv6") return { end: at + 1, length: 0, elidedChecksum: undefined };
  if (dispatch === "hc1") return decompressHc1(bytes, at, end, iids, out, 0, datagramSize);
  throw new WireError("dispatch", `0x${byteAt(bytes, at).toString(16)} (${dispatch}) does not begin an IPv6 packet`);
}

/** The first octet of a packet that goes without compression. */
export function encodeUncompressed(packet: Uint8Array): Uint8Array {
  return Uint8Array.of(DISPATCH_IPV6, ...packet);
}

function floorTo8(value: number): number {
  return value & ~7;
}
