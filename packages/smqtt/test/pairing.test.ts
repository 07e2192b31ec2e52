import { readFileSync } from "node:fs";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { encodeUtf8, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { createNobleGroup } from "../src/pairing/noble-group.js";
import { encodeG1, encodeG2 } from "../src/pairing/noble-point-codec.js";
import { GROUP_ORDER, InvalidElementError, type PairingGroup } from "../src/pairing/pairing-group.js";
import { loadMclGroup } from "../src/pairing/mcl-group.js";
import { selfTest, SelfTestError } from "../src/pairing/self-test.js";

const noble = createNobleGroup();
const mcl = await loadMclGroup();
const { Fp, Fp2, Fp12 } = bls12_381.fields;
const seed = Number(process.env["SEED"] ?? 0x5eed);
const random = new SeededRandom(seed);
const USES_BEFORE_ANY_TABLE = 32;
const randomScalar = (): bigint => BigInt(`0x${toHex(random.bytes(40))}`) % GROUP_ORDER;

interface HashVectors {
  dst: string;
  vectors: { msg: string; P: { x: string; y: string } }[];
}
const hashVectors = JSON.parse(
  readFileSync(new URL("vectors/hash-to-curve/BLS12381G1_XMD_SHA-256_SSWU_RO.json", import.meta.url), "utf8"),
) as HashVectors; // the file is part of the repository

/** A point of the curve that is not in the subgroup of order r. */
function strayG1(): Uint8Array {
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    if (!Fp.eql(Fp.pow(square, (Fp.ORDER - 1n) / 2n), Fp.ONE)) continue;
    const point = bls12_381.G1.Point.fromAffine({ x, y: Fp.sqrt(square) });
    if (!point.isTorsionFree()) return encodeG1(point);
  }
}

function strayG2(): Uint8Array {
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.create({ c0, c1: 1n });
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.pow(x, 3n), bls12_381.G2.Point.CURVE().b));
      const point = bls12_381.G2.Point.fromAffine({ x, y });
      if (!point.isTorsionFree()) return encodeG2(point);
    } catch {
      continue; // no root: try the next x
    }
  }
}

/** x ≥ p: the same point as `encoded` for a reader that reduces instead of refusing; undefined when it does not fit. */
function overflowed(encoded: Uint8Array): Uint8Array | undefined {
  const flags = (encoded[0] ?? 0) & 0xe0;
  const x = BigInt(`0x${toHex(encoded.subarray(0, 48))}`) & ((1n << 381n) - 1n);
  const raised = x + Fp.ORDER;
  if (raised >= 1n << 381n) return undefined;
  const bytes = encoded.slice();
  for (let i = 0; i < 48; i++) bytes[47 - i] = Number((raised >> BigInt(8 * i)) & 0xffn);
  bytes[0] = (bytes[0] ?? 0) | flags;
  return bytes;
}

function withByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[index] = value;
  return changed;
}

