import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";

/** 0 none; 1 to 3 a MIC of 4, 8, 16 octets; 4 encryption alone; 5 to 7 encryption and a MIC (2015 table 9-6). */
export type SecurityLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/**
 * The auxiliary security header (IEEE 802.15.4-2015 9.4), least significant bit and octet first:
 *
 * ```text
 *   0 1 2      3 4        5          6        7
 * +----------+----------+----------+--------+-----+---------------+------------------+------------+
 * | Security | Key ID   | Frame    | ASN in | Res | Frame counter | Key source       | Key index  |
 * | level    | mode     | counter  | nonce  |     | 0 or 4 octets | 0, 4 or 8 octets | 0 or 1     |
 * |          |          | suppress.|        |     |               |                  |            |
 * +----------+----------+----------+--------+-----+---------------+------------------+------------+
 * ```
 *
 * The key identifier mode follows from what is there: 0 without index, 1 with an index, 2 and 3 with a source of
 * 4 and 8 octets as well.
 */
export interface SecurityHeader {
  readonly level: SecurityLevel;
  /** Absent when suppressed: then the nonce takes the absolute slot number. */
  readonly frameCounter: number | undefined;
  readonly isAsnInNonce: boolean;
  /** Most significant octet first, as on the air. */
  readonly keySource: Uint8Array | undefined;
  readonly keyIndex: number | undefined;
}

/** Octets of the message integrity code of a level. */
export function micLength(level: SecurityLevel): number {
  // M is 0, 4, 8, 16 for the low two bits 0, 1, 2, 3.
  return (level & 3) === 0 ? 0 : 2 << (level & 3);
}

/** Whether the level encrypts the private payload. */
export function isEncrypted(level: SecurityLevel): boolean {
  return level >= 4;
}

/** Octets that {@link encodeSecurityHeader} writes. */
export function securityHeaderLength(header: SecurityHeader): number {
  return (
    1 +
    (header.frameCounter === undefined ? 0 : 4) +
    (header.keySource?.length ?? 0) +
    (header.keyIndex === undefined ? 0 : 1)
  );
}

/** The header at `at`; {@link securityHeaderLength} tells where it ends. @throws WireError. */
export function decodeSecurityHeader(bytes: Uint8Array, at: number, end: number): SecurityHeader {
  requireBytes(at, 1, end, "the security control field");
  const control = byteAt(bytes, at++);
  const isCounterSuppressed = (control & 0x20) !== 0;
  const isAsnInNonce = (control & 0x40) !== 0;
  if ((control & 0x80) !== 0) throw new WireError("security", "bit 7 of the security control field is reserved");
  if (isCounterSuppressed && !isAsnInNonce) {
    throw new WireError("security", "the frame counter is suppressed but no slot number takes its place");
  }
  const counterLength = isCounterSuppressed ? 0 : 4;
  const keyIdMode = (control >>> 3) & 3;
  const sourceLength = keyIdMode < 2 ? 0 : keyIdMode === 2 ? 4 : 8;
  const indexLength = keyIdMode === 0 ? 0 : 1;
  requireBytes(at, counterLength + sourceLength + indexLength, end, "the auxiliary security header");
  const sourceAt = at + counterLength;
  return {
    // Three bits are one of the eight levels.
    level: (control & 7) as SecurityLevel,
    frameCounter: isCounterSuppressed ? undefined : littleEndian32(bytes, at),
    isAsnInNonce,
    keySource: sourceLength === 0 ? undefined : bytes.subarray(sourceAt, sourceAt + sourceLength),
    keyIndex: indexLength === 0 ? undefined : byteAt(bytes, sourceAt + sourceLength),
  };
}

/** Writes the header and returns where it ends. @throws RangeError for fields that no header can hold. */
export function encodeSecurityHeader(header: SecurityHeader, out: Uint8Array, at: number): number {
  const { level, frameCounter, keySource, keyIndex } = header;
  if (frameCounter === undefined && !header.isAsnInNonce)
    throw new RangeError("a frame needs a counter or a slot number");
  out[at++] =
    level |
    (keyIdModeOf(keySource, keyIndex) << 3) |
    (frameCounter === undefined ? 0x20 : 0) |
    (header.isAsnInNonce ? 0x40 : 0);
  if (frameCounter !== undefined) {
    for (let shift = 0; shift < 32; shift += 8) out[at++] = frameCounter >>> shift;
  }
  if (keySource !== undefined) {
    out.set(keySource, at);
    at += keySource.length;
  }
  if (keyIndex !== undefined) out[at++] = keyIndex;
  return at;
}

function keyIdModeOf(keySource: Uint8Array | undefined, keyIndex: number | undefined): number {
  if (keyIndex === undefined) {
    if (keySource !== undefined) throw new RangeError("a key source needs a key index");
    return 0;
  }
  if (keySource === undefined) return 1;
  if (keySource.length === 4) return 2;
  if (keySource.length === 8) return 3;
  throw new RangeError(`a key source has 4 or 8 octets, not ${keySource.length}`);
}

function littleEndian32(bytes: Uint8Array, at: number): number {
  return (
    (byteAt(bytes, at) |
      (byteAt(bytes, at + 1) << 8) |
      (byteAt(bytes, at + 2) << 16) |
      (byteAt(bytes, at + 3) << 24)) >>>
    0
  );
}
