import { byteAt } from "@isthmus/bytes";
import type { LinkAddress } from "../mac/link-address.js";
import { requireBytes } from "../wire-error.js";

/**
 * The mesh addressing header (RFC 4944 5.2): who began and who is to get a frame that others pass on.
 *
 * ```text
 *   0 1   2   3   4 .. 7
 * +-----+---+---+-----------+----------------+--------------------+-------------------+
 * | 1 0 | V | F | Hops left | Deep hops left | Originator address | Final destination |
 * |     |   |   |           | 0 or 1 octet   |      2 or 8        |      2 or 8       |
 * +-----+---+---+-----------+----------------+--------------------+-------------------+
 * ```
 *
 * V and F are 1 for short addresses. Hops left of 15 means that an octet with more follows.
 */
export interface MeshHeader {
  readonly hopsLeft: number;
  readonly originator: LinkAddress;
  readonly finalDestination: LinkAddress;
}

const DEEP_HOPS = 0xf;

/** Octets of the mesh header at `at`. @throws WireError when they are not all there. */
export function meshHeaderLength(bytes: Uint8Array, at: number, end: number): number {
  requireBytes(at, 1, end, "the mesh header");
  const first = byteAt(bytes, at);
  const deepLength = (first & 0xf) === DEEP_HOPS ? 1 : 0;
  const length = 1 + deepLength + ((first & 0x20) === 0 ? 8 : 2) + ((first & 0x10) === 0 ? 8 : 2);
  requireBytes(at, length, end, "the mesh header");
  return length;
}

/** The mesh header at `at`; {@link meshHeaderLength} tells where it ends. @throws WireError. */
export function decodeMesh(bytes: Uint8Array, at: number, end: number): MeshHeader {
  const length = meshHeaderLength(bytes, at, end);
  const first = byteAt(bytes, at);
  const isDeep = (first & 0xf) === DEEP_HOPS;
  const originatorAt = at + (isDeep ? 2 : 1);
  const destinationAt = originatorAt + ((first & 0x20) === 0 ? 8 : 2);
  return {
    hopsLeft: isDeep ? byteAt(bytes, at + 1) : first & 0xf,
    originator: bytes.slice(originatorAt, destinationAt),
    finalDestination: bytes.slice(destinationAt, at + length),
  };
}

/** The octets of a mesh header. @throws RangeError when the hops do not fit an octet. */
export function encodeMesh(header: MeshHeader): Uint8Array {
  const { hopsLeft, originator, finalDestination } = header;
  if (hopsLeft < 0 || hopsLeft > 0xff) throw new RangeError(`${hopsLeft} hops do not fit a mesh header`);
  const isDeep = hopsLeft >= DEEP_HOPS;
  const first =
    0x80 |
    (originator.length === 2 ? 0x20 : 0) |
    (finalDestination.length === 2 ? 0x10 : 0) |
    (isDeep ? DEEP_HOPS : hopsLeft);
  return Uint8Array.of(first, ...(isDeep ? [hopsLeft] : []), ...originator, ...finalDestination);
}
