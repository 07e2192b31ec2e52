/**
 * BLS12-381 as the schemes of this package see it: three groups of prime order r, a hash into the first, and a
 * product of pairings.
 *
 * Elements are the backend's own values; what leaves the process is bytes, and those are the same for every backend:
 * G1 and G2 compressed with the three flag bits of the IETF pairing-friendly-curves draft (48 and 96 bytes), GT as
 * twelve big-endian field elements of 48 bytes in the order of @noble/curves (576 bytes). Scalars are bigints from 0
 * to r - 1.
 *
 * The `...FromBytes` functions are strict: right length, one encoding per element, on the curve, in the subgroup of
 * order r, not the identity. All else throws {@link InvalidElementError}.
 *
 * @typeParam P element of G1
 * @typeParam Q element of G2
 * @typeParam T element of GT
 */
export interface PairingGroup<P, Q, T> {
  /** The backend: `noble` or `mcl`. */
  readonly name: string;
  /** The generator of G1. */
  readonly g1: P;
  /** The generator of G2. */
  readonly g2: Q;

  /** hash_to_curve of the suite BLS12381G1_XMD:SHA-256_SSWU_RO_ (RFC 9380 8.8.1) under a domain separation tag. */
  hashToG1(message: Uint8Array, domain: string): P;

  addG1(a: P, b: P): P;
  negateG1(point: P): P;
  multiplyG1(point: P, scalar: bigint): P;
  multiplyG2(point: Q, scalar: bigint): Q;

  /**
   * Multiplication of one point, by a table once it has been used often enough to pay for it; `large` spends memory
   * that only a few bases deserve.
   */
  fixedBaseG1(point: P, size: TableSize): FixedBase<P>;
  fixedBaseG2(point: Q, size: TableSize): FixedBase<Q>;
  /** Powers of one element of GT, likewise. */
  fixedBaseGT(element: T): FixedBase<T>;

  /**
   * The product of e(p, q) over all pairs, with one final exponentiation.
   *
   * @throws InvalidElementError when a point is the identity: in these schemes it means a forged input.
   */
  pairingProduct(pairs: readonly (readonly [P, Q])[]): T;

  g1ToBytes(point: P): Uint8Array;
  g2ToBytes(point: Q): Uint8Array;
  gtToBytes(element: T): Uint8Array;
  g1FromBytes(bytes: Uint8Array): P;
  g2FromBytes(bytes: Uint8Array): Q;
  gtFromBytes(bytes: Uint8Array): T;
  /**
   * The sum of points of G1, with one subgroup check on the sum in place of one on each.
   *
   * Enough where only the sum is used and the encodings themselves are compared afterwards, as a Fujisaki-Okamoto
   * decapsulation does: a pairing never sees a point outside the subgroup, and no altered encoding passes the
   * comparison.
   */
  sumG1FromBytes(encodings: readonly Uint8Array[]): P;
}

/** Multiplies one fixed element by any scalar. */
export type FixedBase<E> = (scalar: bigint) => E;

/** How much memory a table may take: about 100 KB, or a few megabytes. */
export type TableSize = "small" | "large";

/** Order of the three groups. */
export const GROUP_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
/** Bits of a scalar. */
export const SCALAR_BITS = 255;

export const G1_BYTES = 48;
export const G2_BYTES = 96;
export const GT_BYTES = 576;

/** Bytes are no element of the group that they are said to be of; the message does not say more to the outside. */
export class InvalidElementError extends Error {
  override readonly name = "InvalidElementError";

  constructor(group: "G1" | "G2" | "GT", options?: ErrorOptions) {
    super(`not an element of ${group}`, options);
  }
}
