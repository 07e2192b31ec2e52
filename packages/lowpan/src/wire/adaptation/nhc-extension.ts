import { byteAt } from "@isthmus/bytes";
import { NEXT_HEADER } from "../ip/ipv6.js";
import { requireBytes, requireRoom, WireError } from "../wire-error.js";

/**
 * LOWPAN_NHC of an IPv6 extension header (RFC 6282 4.2): this octet, then the header without its next header field
 * when NH is 1, and with a length that counts the octets behind it.
 *
 * ```text
 *   0   1   2   3   4   5   6   7
 * +---+---+---+---+---+---+---+---+
 * | 1 | 1 | 1 | 0 |    EID    |NH |
 * +---+---+---+---+---+---+---+---+
 * ```
 *
 * The fragment header has a reserved octet for a length: it stands as it is.
 */
const PATTERN = 0xe0;
const NEXT_HEADER_COMPRESSED = 0x01;

/** Protocols by EID; 5 and 6 are reserved. 7 is a whole IPv6 header in IPHC form. */
const PROTOCOLS: readonly (number | undefined)[] = [
  NEXT_HEADER.hopByHop,
  NEXT_HEADER.routing,
  NEXT_HEADER.fragment,
  NEXT_HEADER.destinationOptions,
  NEXT_HEADER.mobility,
  undefined,
  undefined,
  NEXT_HEADER.ipv6,
];

/** The octet before a compressed IPv6 header. */
export const NHC_IPV6 = PATTERN | (7 << 1);

const FRAGMENT_HEADER_LENGTH = 8;
/** Octets that a length field of one octet can count. */
const MAX_COUNTED = 255;

export function isExtensionNhc(octet: number): boolean {
  return (octet & 0xf0) === PATTERN;
}

/** The protocol number that the NHC octet stands for. @throws WireError `reserved`. */
export function protocolOfExtension(octet: number): number {
  const protocol = PROTOCOLS[(octet >>> 1) & 7];
  if (protocol === undefined) throw new WireError("reserved", `extension header identifier ${(octet >>> 1) & 7}`);
  return protocol;
}

/** Whether the NHC octet says that LOWPAN_NHC follows the header too. */
export function isNextNhcCompressed(octet: number): boolean {
  return (octet & NEXT_HEADER_COMPRESSED) !== 0;
}

/** Whether `protocol` is that of an extension header with a compressed form, IPv6 itself aside. */
export function isCompressibleExtension(protocol: number): boolean {
  return protocol !== NEXT_HEADER.ipv6 && PROTOCOLS.includes(protocol);
}

/** Octets of the extension header at `at`; 0 when they are not all there. */
export function extensionLength(packet: Uint8Array, at: number, end: number, protocol: number): number {
  if (end - at < 8) return 0;
  const length = protocol === NEXT_HEADER.fragment ? FRAGMENT_HEADER_LENGTH : (byteAt(packet, at + 1) + 1) * 8;
  return length <= end - at ? length : 0;
}

/** Whether what follows this fragment header is the packet's next header, rather than the middle of its payload. */
export function isFirstOfFragments(packet: Uint8Array, at: number): boolean {
  return byteAt(packet, at + 2) === 0 && byteAt(packet, at + 3) >>> 3 === 0;
}

/** Whether the extension header of `length` octets has a compressed form. */
export function hasExtensionForm(packet: Uint8Array, at: number, length: number, protocol: number): boolean {
  return protocol === NEXT_HEADER.fragment || countedLength(packet, at, length, protocol) <= MAX_COUNTED;
}

/** Writes the compressed form of the extension header of `length` octets; returns where it ends in `out`. */
export function compressExtension(
  packet: Uint8Array,
  at: number,
  length: number,
  protocol: number,
  hasCompressedNext: boolean,
  out: Uint8Array,
  outAt: number,
): number {
  out[outAt++] = PATTERN | (PROTOCOLS.indexOf(protocol) << 1) | (hasCompressedNext ? NEXT_HEADER_COMPRESSED : 0);
  if (!hasCompressedNext) out[outAt++] = byteAt(packet, at);
  const counted = countedLength(packet, at, length, protocol);
  out[outAt++] = protocol === NEXT_HEADER.fragment ? byteAt(packet, at + 1) : counted;
  for (let i = at + 2; i < at + 2 + counted; i++) out[outAt++] = byteAt(packet, i);
  return outAt;
}

/**
 * Writes the extension header that NHC at `at` stands for, its next header zero when that is compressed; returns where
 * the compressed form ends in `bytes`. {@link extensionLength} of what was written tells its length.
 *
 * @throws WireError.
 */
export function decompressExtension(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  const octet = byteAt(bytes, at++);
  const protocol = protocolOfExtension(octet);
  const isNextInline = !isNextNhcCompressed(octet);
  requireBytes(at, isNextInline ? 2 : 1, end, "an extension header");
  out[outAt] = isNextInline ? byteAt(bytes, at++) : 0;
  const second = byteAt(bytes, at++);
  const counted = protocol === NEXT_HEADER.fragment ? FRAGMENT_HEADER_LENGTH - 2 : second;
  requireBytes(at, counted, end, "an extension header");
  const length = (2 + counted + 7) & ~7;
  requireRoom(out, outAt, length);
  out[outAt + 1] = protocol === NEXT_HEADER.fragment ? second : length / 8 - 1;
  for (let i = 0; i < counted; i++) out[outAt + 2 + i] = byteAt(bytes, at + i);
  writePadding(protocol, out, outAt + 2 + counted, outAt + length);
  return at + counted;
}

/** RFC 6282 4.2: a header whose trailing padding was elided is padded to a multiple of 8 again. */
function writePadding(protocol: number, out: Uint8Array, at: number, end: number): void {
  if (at === end) return;
  if (!hasOptions(protocol)) throw new WireError("header-length", "an extension header without options needs padding");
  out.fill(0, at, end);
  if (end - at === 1) return;
  out[at] = PADN;
  out[at + 1] = end - at - 2;
}

/** Octets behind the length field that go on the air: padding at the end is left out. */
function countedLength(packet: Uint8Array, at: number, length: number, protocol: number): number {
  return length - 2 - (hasOptions(protocol) ? trailingPadding(packet, at, at + length) : 0);
}

const PAD1 = 0;
const PADN = 1;

/** Octets of the one Pad1 or PadN of at most 7 octets that ends the options, if it is as a receiver would write it. */
function trailingPadding(packet: Uint8Array, at: number, end: number): number {
  let lastAt = at + 2;
  let next = lastAt;
  let isAfterPadding = false;
  while (next < end) {
    isAfterPadding = next > at + 2 && isPadding(packet, lastAt);
    lastAt = next;
    next += packet[next] === PAD1 ? 1 : next + 1 < end ? 2 + byteAt(packet, next + 1) : 1;
  }
  const length = end - lastAt;
  if (next !== end || isAfterPadding || !isPadding(packet, lastAt) || length > 7) return 0;
  if (packet[lastAt] === PAD1) return 1;
  for (let i = lastAt + 2; i < end; i++) if (packet[i] !== 0) return 0;
  return length;
}

function isPadding(packet: Uint8Array, at: number): boolean {
  return packet[at] === PAD1 || packet[at] === PADN;
}

function hasOptions(protocol: number): boolean {
  return protocol === NEXT_HEADER.hopByHop || protocol === NEXT_HEADER.destinationOptions;
}
