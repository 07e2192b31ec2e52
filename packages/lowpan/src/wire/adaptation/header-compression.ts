import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { ADDRESS_LENGTH, IID_LENGTH, writeInterfaceIdentifier } from "../ip/address.js";
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from "../ip/ipv6.js";
import { UDP_HEADER_LENGTH, writeUdpChecksum } from "../ip/udp.js";
import type { LinkAddress } from "../mac/link-address.js";
import { requireBytes, requireRoom, WireError } from "../wire-error.js";
import type { ContextTable } from "./context-table.js";
import { compressIpv6, decompressIpv6, isNextHeaderCompressed } from "./iphc.js";
import {
  compressExtension,
  decompressExtension,
  extensionLength,
  hasExtensionForm,
  isCompressibleExtension,
  isExtensionNhc,
  isFirstOfFragments,
  isNextNhcCompressed,
  NHC_IPV6,
  protocolOfExtension,
} from "./nhc-extension.js";
import { compressUdp, decompressUdp, hasUdpForm, isChecksumElided, isUdpNhc } from "./nhc-udp.js";

/**
 * The interface identifiers that the link addresses of a frame imply: the source's in octets 0 to 7, the
 * destination's in 8 to 15. What header compression may leave out.
 */
export function interfaceIdentifiers(source: LinkAddress, destination: LinkAddress): Uint8Array {
  const iids = new Uint8Array(2 * IID_LENGTH);
  writeInterfaceIdentifier(source, iids, 0);
  writeInterfaceIdentifier(destination, iids, IID_LENGTH);
  return iids;
}

/** Where compression ended, in the packet and in what was written. */
export interface CompressedHeaders {
  /** Octets of the packet that the compressed headers stand for. */
  readonly uncompressedLength: number;
  readonly compressedLength: number;
}

/** How {@link compressHeaders} may compress. */
export interface CompressOptions {
  /**
   * Leaves out the UDP checksum where ports allow it. Default false: RFC 6282 4.3.2 wants the upper layer's word for
   * it, and many receivers refuse such packets.
   */
  readonly elidesUdpChecksum?: boolean;
  /** Headers to compress behind the first IPv6 header, at most. Default: all that have a form. */
  readonly maxNextHeaders?: number;
}

const NO_OPTIONS: CompressOptions = {};

/**
 * Writes the smallest IPHC and NHC form of the headers of the IPv6 packet in `packet`.
 *
 * @param iids from {@link interfaceIdentifiers}.
 * @param out must have room for the headers: they never get longer by more than one octet each.
 * @throws WireError when the packet is not IPv6 or not as long as it says.
 */
export function compressHeaders(
  packet: Uint8Array,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
  outAt = 0,
  options: CompressOptions = NO_OPTIONS,
): CompressedHeaders {
  requirePacket(packet);
  let left = options.maxNextHeaders ?? Number.POSITIVE_INFINITY;
  let at = 0;
  let ipv6At = 0;
  let implied = iids;
  let protocol: number = NEXT_HEADER.ipv6;
  let next = outAt;
  for (;;) {
    if (protocol === NEXT_HEADER.udp) {
      next = compressUdp(packet, at, options.elidesUdpChecksum ?? false, out, next);
      return { uncompressedLength: at + UDP_HEADER_LENGTH, compressedLength: next - outAt };
    }
    const length = headerLength(packet, at, protocol);
    const nextProtocol = byteAt(packet, protocol === NEXT_HEADER.ipv6 ? at + 6 : at);
    const hasCompressedNext =
      left-- > 0 && hasNextHeader(packet, at, protocol) && hasForm(packet, at + length, nextProtocol);
    if (protocol === NEXT_HEADER.ipv6) {
      if (at > 0) {
        // RFC 6282 3.1.1: a header within another is compressed against the addresses of the outer one.
        implied = identifiersOf(packet, ipv6At);
        out[next++] = NHC_IPV6;
        ipv6At = at;
      }
      next = compressIpv6(packet, at, hasCompressedNext, implied, contexts, out, next);
    } else {
      next = compressExtension(packet, at, length, protocol, hasCompressedNext, out, next);
    }
    at += length;
    if (!hasCompressedNext) return { uncompressedLength: at, compressedLength: next - outAt };
    protocol = nextProtocol;
  }
}

/** What {@link decompressHeaders} found. */
export interface DecompressedHeaders {
  /** Where the compressed headers end in the frame. */
  readonly end: number;
  /** Octets of headers written. */
  readonly length: number;
  readonly elidedChecksum: ElidedChecksum | undefined;
}

/** Where a UDP header whose checksum was left out stands, and the IPv6 header before it. */
export interface ElidedChecksum {
  readonly udpAt: number;
  readonly ipv6At: number;
}

/**
 * Writes the headers that IPHC at `at` and what follows it stand for, with all lengths as the datagram's size says.
 *
 * @param datagramSize octets of the whole uncompressed packet; when undefined, the frame up to `end` holds all of it.
 * @throws WireError.
 */
