import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { UDP_HEADER_LENGTH } from "../ip/udp.js";
import { requireBytes } from "../wire-error.js";

/**
 * LOWPAN_NHC of UDP (RFC 6282 4.3.3): this octet, the ports, the checksum unless C is 1. The length is never sent.
 *
 * ```text
 *   0   1   2   3   4   5   6   7
 * +---+---+---+---+---+---+---+---+
 * | 1 | 1 | 1 | 1 | 0 | C |   P   |
 * +---+---+---+---+---+---+---+---+
 * ```
 *
 * P is 0 for both ports in full, 1 for a destination 0xf0xx of 8 bits, 2 for such a source, 3 for both 0xf0bx in one
 * octet, the source first.
 */
const PATTERN = 0xf0;
const CHECKSUM_ELIDED = 0x04;

export function isUdpNhc(octet: number): boolean {
  return (octet & 0xf8) === PATTERN;
}

/** Whether the NHC octet says that the checksum is to be computed by the receiver. */
export function isChecksumElided(octet: number): boolean {
  return (octet & CHECKSUM_ELIDED) !== 0;
}

/** Whether the UDP header at `at` has a compressed form: its length must be what IPv6's says. */
export function hasUdpForm(packet: Uint8Array, at: number, end: number): boolean {
  return end - at >= UDP_HEADER_LENGTH && readUint16(packet, at + 4) === end - at;
}

/** Writes the smallest form of the UDP header at `at`; returns where it ends in `out`. */
export function compressUdp(
  packet: Uint8Array,
  at: number,
  elidesChecksum: boolean,
  out: Uint8Array,
  outAt: number,
): number {
  const source = readUint16(packet, at);
  const destination = readUint16(packet, at + 2);
  const checksumBit = elidesChecksum ? CHECKSUM_ELIDED : 0;
  if (source >>> 4 === 0xf0b && destination >>> 4 === 0xf0b) {
    out[outAt++] = PATTERN | checksumBit | 3;
    out[outAt++] = ((source & 0xf) << 4) | (destination & 0xf);
  } else if (destination >>> 8 === 0xf0) {
    out[outAt] = PATTERN | checksumBit | 1;
    writeUint16(out, outAt + 1, source);
    out[outAt + 3] = destination & 0xff;
    outAt += 4;
  } else if (source >>> 8 === 0xf0) {
    out[outAt] = PATTERN | checksumBit | 2;
    out[outAt + 1] = source & 0xff;
    writeUint16(out, outAt + 2, destination);
    outAt += 4;
  } else {
    out[outAt] = PATTERN | checksumBit;
    writeUint16(out, outAt + 1, source);
    writeUint16(out, outAt + 3, destination);
    outAt += 5;
  }
  if (elidesChecksum) return outAt;
  out[outAt] = byteAt(packet, at + 6);
  out[outAt + 1] = byteAt(packet, at + 7);
  return outAt + 2;
}

/**
 * Writes the UDP header that NHC at `at` stands for, its length zero, and its checksum when that was elided; returns
 * where the compressed form ends in `bytes`.
 *
 * @throws WireError `truncated`.
 */
export function decompressUdp(bytes: Uint8Array, at: number, end: number, out: Uint8Array, outAt: number): number {
  const octet = byteAt(bytes, at++);
  const ports = octet & 3;
  const portsLength = ports === 3 ? 1 : ports === 0 ? 4 : 3;
  const checksumLength = isChecksumElided(octet) ? 0 : 2;
  requireBytes(at, portsLength + checksumLength, end, "the compressed UDP header");
  if (ports === 3) {
    writeUint16(out, outAt, 0xf0b0 | (byteAt(bytes, at) >>> 4));
    writeUint16(out, outAt + 2, 0xf0b0 | (byteAt(bytes, at) & 0xf));
  } else {
    const isSourceShort = ports === 2;
    const destinationAt = at + (isSourceShort ? 1 : 2);
    writeUint16(out, outAt, isSourceShort ? 0xf000 | byteAt(bytes, at) : readUint16(bytes, at));
    writeUint16(out, outAt + 2, ports === 1 ? 0xf000 | byteAt(bytes, destinationAt) : readUint16(bytes, destinationAt));
  }
  writeUint16(out, outAt + 4, 0);
  writeUint16(out, outAt + 6, checksumLength === 0 ? 0 : readUint16(bytes, at + portsLength));
  return at + portsLength + checksumLength;
}
