import { equalBytes, fromHex } from "@isthmus/bytes";
import type * as Mcl from "mcl-wasm";
import { hashToFieldG1 } from "./noble-group.js";
import {
  G1_BYTES,
  G2_BYTES,
  GROUP_ORDER,
  GT_BYTES,
  InvalidElementError,
  type PairingGroup,
  type TableSize,
} from "./pairing-group.js";
import { selfTest } from "./self-test.js";
import { warmingTable } from "./warming-table.js";
import { checkScalar, windowTable } from "./window-table.js";

export type MclGroup = PairingGroup<Mcl.G1, Mcl.G2, Mcl.GT>;

/** Windows of a large table: 32 rows of 255 points, some 2 MB for G1. Of a small one: 51 rows of 31, 400 KB. */
const WINDOW_BITS = { large: 8, small: 5 } satisfies Record<TableSize, number>;
/** 43 rows of 63 elements of GT, 1.6 MB for the one base, the public key. */
const GT_WINDOW_BITS = 6;
/** A table costs as much as some 50 to 100 plain multiplications: built for bases that will pass that. */
const USES_BEFORE_TABLE = 24;
/** A compressed field element of Fp, and the pair of them that mcl writes in the other order. */
const FIELD_BYTES = 48;
const FIELD_PAIR_BYTES = 2 * FIELD_BYTES;

/**
 * The backend over mcl-wasm (WebAssembly): several times faster than noble, but its multiplications take a time that
 * depends on the scalar. For encapsulation and decapsulation; setup and key issue stay with noble.
 *
 * mcl keeps its modes in module-wide variables: a program that uses mcl-wasm for another curve cannot use this too.
 *
 * @throws Error when mcl-wasm is not installed, or when its answers to the {@link selfTest} differ from the known ones.
 */
export async function loadMclGroup(): Promise<MclGroup> {
  const imported = await import("mcl-wasm");
  const mcl = "default" in imported ? (imported.default as typeof Mcl) : imported; // mcl-wasm is a CommonJS module.
  await mcl.init(mcl.BLS12_381);
  mcl.setETHserialization(true);
  mcl.setMapToMode(mcl.IRTF);
  mcl.verifyOrderG1(true);
  mcl.verifyOrderG2(true);
  const group = createMclGroup(mcl);
  selfTest(group);
  return group;
}

function createMclGroup(mcl: typeof Mcl): MclGroup {
  const toScalar = (scalar: bigint): Mcl.Fr => {
    checkScalar(scalar);
    const converted = new mcl.Fr();
    converted.setStr(scalar.toString(16), 16);
    return converted;
  };
  const additionG1 = { zero: new mcl.G1(), add: (a: Mcl.G1, b: Mcl.G1) => mcl.add(a, b) };
  const additionG2 = { zero: new mcl.G2(), add: (a: Mcl.G2, b: Mcl.G2) => mcl.add(a, b) };
  const one = new mcl.GT();
  one.setInt(1);
  const targetGroup = { zero: one, add: (a: Mcl.GT, b: Mcl.GT) => mcl.mul(a, b) };

  return {
    name: "mcl",
    g1: parse("G1", new mcl.G1(), G1_GENERATOR, G1_BYTES),
    g2: parse("G2", new mcl.G2(), G2_GENERATOR, G2_BYTES),
    hashToG1: (message, domain) => hashToG1(mcl, message, domain),
    addG1: (a, b) => mcl.add(a, b),
    negateG1: (point) => mcl.neg(point),
    multiplyG1: (point, scalar) => mcl.mul(point, toScalar(scalar)),
    multiplyG2: (point, scalar) => mcl.mul(point, toScalar(scalar)),
    fixedBaseG1: (point, size) =>
      warmingTable(
        (scalar) => mcl.mul(point, toScalar(scalar)),
        () => windowTable(additionG1, point, WINDOW_BITS[size]),
        USES_BEFORE_TABLE,
      ),
    fixedBaseG2: (point, size) =>
      warmingTable(
        (scalar) => mcl.mul(point, toScalar(scalar)),
        () => windowTable(additionG2, point, WINDOW_BITS[size]),
        USES_BEFORE_TABLE,
      ),
    fixedBaseGT: (element) =>
      warmingTable(
        (scalar) => mcl.pow(element, toScalar(scalar)),
        () => windowTable(targetGroup, element, GT_WINDOW_BITS),
        USES_BEFORE_TABLE,
      ),
    pairingProduct: (pairs) => pairingProduct(mcl, pairs),
    g1ToBytes: (point) => point.serialize(),
    g2ToBytes: (point) => point.serialize(),
    gtToBytes: (element) => swapFieldPairs(element.serialize()),
    g1FromBytes: (bytes) => parse("G1", new mcl.G1(), bytes, G1_BYTES),
    g2FromBytes: (bytes) => parse("G2", new mcl.G2(), bytes, G2_BYTES),
    gtFromBytes: (bytes) => parseTarget(mcl, bytes),
    sumG1FromBytes: (encodings) => sumG1(mcl, encodings),
  };
}