function describeBackend<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  describe(`${group.name} backend`, () => {
    it.each(hashVectors.vectors)("RFC 9380 J.9.1: hash_to_curve of $msg", ({ msg, P }) => {
      const point = group.g1ToBytes(group.hashToG1(encodeUtf8(msg), hashVectors.dst));
      const expected = bls12_381.G1.Point.fromAffine({ x: BigInt(P.x), y: BigInt(P.y) });
      expect(toHex(point)).toBe(expected.toHex(true));
    });

    it("is bilinear: e(aP, bQ) = e(P, Q)^(ab), and e(P, Q)·e(-P, Q) has no effect", () => {
      const [a, b] = [randomScalar(), randomScalar()];
      const left = group.pairingProduct([
        [group.multiplyG1(group.g1, a), group.multiplyG2(group.g2, b)],
        [group.g1, group.g2],
        [group.negateG1(group.g1), group.g2],
      ]);
      const power = group.fixedBaseGT(group.pairingProduct([[group.g1, group.g2]]));
      expect(group.gtToBytes(power((a * b) % GROUP_ORDER))).toEqual(group.gtToBytes(left));
      for (let i = 0; i < USES_BEFORE_ANY_TABLE; i++) power(2n);
      expect(group.gtToBytes(power((a * b) % GROUP_ORDER))).toEqual(group.gtToBytes(left)); // now by table
    });

    it("tables of both sizes give what plain multiplication gives, also for 0, 1 and r - 1", () => {
      const p = group.hashToG1(encodeUtf8(`base ${seed}`), "TEST");
      for (const size of ["small", "large"] as const) {
        const tableG1 = group.fixedBaseG1(p, size);
        const tableG2 = group.fixedBaseG2(group.g2, size);
        for (let i = 0; i < USES_BEFORE_ANY_TABLE; i++) {
          tableG1(1n);
          tableG2(1n);
        }
        for (const scalar of [0n, 1n, GROUP_ORDER - 1n, randomScalar(), randomScalar() >> 200n]) {
          expect(group.g1ToBytes(tableG1(scalar))).toEqual(group.g1ToBytes(group.multiplyG1(p, scalar)));
          expect(group.g2ToBytes(tableG2(scalar))).toEqual(group.g2ToBytes(group.multiplyG2(group.g2, scalar)));
        }
      }
      expect(() => group.multiplyG1(p, GROUP_ORDER)).toThrow(RangeError);
      expect(() => group.multiplyG2(group.g2, -1n)).toThrow(RangeError);
    });

    it("refuses the identity in a pairing, and where it would be encoded it cannot be decoded", () => {
      const identityG1 = group.addG1(group.g1, group.negateG1(group.g1));
      const identityG2 = group.multiplyG2(group.g2, 0n);
      expect(() => group.pairingProduct([[identityG1, group.g2]])).toThrow(InvalidElementError);
      expect(() => group.pairingProduct([[group.g1, identityG2]])).toThrow(InvalidElementError);
      expect(() => group.g1FromBytes(group.g1ToBytes(identityG1))).toThrow(InvalidElementError);
      expect(() => group.g2FromBytes(group.g2ToBytes(identityG2))).toThrow(InvalidElementError);
      const one = Fp12.toBytes(Fp12.ONE);
      expect(() => group.gtFromBytes(one)).toThrow(InvalidElementError);
    });

    it.each([
      ["a point outside the subgroup", strayG1()],
      ["x that is on no point", withByte(new Uint8Array(48), 0, 0x80)],
      ["x = p, which a lax reader takes for 0", overflowed(withByte(new Uint8Array(48), 0, 0x80))],
      ["a clear compression bit", withByte(noble.g1ToBytes(noble.g1), 0, 0x17)],
      ["the identity with a sign", withByte(new Uint8Array(48), 0, 0xe0)],
      ["the identity with a stray bit", withByte(withByte(new Uint8Array(48), 0, 0xc0), 47, 1)],
      ["a trailing byte", new Uint8Array([...noble.g1ToBytes(noble.g1), 0])],
      ["a missing byte", noble.g1ToBytes(noble.g1).subarray(1)],
      ["nothing", new Uint8Array(0)],
      ["96 bytes, the uncompressed length", new Uint8Array(96)],
    ])("G1 refuses %s", (_, bytes) => {
      expect(bytes).toBeDefined();
      if (bytes === undefined) return;
      expect(() => group.g1FromBytes(bytes)).toThrow(InvalidElementError);
      expect(() => group.sumG1FromBytes([bytes])).toThrow(InvalidElementError);
    });

    it.each([
      ["a point outside the subgroup", strayG2()],
      ["x ≥ p in its first coefficient", withByte(noble.g2ToBytes(noble.g2), 0, 0x9f)],
      ["a clear compression bit", withByte(noble.g2ToBytes(noble.g2), 0, 0x13)],
      ["a stray identity", withByte(withByte(new Uint8Array(96), 0, 0xc0), 95, 1)],
      ["a trailing byte", new Uint8Array([...noble.g2ToBytes(noble.g2), 0])],
    ])("G2 refuses %s", (_, bytes) => {
      expect(() => group.g2FromBytes(bytes)).toThrow(InvalidElementError);
    });

    it("GT refuses elements of another order, of no field and of another length", () => {
      const paired = group.gtToBytes(group.pairingProduct([[group.g1, group.g2]]));
      expect(group.gtToBytes(group.gtFromBytes(paired))).toEqual(paired);
      const two = Fp12.toBytes(Fp12.add(Fp12.ONE, Fp12.ONE));
      const minusOne = Fp12.toBytes(Fp12.neg(Fp12.ONE)); // of order 2
      const zero = new Uint8Array(576);
      const unreduced = paired.slice().fill(0xff, 0, 48);
      for (const bytes of [two, minusOne, zero, unreduced, paired.subarray(1), new Uint8Array([...paired, 0])]) {
        expect(() => group.gtFromBytes(bytes)).toThrow(InvalidElementError);
      }
    });

    it("parses without writing to what it was given, a Buffer or not", () => {
      const g1 = Buffer.from(group.g1ToBytes(group.g1));
      const g2 = Buffer.from(group.g2ToBytes(group.g2));
      for (const encoded of [g1, g2]) {
        const before = toHex(encoded);
        if (encoded === g1) group.g1FromBytes(encoded);
        else group.g2FromBytes(encoded);
        expect(toHex(encoded)).toBe(before);
      }
    });

    it("a sum of points is checked as a sum: a stray point in it is refused", () => {
      const stray = strayG1();
      const good = group.g1ToBytes(group.hashToG1(encodeUtf8("x"), "TEST"));
      expect(group.g1ToBytes(group.sumG1FromBytes([good, group.g1ToBytes(group.g1)]))).toEqual(
        group.g1ToBytes(group.addG1(group.g1FromBytes(good), group.g1)),
      );
      expect(() => group.sumG1FromBytes([good, stray])).toThrow(InvalidElementError);
      // The check of single points is as strict after a sum as before it.
      expect(() => group.g1FromBytes(stray)).toThrow(InvalidElementError);
      expect(() => group.sumG1FromBytes([good, group.g1ToBytes(group.negateG1(group.g1FromBytes(good)))])).toThrow(
        InvalidElementError,
      );
    });

    it("passes the self-test; a backend that answers otherwise does not", () => {
      expect(() => selfTest(group)).not.toThrow();
      const wrong = { ...group, negateG1: (p: P) => p };
      expect(() => selfTest(wrong)).toThrow(SelfTestError);
    });
  });
}

