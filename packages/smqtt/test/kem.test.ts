import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ByteWriter, encodeUtf8 } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { FabeoCp } from "../src/abe/fabeo-cp.js";
import { FabeoKp } from "../src/abe/fabeo-kp.js";
import { decapsulate, DecapsulationError, encapsulate } from "../src/abe/kem.js";
import { encodeAttributeSet, encodePolicy } from "../src/abe/policy-codec.js";
import { parsePolicy } from "../src/abe/policy-language.js";
import { anyOf, attributePolicy, PolicyError } from "../src/abe/policy.js";
import { randomCoins } from "../src/abe/scalars.js";
import { encodeG1 } from "../src/pairing/noble-point-codec.js";
import type { PairingGroup } from "../src/pairing/pairing-group.js";
import { mcl, noble } from "./backends.js";
import { seed, seededBytes } from "./seed.js";

const data = encodeUtf8("additional data");

function setUp<P, Q, T>(group: PairingGroup<P, Q, T>) {
  const random = seededBytes();
  const coins = randomCoins(random);
  const scheme = new FabeoCp(group);
  const alpha = coins();
  const publicKey = scheme.parsePublicKey(scheme.publicKeyOf(alpha));
  const policy = parsePolicy("a AND (b OR c)");
  const issue = (attributes: string[], publicKeyId = publicKey.id) =>
    scheme.parseKey(scheme.issueKey(alpha, publicKeyId, attributes, coins));
  const { key, bytes } = encapsulate(scheme, publicKey, policy, data, random);
  const accessEnd = 2 + encodePolicy(policy).length;
  return { random, coins, scheme, alpha, publicKey, policy, issue, key, bytes, accessEnd };
}

/** What depends on the arithmetic: on each backend. */
function describeKem<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  describe(`KEM on ${group.name}`, { timeout: 60_000 }, () => {
    const { random, coins, scheme, publicKey, issue, key, bytes, accessEnd } = setUp(group);
    const reader = issue(["a", "c"]);
    const open = (encapsulated: Uint8Array, additionalData = data, decryptionKey = reader) =>
      decapsulate(scheme, publicKey, decryptionKey, encapsulated, additionalData);

    it("gives the reader the key of the writer", () => {
      expect(open(bytes)).toEqual(key);
      expect(key.length).toBe(32);
    });

    it("opens what comes as a Buffer, and leaves it as it was", () => {
      const buffer = Buffer.from(bytes);
      expect(open(buffer)).toEqual(key);
      expect(new Uint8Array(buffer)).toEqual(bytes);
    });

    it("points that are the identity, outside the subgroup or not canonical are refused", () => {
      const row = accessEnd + 192; // ct3 of the first row
      const identity = new Uint8Array(48);
      identity[0] = 0xc0;
      const overflow = new Uint8Array(48).fill(0xff);
      overflow[0] = 0x9f;
      for (const point of [identity, overflow, strayPoint()]) {
        const altered = bytes.slice();
        altered.set(point, row);
        expect(() => open(altered)).toThrow(DecapsulationError);
      }
      const identity2 = new Uint8Array(96);
      identity2[0] = 0xc0;
      for (const at of [accessEnd, accessEnd + 96]) {
        const altered = bytes.slice();
        altered.set(identity2, at);
        expect(() => open(altered)).toThrow(DecapsulationError);
      }
    });

    it("a row that this reader does not use is checked too: the whole ciphertext is compared", () => {
      const unused = accessEnd + 192 + 48; // ct3 of b; the reader holds c
      const altered = bytes.slice();
      altered.set(noble.g1ToBytes(noble.hashToG1(encodeUtf8("valid point"), "TEST")), unused);
      expect(() => open(altered)).toThrow(DecapsulationError);
    });

    it("KP: gives the key, refuses another attribute set of the same length", () => {
      const kp = new FabeoKp(group);
      const kpAlpha = coins();
      const kpPublic = kp.parsePublicKey(kp.publicKeyOf(kpAlpha));
      const kpReader = kp.parseKey(kp.issueKey(kpAlpha, kpPublic.id, parsePolicy("x AND y"), coins));
      const made = encapsulate(kp, kpPublic, ["x", "y", "z"], data, random);
      expect(decapsulate(kp, kpPublic, kpReader, made.bytes, data)).toEqual(made.key);
      const swapped = made.bytes.slice();
      swapped.set(encodeAttributeSet(["x", "y", "w"]), 2);
      expect(() => decapsulate(kp, kpPublic, kpReader, swapped, data)).toThrow(DecapsulationError);
    });
  });
}