// The generators of the IETF pairing-friendly-curves draft, 4.2.1; the self-test compares products of both with noble's.
const G1_GENERATOR = fromHex(
  "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
);
const G2_GENERATOR = fromHex(
  "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e" +
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
);

/** mcl has no domain tag of our own for hash_to_curve, but it maps a field element and clears the cofactor. */
function hashToG1(mcl: typeof Mcl, message: Uint8Array, domain: string): Mcl.G1 {
  const [u0, u1] = hashToFieldG1(message, domain).map((element) => {
    const converted = new mcl.Fp();
    converted.setStr(element.toString(16), 16);
    return converted.mapToG1();
  }) as [Mcl.G1, Mcl.G1]; // map keeps the two elements of the tuple
  // clear_cofactor(Q0 + Q1) of RFC 9380 3 is the sum of the cleared points: clearing is a multiplication.
  return mcl.add(u0, u1);
}

/** Two Miller loops at a time share their squarings, which pays for preparing the second point. */
function pairingProduct(mcl: typeof Mcl, pairs: readonly (readonly [Mcl.G1, Mcl.G2])[]): Mcl.GT {
  for (const [p, q] of pairs) {
    if (p.isZero()) throw new InvalidElementError("G1");
    if (q.isZero()) throw new InvalidElementError("G2");
  }
  let product: Mcl.GT | undefined;
  for (let i = 0; i < pairs.length; i += 2) {
    const factor = millerLoop(mcl, pairs[i], pairs[i + 1]);
    product = product === undefined ? factor : mcl.mul(product, factor);
  }
  if (product === undefined) throw new RangeError("a product of no pairings");
  return mcl.finalExp(product);
}

type Pair = readonly [Mcl.G1, Mcl.G2];

function millerLoop(mcl: typeof Mcl, first: Pair | undefined, second: Pair | undefined): Mcl.GT {
  if (first === undefined) throw new RangeError("a Miller loop of no pair");
  if (second === undefined) return mcl.millerLoop(first[0], first[1]);
  const prepared = new mcl.PrecomputedG2(second[1]);
  try {
    return mcl.precomputedMillerLoop2mixed(first[0], first[1], second[0], prepared);
  } finally {
    prepared.destroy(); // it lives in WebAssembly memory, out of the collector's sight
  }
}

interface Element {
  deserialize(bytes: Uint8Array): void;
  serialize(): Uint8Array;
  isZero(): boolean;
}

/** mcl checks the curve, and the subgroup while `verifyOrder` is on; it lets through odd identities. */
function parse<E extends Element>(group: "G1" | "G2", element: E, bytes: Uint8Array, length: number): E {
  if (bytes.length !== length) throw new InvalidElementError(group);
  try {
    element.deserialize(bytes);
  } catch (cause) {
    throw new InvalidElementError(group, { cause });
  }
  if (element.isZero() || !equalBytes(element.serialize(), bytes)) throw new InvalidElementError(group);
  return element;
}

function sumG1(mcl: typeof Mcl, encodings: readonly Uint8Array[]): Mcl.G1 {
  let sum = new mcl.G1();
  mcl.verifyOrderG1(false); // nothing else runs before it is on again: no await in between
  try {
    for (const bytes of encodings) sum = mcl.add(sum, parse("G1", new mcl.G1(), bytes, G1_BYTES));
  } finally {
    mcl.verifyOrderG1(true);
  }
  if (sum.isZero() || !sum.isValidOrder()) throw new InvalidElementError("G1");
  return sum;
}

function parseTarget(mcl: typeof Mcl, bytes: Uint8Array): Mcl.GT {
  if (bytes.length !== GT_BYTES) throw new InvalidElementError("GT");
  const swapped = swapFieldPairs(bytes);
  const element = new mcl.GT();
  try {
    element.deserialize(swapped);
  } catch (cause) {
    throw new InvalidElementError("GT", { cause });
  }
  if (!equalBytes(element.serialize(), swapped)) throw new InvalidElementError("GT");
  if (element.isZero() || element.isOne() || !hasGroupOrder(mcl, element)) throw new InvalidElementError("GT");
  return element;
}

/** Whether element^r = 1, by squaring and multiplying in Fp12: mcl's own power is right only inside GT. */
function hasGroupOrder(mcl: typeof Mcl, element: Mcl.GT): boolean {
  let power = element;
  for (const bit of GROUP_ORDER.toString(2).slice(1)) {
    power = mcl.mul(power, power);
    if (bit === "1") power = mcl.mul(power, element);
  }
  return power.isOne();
}

/** mcl and noble write the two coefficients of an element of Fp2 in opposite order. */
function swapFieldPairs(bytes: Uint8Array): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += FIELD_PAIR_BYTES) {
    swapped.set(bytes.subarray(at, at + FIELD_BYTES), at + FIELD_BYTES);
    swapped.set(bytes.subarray(at + FIELD_BYTES, at + FIELD_PAIR_BYTES), at);
  }
  return swapped;
}