describeBackend(noble);
describeBackend(mcl);

describe("both backends", () => {
  it(`give the same bytes for the same operations (seed ${seed})`, () => {
    for (let round = 0; round < 8; round++) {
      const message = random.bytes(random.nextInteger(0, 80));
      const scalar = randomScalar();
      const answers = [noble, mcl].map((group) => operate(group as typeof noble, message, scalar)); // generic in all but the type
      expect(answers[0]).toEqual(answers[1]);
    }
  });

  it("read what the other wrote", () => {
    const scalar = randomScalar();
    const gt = noble.pairingProduct([[noble.multiplyG1(noble.g1, scalar), noble.g2]]);
    expect(mcl.gtToBytes(mcl.gtFromBytes(noble.gtToBytes(gt)))).toEqual(noble.gtToBytes(gt));
    const g2 = mcl.g2ToBytes(mcl.multiplyG2(mcl.g2, scalar));
    expect(noble.g2ToBytes(noble.g2FromBytes(g2))).toEqual(g2);
  });
});

function operate<P, Q, T>(group: PairingGroup<P, Q, T>, message: Uint8Array, scalar: bigint): string[] {
  const point = group.hashToG1(message, "TEST-DOMAIN");
  const multiple = group.multiplyG1(point, scalar);
  const twisted = group.multiplyG2(group.g2, scalar);
  const paired = group.pairingProduct([
    [multiple, group.g2],
    [group.negateG1(point), twisted],
    [group.addG1(point, multiple), twisted],
  ]);
  return [
    toHex(group.g1ToBytes(point)),
    toHex(group.g1ToBytes(multiple)),
    toHex(group.g2ToBytes(twisted)),
    toHex(group.gtToBytes(paired)),
    toHex(group.gtToBytes(group.fixedBaseGT(paired)(scalar))),
  ];
}
