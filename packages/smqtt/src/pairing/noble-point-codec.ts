import { bls12_381 } from "@noble/curves/bls12-381.js";
import { byteAt, equalBytes } from "@isthmus/bytes";
import { G1_BYTES, G2_BYTES, InvalidElementError } from "./pairing-group.js";

/**
 * Compressed points of BLS12-381 for the noble backend (IETF draft-irtf-cfrg-pairing-friendly-curves, appendix C):
 *
 * ```
 *  bit 7 of the first byte   compressed: always 1 here
 *  bit 6                     the identity: always 0 here, the identity has no encoding
 *  bit 5                     y is the larger of the two square roots
 *  the rest                  x, big-endian; for G2 the coefficient of u first
 * ```
 *
 * noble's own encoder repeats the subgroup check for each point that it writes, over a millisecond that a point which
 * we computed does not need; and its decoder cannot leave the check to a sum. Hence this one.
 */
const COMPRESSED = 0x80;
const IDENTITY = 0x40;
const LARGER_Y = 0x20;

const { Fp, Fp2 } = bls12_381.fields;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
const HALF = (Fp.ORDER - 1n) / 2n;

/** A point of E(Fp) as @noble/curves holds it. */
export type NobleG1 = ReturnType<typeof G1.fromBytes>;
/** A point of the twist as @noble/curves holds it. */
export type NobleG2 = ReturnType<typeof G2.fromBytes>;

export function encodeG1(point: NobleG1): Uint8Array {
  const { x, y } = point.toAffine();
  const bytes = Fp.toBytes(x);
  setFlags(bytes, point.is0(), y > HALF);
  return bytes;
}

export function encodeG2(point: NobleG2): Uint8Array {
  const { x, y } = point.toAffine();
  const bytes = new Uint8Array(G2_BYTES);
  bytes.set(Fp.toBytes(x.c1));
  bytes.set(Fp.toBytes(x.c0), G1_BYTES);
  setFlags(bytes, point.is0(), isLarger(y));
  return bytes;
}

/** A point of the curve, not the identity; the caller checks the subgroup. */
export function decodeG1(bytes: Uint8Array): NobleG1 {
  const x = coordinates("G1", bytes, G1_BYTES)[0] ?? 0n;
  const y = squareRoot("G1", Fp, Fp.add(Fp.mul(Fp.sqr(x), x), G1.CURVE().b));
  return G1.fromAffine({ x, y: wantsLargerY(bytes) === y > HALF ? y : Fp.neg(y) });
}

/** A point of the twist, not the identity; the caller checks the subgroup. */
export function decodeG2(bytes: Uint8Array): NobleG2 {
  const [c1 = 0n, c0 = 0n] = coordinates("G2", bytes, G2_BYTES);
  const x = Fp2.create({ c0, c1 });
  const y = squareRoot("G2", Fp2, Fp2.add(Fp2.mul(Fp2.sqr(x), x), G2.CURVE().b));
  return G2.fromAffine({ x, y: wantsLargerY(bytes) === isLarger(y) ? y : Fp2.neg(y) });
}

function setFlags(bytes: Uint8Array, isIdentity: boolean, isLargerY: boolean): void {
  if (isIdentity) {
    bytes.fill(0);
    bytes[0] = COMPRESSED | IDENTITY;
  } else {
    bytes[0] = byteAt(bytes, 0) | COMPRESSED | (isLargerY ? LARGER_Y : 0);
  }
}

function isLarger(y: { c0: bigint; c1: bigint }): boolean {
  return y.c1 === 0n ? y.c0 > HALF : y.c1 > HALF;
}

function wantsLargerY(bytes: Uint8Array): boolean {
  return (byteAt(bytes, 0) & LARGER_Y) !== 0;
}

/** The field elements of x, each below p, with the flags checked and taken off. */
function coordinates(group: "G1" | "G2", bytes: Uint8Array, length: number): bigint[] {
  if (bytes.length !== length) throw new InvalidElementError(group);
  if ((byteAt(bytes, 0) & (COMPRESSED | IDENTITY)) !== COMPRESSED) throw new InvalidElementError(group);
  const unflagged = new Uint8Array(bytes); // a copy, also of a Buffer, whose slice() is none
  unflagged[0] = byteAt(bytes, 0) & (LARGER_Y - 1);
  const elements: bigint[] = [];
  for (let at = 0; at < length; at += G1_BYTES)
    elements.push(fieldElement(group, unflagged.subarray(at, at + G1_BYTES)));
  return elements;
}

function fieldElement(group: "G1" | "G2", bytes: Uint8Array): bigint {
  let element: bigint;
  try {
    element = Fp.fromBytes(bytes);
  } catch (cause) {
    throw new InvalidElementError(group, { cause });
  }
  // One encoding per element: x ≥ p is refused, not reduced.
  if (!equalBytes(Fp.toBytes(element), bytes)) throw new InvalidElementError(group);
  return element;
}

function squareRoot<F>(group: "G1" | "G2", field: { sqrt(square: F): F }, square: F): F {
  try {
    return field.sqrt(square);
  } catch (cause) {
    throw new InvalidElementError(group, { cause });
  }
}