/** What depends on the construction alone: once, as backends give the same bytes. */
function describeConstruction<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  describe(`the construction (${group.name})`, { timeout: 60_000 }, () => {
    const { random, coins, scheme, publicKey, policy, issue, bytes, accessEnd } = setUp(group);
    const reader = issue(["a", "c"]);
    const open = (encapsulated: Uint8Array, additionalData = data, decryptionKey = reader) =>
      decapsulate(scheme, publicKey, decryptionKey, encapsulated, additionalData);

    it("a CP encapsulation for 10 attributes takes 32 + 2 + policy + 672 bytes", () => {
      const ten = parsePolicy(Array.from({ length: 10 }, (_, i) => `a${i}`).join(" AND "));
      const { bytes } = encapsulate(scheme, publicKey, ten, data, random);
      expect(bytes.length).toBe(32 + 2 + encodePolicy(ten).length + 96 * 2 + 48 * 10);
    });

    it("swapped additional data, policy and public key are refused", () => {
      expect(() => open(bytes, encodeUtf8("other data"))).toThrow(DecapsulationError);
      expect(() => open(bytes, new Uint8Array(0))).toThrow(DecapsulationError);

      const otherPolicy = parsePolicy("a AND (c OR b)"); // the same shape, as long
      const swapped = bytes.slice();
      swapped.set(encodePolicy(otherPolicy), 2);
      expect(() => open(swapped)).toThrow(DecapsulationError);
      const widened = bytes.slice();
      widened[3] = 2;
      widened[2] = 3; // AND becomes OR
      expect(() => open(widened)).toThrow(DecapsulationError);

      const otherKey = scheme.parsePublicKey(scheme.publicKeyOf(coins()));
      expect(() => decapsulate(scheme, otherKey, reader, bytes, data)).toThrow(DecapsulationError);
      expect(() => decapsulate(scheme, otherKey, issue(["a", "c"], otherKey.id), bytes, data)).toThrow(
        DecapsulationError,
      );
    });

    it("every altered byte is refused", () => {
      const places = [
        0,
        1,
        2,
        accessEnd - 1,
        accessEnd,
        accessEnd + 95,
        accessEnd + 96,
        bytes.length - 33,
        bytes.length - 32,
        bytes.length - 1,
      ];
      for (const place of places) {
        const altered = bytes.slice();
        altered[place] = (altered[place] ?? 0) ^ 1;
        expect(() => open(altered)).toThrow(DecapsulationError);
      }
    });

    it("trailing, missing and no bytes are refused", () => {
      for (const wrong of [
        new Uint8Array([...bytes, 0]),
        bytes.subarray(0, -1),
        new Uint8Array(0),
        new Uint8Array(9000),
      ]) {
        expect(() => open(wrong)).toThrow(DecapsulationError);
      }
    });

    it("a ciphertext whose coins do not come from its seed is refused, though it decrypts", () => {
      const { ciphertext, shared } = scheme.encrypt(publicKey, policy, coins);
      const forged = bytes.slice();
      forged.set(ciphertext, accessEnd);
      expect(scheme.decrypt(reader, policy, ciphertext)).toEqual(shared());
      expect(() => open(forged)).toThrow(DecapsulationError);
    });

    it("all failures are one error with one message and no cause", () => {
      const stranger = issue(["b", "c"]);
      const failures = [
        () => open(bytes, data, stranger),
        () => open(bytes.subarray(1)),
        () => open(bytes, encodeUtf8("x")),
        () => open(bytes.slice().fill(0, accessEnd)),
      ].map((attempt) => {
        try {
          attempt();
          return undefined;
        } catch (error) {
          return error;
        }
      });
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(DecapsulationError);
        expect(failure).toMatchObject({ message: "decapsulation failed" });
        expect(failure).not.toHaveProperty("cause");
      }
    });

    it("a publisher cannot make what readers would refuse: 65 attributes", () => {
      const wide = anyOf(Array.from({ length: 65 }, (_, i) => attributePolicy(`a${i}`)));
      expect(() => encapsulate(scheme, publicKey, wide, data, random)).toThrow(PolicyError);
    });
  });
}

function strayPoint(): Uint8Array {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    if (!Fp.eql(Fp.pow(square, (Fp.ORDER - 1n) / 2n), Fp.ONE)) continue;
    const point = bls12_381.G1.Point.fromAffine({ x, y: Fp.sqrt(square) });
    if (!point.isTorsionFree()) return encodeG1(point);
  }
}

describeKem(noble);
describeKem(mcl);
describeConstruction(mcl);

describe("across backends", () => {
  it(`what one encapsulates the other opens (seed ${seed})`, () => {
    const { random, scheme, publicKey, policy, issue, key, bytes } = setUp(noble);
    const onMcl = new FabeoCp(mcl);
    const mclPublic = onMcl.parsePublicKey(publicKey.bytes);
    const coins = randomCoins(random);
    const reader = onMcl.parseKey(scheme.issueKey(setUp(noble).alpha, publicKey.id, ["a", "b"], coins));
    expect(decapsulate(onMcl, mclPublic, reader, bytes, data)).toEqual(key);
    const back = encapsulate(onMcl, mclPublic, policy, data, random);
    expect(decapsulate(scheme, publicKey, issue(["a", "b"]), back.bytes, data)).toEqual(back.key);
  });

  it("hostile encapsulations end before any pairing", () => {
    const { publicKey, issue } = setUp(mcl);
    const reader = issue(["a"]);
    const random = new SeededRandom(seed);
    const counted = { pairings: 0 };
    const spying = new FabeoCp({
      ...mcl,
      pairingProduct: (pairs) => {
        counted.pairings++;
        return mcl.pairingProduct(pairs);
      },
    });
    const wide = encodePolicy(anyOf(Array.from({ length: 65 }, (_, i) => attributePolicy(`a${i}`))));
    const deep = new Uint8Array(4000).fill(3);
    for (const access of [wide, deep, encodePolicy(parsePolicy("x")), random.bytes(100)]) {
      const writer = new ByteWriter(8192)
        .uint16(access.length)
        .append(access)
        .append(random.bytes(96 * 2 + 48 * 65 + 32));
      expect(() => decapsulate(spying, publicKey, reader, writer.toBytes(), data)).toThrow(DecapsulationError);
    }
    expect(counted.pairings).toBe(0);
  });
});