export function decompressHeaders(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
  outAt = 0,
  datagramSize?: number,
): DecompressedHeaders {
  requireRoom(out, outAt, IPV6_HEADER_LENGTH);
  let hasCompressedNext = at < end && isNextHeaderCompressed(bytes, at);
  at = decompressIpv6(bytes, at, end, iids, contexts, out, outAt);
  let ipv6At = outAt;
  let nextHeaderAt = outAt + 6;
  let next = outAt + IPV6_HEADER_LENGTH;
  let elidedChecksum: ElidedChecksum | undefined;
  while (hasCompressedNext) {
    if (at >= end) throw new WireError("truncated", "the next header is compressed but the frame ends");
    const octet = byteAt(bytes, at);
    if (isUdpNhc(octet)) {
      requireRoom(out, next, UDP_HEADER_LENGTH);
      out[nextHeaderAt] = NEXT_HEADER.udp;
      at = decompressUdp(bytes, at, end, out, next);
      if (isChecksumElided(octet)) elidedChecksum = { udpAt: next, ipv6At };
      next += UDP_HEADER_LENGTH;
      break;
    }
    if (!isExtensionNhc(octet)) throw new WireError("dispatch", `0x${octet.toString(16)} is not a LOWPAN_NHC octet`);
    const protocol = protocolOfExtension(octet);
    out[nextHeaderAt] = protocol;
    if (protocol === NEXT_HEADER.ipv6) {
      // RFC 6282 4.2: NH is 0 before an IPv6 header, which has a bit of its own.
      if (isNextNhcCompressed(octet)) throw new WireError("reserved", "NH is set before an IPv6 header");
      at++;
      requireRoom(out, next, IPV6_HEADER_LENGTH);
      hasCompressedNext = at < end && isNextHeaderCompressed(bytes, at);
      at = decompressIpv6(bytes, at, end, identifiersOf(out, ipv6At), contexts, out, next);
      ipv6At = next;
      nextHeaderAt = next + 6;
    } else {
      hasCompressedNext = isNextNhcCompressed(octet);
      at = decompressExtension(bytes, at, end, out, next);
      nextHeaderAt = next;
    }
    next += headerLength(out, next, protocol);
  }
  const length = next - outAt;
  writeLengths(out, outAt, length, datagramSize ?? length + end - at);
  return { end: at, length, elidedChecksum };
}

/** Computes the UDP checksum that the sender left out, now that the whole packet is there (RFC 6282 4.3.2). */
export function completeChecksum(packet: Uint8Array, { udpAt, ipv6At }: ElidedChecksum, end = packet.length): void {
  writeUdpChecksum(packet, udpAt, end, ipv6At + ADDRESSES_AT);
}

/** Where the addresses stand in an IPv6 header. */
const ADDRESSES_AT = 8;

function requirePacket(packet: Uint8Array): void {
  requireBytes(0, IPV6_HEADER_LENGTH, packet.length, "the IPv6 header");
  if (byteAt(packet, 0) >>> 4 !== 6) throw new WireError("version", `IP version ${byteAt(packet, 0) >>> 4}`);
  if (readUint16(packet, 4) !== packet.length - IPV6_HEADER_LENGTH) {
    throw new WireError("header-length", `payload length ${readUint16(packet, 4)} in ${packet.length} octets`);
  }
}

function headerLength(packet: Uint8Array, at: number, protocol: number): number {
  return protocol === NEXT_HEADER.ipv6 ? IPV6_HEADER_LENGTH : extensionLength(packet, at, packet.length, protocol);
}

/** Whether the octets behind this header are its next header: behind a later fragment's header they are payload. */
function hasNextHeader(packet: Uint8Array, at: number, protocol: number): boolean {
  return protocol !== NEXT_HEADER.fragment || isFirstOfFragments(packet, at);
}

/** Whether the header at `at` can be written in LOWPAN_NHC such that the receiver gets it back octet by octet. */
function hasForm(packet: Uint8Array, at: number, protocol: number): boolean {
  if (protocol === NEXT_HEADER.udp) return hasUdpForm(packet, at, packet.length);
  if (protocol === NEXT_HEADER.ipv6) {
    const payloadLength = packet.length - at - IPV6_HEADER_LENGTH;
    return payloadLength >= 0 && byteAt(packet, at) >>> 4 === 6 && readUint16(packet, at + 4) === payloadLength;
  }
  if (!isCompressibleExtension(protocol)) return false;
  const length = extensionLength(packet, at, packet.length, protocol);
  return length > 0 && hasExtensionForm(packet, at, length, protocol);
}

/** The interface identifiers of the IPv6 header at `at`, in the form of {@link interfaceIdentifiers}. */
function identifiersOf(packet: Uint8Array, at: number): Uint8Array {
  const iids = new Uint8Array(2 * IID_LENGTH);
  const sourceAt = at + ADDRESSES_AT + IID_LENGTH;
  iids.set(packet.subarray(sourceAt, sourceAt + IID_LENGTH));
  iids.set(packet.subarray(sourceAt + ADDRESS_LENGTH, sourceAt + ADDRESS_LENGTH + IID_LENGTH), IID_LENGTH);
  return iids;
}

/** Fills in the lengths that compression leaves out, for a packet of `size` octets. */
function writeLengths(out: Uint8Array, outAt: number, length: number, size: number): void {
  if (size < length) throw new WireError("datagram-size", `${length} octets of headers in a datagram of ${size}`);
  let protocol: number = NEXT_HEADER.ipv6;
  let at = 0;
  while (at < length) {
    if (protocol === NEXT_HEADER.udp) {
      writeUint16(out, outAt + at + 4, size - at);
      return;
    }
    if (protocol === NEXT_HEADER.ipv6) writeUint16(out, outAt + at + 4, size - at - IPV6_HEADER_LENGTH);
    const nextHeaderAt = outAt + at + (protocol === NEXT_HEADER.ipv6 ? 6 : 0);
    at += headerLength(out, outAt + at, protocol);
    protocol = byteAt(out, nextHeaderAt);
  }
}
