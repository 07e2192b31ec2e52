import { hash_to_field } from "@noble/curves/abstract/hash-to-curve.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { equalBytes } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { decodeG1, decodeG2, encodeG1, encodeG2, type NobleG1, type NobleG2 } from "./noble-point-codec.js";
import { GROUP_ORDER, GT_BYTES, InvalidElementError, type FixedBase, type PairingGroup } from "./pairing-group.js";
import { selfTest } from "./self-test.js";
import { warmingTable } from "./warming-table.js";
import { checkScalar, windowTable } from "./window-table.js";

const { Fp, Fp12 } = bls12_381.fields;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;

/** An element of GT as @noble/curves holds it. */
export type NobleGT = ReturnType<typeof bls12_381.pairing>;

export type NobleGroup = PairingGroup<NobleG1, NobleG2, NobleGT>;

/** Bits of a window of noble's signed-digit tables: 65 windows of 8 points, about 100 KB for G1. */
const POINT_WINDOW_BITS = 4;
/** 64 rows of 15 elements of GT, built in a tenth of a second: one base is enough, the public key. */
const GT_WINDOW_BITS = 4;
/** A table of a point costs as much as four multiplications, one of GT as much as ten powers. */
const POINT_USES_BEFORE_TABLE = 4;
const GT_USES_BEFORE_TABLE = 6;

const targetGroup = { zero: Fp12.ONE, add: (a: NobleGT, b: NobleGT): NobleGT => Fp12.mul(a, b) };

/**
 * The backend in plain TypeScript, over @noble/curves: no native code, no WebAssembly, and multiplications that do
 * the same group operations whatever the scalar. Setup and key issue always use it.
 *
 * @throws SelfTestError when its answers to the {@link selfTest} differ from the known ones.
 */
export function createNobleGroup(): NobleGroup {
  const group: NobleGroup = {
    name: "noble",
    g1: G1.BASE,
    g2: G2.BASE,
    hashToG1: (message, domain) => bls12_381.G1.hashToCurve(message, { DST: domain }),
    addG1: (a, b) => a.add(b),
    negateG1: (point) => point.negate(),
    multiplyG1: multiply,
    multiplyG2: multiply,
    fixedBaseG1: (point) => fixedBase(G1.fromAffine(point.toAffine())),
    fixedBaseG2: (point) => fixedBase(G2.fromAffine(point.toAffine())),
    fixedBaseGT: (element) =>
      warmingTable(
        (scalar) => powerOfTarget(element, scalar),
        () => windowTable(targetGroup, element, GT_WINDOW_BITS),
        GT_USES_BEFORE_TABLE,
      ),
    pairingProduct,
    g1ToBytes: encodeG1,
    g2ToBytes: encodeG2,
    gtToBytes: (element) => Fp12.toBytes(element),
    g1FromBytes: parseG1,
    g2FromBytes: parseG2,
    gtFromBytes: parseTarget,
    sumG1FromBytes,
  };
  selfTest(group);
  return group;
}

/** hash_to_field of the suite BLS12381G1_XMD:SHA-256_SSWU_RO_: the two field elements of `message` (RFC 9380 5.2). */
export function hashToFieldG1(message: Uint8Array, domain: string): readonly [bigint, bigint] {
  const elements = hash_to_field(message, 2, {
    DST: domain,
    p: Fp.ORDER,
    m: 1,
    k: 128,
    expand: "xmd",
    hash: sha256,
  });
  // Two elements of one coordinate each were asked for (count 2, m 1).
  return [elements[0]?.[0] as bigint, elements[1]?.[0] as bigint];
}

interface Multipliable<E> {
  multiply(scalar: bigint): E;
  multiplyUnsafe(scalar: bigint): E;
}

function multiply<E extends Multipliable<E>>(point: E, scalar: bigint): E {
  checkScalar(scalar);
  // noble refuses zero in its constant-time path; a zero scalar has no secret to keep.
  return scalar === 0n ? point.multiplyUnsafe(0n) : point.multiply(scalar);
}

function fixedBase<E extends Multipliable<E> & { precompute(windowSize: number, isLazy?: boolean): E }>(
  point: E,
): FixedBase<E> {
  const buildTable = (): FixedBase<E> => {
    const base = point.precompute(POINT_WINDOW_BITS);
    return (scalar) => multiply(base, scalar);
  };
  return warmingTable((scalar) => multiply(point, scalar), buildTable, POINT_USES_BEFORE_TABLE);
}

/** By squaring and multiplying in the cyclotomic subgroup; noble's own cyclotomic power stops at 64 bits. */
function powerOfTarget(element: NobleGT, scalar: bigint): NobleGT {
  checkScalar(scalar);
  let power = Fp12.ONE;
  for (const bit of scalar.toString(2)) {
    power = Fp12._cyclotomicSquare(power);
    if (bit === "1") power = Fp12.mul(power, element);
  }
  return power;
}

function pairingProduct(pairs: readonly (readonly [NobleG1, NobleG2])[]): NobleGT {
  for (const [p, q] of pairs) {
    if (p.is0()) throw new InvalidElementError("G1");
    if (q.is0()) throw new InvalidElementError("G2");
  }
  return bls12_381.pairingBatch(pairs.map(([g1, g2]) => ({ g1, g2 })));
}

function parseG1(bytes: Uint8Array): NobleG1 {
  const point = decodeG1(bytes);
  if (!point.isTorsionFree()) throw new InvalidElementError("G1");
  return point;
}

function parseG2(bytes: Uint8Array): NobleG2 {
  const point = decodeG2(bytes);
  if (!point.isTorsionFree()) throw new InvalidElementError("G2");
  return point;
}

function sumG1FromBytes(encodings: readonly Uint8Array[]): NobleG1 {
  let sum = G1.ZERO;
  for (const bytes of encodings) sum = sum.add(decodeG1(bytes));
  if (sum.is0() || !sum.isTorsionFree()) throw new InvalidElementError("G1");
  return sum;
}

function parseTarget(bytes: Uint8Array): NobleGT {
  if (bytes.length !== GT_BYTES) throw new InvalidElementError("GT");
  let element: NobleGT;
  try {
    element = Fp12.fromBytes(bytes);
  } catch (cause) {
    throw new InvalidElementError("GT", { cause });
  }
  if (!equalBytes(Fp12.toBytes(element), bytes)) throw new InvalidElementError("GT");
  // GT is the only subgroup of order r of the cyclic group Fp12*. noble's cyclotomic power takes 64 bits; this one any.
  if (Fp12.eql(element, Fp12.ONE) || Fp12.is0(element)) throw new InvalidElementError("GT");
  if (!Fp12.eql(Fp12.pow(element, GROUP_ORDER), Fp12.ONE)) throw new InvalidElementError("GT");
  return element;
}
