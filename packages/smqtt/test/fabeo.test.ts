import { readFileSync, writeFileSync } from "node:fs";
import { toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { FabeoCp } from "../src/abe/fabeo-cp.js";
import { FabeoKp } from "../src/abe/fabeo-kp.js";
import { buildMsp } from "../src/abe/msp.js";
import { parsePolicy } from "../src/abe/policy-language.js";
import { NotSatisfiedError } from "../src/abe/scheme.js";
import { type Coins, randomCoins, scalarFromBytes, scalarToBytes } from "../src/abe/scalars.js";
import { G1_BYTES, G2_BYTES, GROUP_ORDER, type PairingGroup } from "../src/pairing/pairing-group.js";
import { mcl, noble } from "./backends.js";
import { seed, seededBytes } from "./seed.js";
import { computeVector, FABEO_CASES, type FabeoVector } from "./fabeo-case.js";

const vectorsFile = new URL("vectors/fabeo/fabeo.json", import.meta.url);
// The vectors were made with noble; what mcl answers is compared with the file, not with noble.
if (process.env["WRITE_VECTORS"] !== undefined) {
  writeFileSync(
    vectorsFile,
    `${JSON.stringify(
      FABEO_CASES.map((input) => computeVector(noble, input)),
      null,
      2,
    )}\n`,
  );
}
const vectors = JSON.parse(readFileSync(vectorsFile, "utf8")) as FabeoVector[]; // a file of the repository

/** Coins that count, so that a test can make two of them equal. */
function coinsWith(base: Coins, equal: readonly [number, number]): Coins {
  const drawn: bigint[] = [];
  return () => {
    const index = drawn.length;
    drawn.push(index === equal[1] ? (drawn[equal[0]] ?? 0n) : base());
    return drawn[index] ?? 0n;
  };
}

/** Both schemes with master keys, and what issues keys of them. */
function setUp<P, Q, T>(group: PairingGroup<P, Q, T>) {
  const coins = randomCoins(seededBytes());
  const cp = new FabeoCp(group);
  const kp = new FabeoKp(group);
  const alpha = coins();
  const cpPublic = cp.parsePublicKey(cp.publicKeyOf(alpha));
  const kpAlpha = coins();
  const kpPublic = kp.parsePublicKey(kp.publicKeyOf(kpAlpha));
  const cpKey = (attributes: string[]) => cp.parseKey(cp.issueKey(alpha, cpPublic.id, attributes, coins));
  const kpKey = (policy: string) => kp.parseKey(kp.issueKey(kpAlpha, kpPublic.id, parsePolicy(policy), coins));
  return { coins, cp, kp, alpha, cpPublic, kpAlpha, kpPublic, cpKey, kpKey };
}

/** What depends on the arithmetic: on each backend. */
function describeSchemes<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  describe(`FABEO on ${group.name}`, { timeout: 60_000 }, () => {
    const { coins, cp, kp, alpha, cpPublic, kpAlpha, kpPublic, cpKey, kpKey } = setUp(group);

    it.each(vectors)("known answer: $scheme, $policy", (vector) => {
      expect(computeVector(group, vector)).toEqual(vector);
    });

    it(`CP: opens for who satisfies the policy and is another secret each time (seed ${seed})`, () => {
      const policy = parsePolicy("(a AND b) OR 2 of (b, c, d)");
      const key = cpKey(["c", "d"]);
      const first = cp.encrypt(cpPublic, policy, coins);
      const second = cp.encrypt(cpPublic, policy, coins);
      expect(cp.decrypt(key, policy, first.ciphertext)).toEqual(first.shared());
      expect(cp.decrypt(key, policy, second.ciphertext)).toEqual(second.shared());
      expect(first.shared()).not.toEqual(second.shared());
      expect(() => cp.decrypt(cpKey(["a", "c"]), policy, first.ciphertext)).toThrow(NotSatisfiedError);
    });

    it("KP: opens for who may read these attributes", () => {
      const attributes = ["a", "b", "c"];
      const { ciphertext, shared } = kp.encrypt(kpPublic, attributes, coins);
      for (const policy of ["a", "a AND b AND c", "(x OR c) AND (a OR y)", "2 of (a, x, c)"]) {
        expect(kp.decrypt(kpKey(policy), attributes, ciphertext)).toEqual(shared());
      }
      expect(() => kp.decrypt(kpKey("a AND x"), attributes, ciphertext)).toThrow(NotSatisfiedError);
    });

    it("sizes: CP takes 96(1 + τ) + 48 rows, KP 96 + 48 attributes", () => {
      const policy = parsePolicy("A AND B AND (A OR C)");
      expect(cp.encrypt(cpPublic, policy, coins).ciphertext.length).toBe(96 * 3 + 48 * 4);
      expect(cp.ciphertextBytes(policy)).toBe(96 * 3 + 48 * 4);
      expect(kp.encrypt(kpPublic, ["a", "b"], coins).ciphertext.length).toBe(96 + 48 * 2);
    });

    it("a key with bytes behind it, cut short or with a stray element is refused", () => {
      const encoded = cp.issueKey(alpha, cpPublic.id, ["a"], coins);
      expect(() => cp.parseKey(new Uint8Array([...encoded, 0]))).toThrow(RangeError);
      expect(() => cp.parseKey(encoded.subarray(0, -1))).toThrow(Error);
      expect(() => cp.parseKey(encoded.slice().fill(0xff, 32, 80))).toThrow(Error);
      const policyKey = kp.issueKey(kpAlpha, kpPublic.id, parsePolicy("a AND b"), coins);
      expect(() => kp.parseKey(new Uint8Array([...policyKey, 0]))).toThrow(RangeError);
      expect(() => kp.parseKey(policyKey.subarray(0, -1))).toThrow(Error);
    });
  });
}

/** What depends on the schemes alone: once, as backends give the same bytes. */
function describeAttacks<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  describe(`attacks on FABEO (${group.name})`, { timeout: 60_000 }, () => {
    const { coins, cp, kp, alpha, cpPublic, kpAlpha, kpPublic, cpKey, kpKey } = setUp(group);

    it("an attacker who ignores satisfy() and combines the rows at hand gets another element", () => {
      const policy = parsePolicy("a AND b AND c");
      const { ciphertext, shared } = cp.encrypt(cpPublic, policy, coins);
      const key = cpKey(["a", "b"]);
      for (const rows of [[0], [1], [0, 1], [0, 0, 1]]) {
        expect(cp.combine(key, buildMsp(policy), ciphertext, rows)).not.toEqual(shared());
      }
      const kpCiphertext = kp.encrypt(kpPublic, ["a", "b"], coins);
      const policyKey = kpKey("a AND b AND c");
      for (const rows of [[0], [1], [0, 1]]) {
        expect(kp.combine(policyKey, ["a", "b"], kpCiphertext.ciphertext, rows)).not.toEqual(kpCiphertext.shared());
      }
    });

    it("two keys put together open nothing that neither opens", () => {
      const policy = parsePolicy("a AND b");
      const { ciphertext, shared } = cp.encrypt(cpPublic, policy, coins);
      const [alice, bob] = [cpKey(["a"]), cpKey(["b"])];
      for (const [base, sk3] of [
        [alice, alice.sk3],
        [bob, bob.sk3],
        [alice, bob.sk3],
      ] as const) {
        const mixed = { ...base, sk3, sk2: new Map([...alice.sk2, ...bob.sk2]) };
        expect(cp.decrypt(mixed, policy, ciphertext)).not.toEqual(shared());
      }

      const attributes = ["a", "d"];
      const kpCiphertext = kp.encrypt(kpPublic, attributes, coins);
      const [first, second] = [kpKey("a AND b"), kpKey("c AND d")];
      const graft = { ...first, policy: parsePolicy("a AND d"), msp: buildMsp(parsePolicy("a AND d")) };
      for (const sk1 of [first.sk1, second.sk1]) {
        const mixed = { ...graft, sk1, sk2: [first.sk2[0], second.sk2[1]].filter((p) => p !== undefined) };
        expect(kp.decrypt(mixed, attributes, kpCiphertext.ciphertext)).not.toEqual(kpCiphertext.shared());
      }
    });

    it("two keys of one device, issued at different times, do not combine either: each has its own r", () => {
      const policy = parsePolicy("a AND b");
      const { ciphertext, shared } = cp.encrypt(cpPublic, policy, coins);
      const [old, renewed] = [cpKey(["a"]), cpKey(["b"])];
      expect(group.g2ToBytes(old.sk3)).not.toEqual(group.g2ToBytes(renewed.sk3));
      const extended = { ...old, sk2: new Map([...old.sk2, ...renewed.sk2]) };
      expect(cp.decrypt(extended, policy, ciphertext)).not.toEqual(shared());
    });

    // A AND B AND (A OR C): rows A (1,1,0), B (0,-1,1), A (0,0,-1), C (0,0,-1).
    // A1 - A2 + B + 2C = (1,0,0), and with one s' for both rows of A its key element cancels.
    it("attribute re-use: A AND B AND (A OR C) does not open for {B, C}", () => {
      const policy = parsePolicy("A AND B AND (A OR C)");
      const msp = buildMsp(policy);
      const key = cpKey(["B", "C"]);
      expect(() => cp.decrypt(key, policy, cp.encrypt(cpPublic, policy, coins).ciphertext)).toThrow(NotSatisfiedError);

      const attack = (ciphertext: Uint8Array): Uint8Array => {
        const elements = G2_BYTES * (1 + msp.occurrences);
        const element = (row: number): P =>
          group.g1FromBytes(ciphertext.subarray(elements + G1_BYTES * row, elements + G1_BYTES * (row + 1)));
        const held = (attribute: string): P => {
          const point = key.sk2.get(attribute);
          if (point === undefined) throw new Error("not in the key");
          return point;
        };
        const ct2 = group.g2FromBytes(ciphertext.subarray(G2_BYTES, 2 * G2_BYTES));
        const twice = (point: P): P => group.addG1(point, point);
        const sum = [group.negateG1(element(2)), element(1), twice(element(3))].reduce(
          (a, b) => group.addG1(a, b),
          element(0),
        );
        return group.gtToBytes(
          group.pairingProduct([
            [key.sk1, group.g2FromBytes(ciphertext.subarray(0, G2_BYTES))],
            [group.addG1(held("B"), twice(held("C"))), ct2],
            [group.negateG1(sum), key.sk3],
          ]),
        );
      };
      const honest = cp.encrypt(cpPublic, policy, coins);
      expect(attack(honest.ciphertext)).not.toEqual(honest.shared());
      // The same attack on a ciphertext whose two s' are equal (draws 3 and 4, after s1 and v) does open it.
      const careless = cp.encrypt(cpPublic, policy, coinsWith(coins, [3, 4]));
      expect(attack(careless.ciphertext)).toEqual(careless.shared());
    });

    it("attribute re-use in a key: with one r for both rows of A the key would open for {B, C}", () => {
      const policy = parsePolicy("A AND B AND (A OR C)");
      const attributes = ["B", "C"];
      const { ciphertext, shared } = kp.encrypt(kpPublic, attributes, coins);
      const attack = (encoded: Uint8Array): Uint8Array => {
        const { sk1, sk2 } = kp.parseKey(encoded);
        const [a1, b, a2, c] = sk2;
        const r = sk1[0];
        if (!a1 || !b || !a2 || !c || !r) throw new Error("not the expected key");
        const twice = (point: P): P => group.addG1(point, point);
        const sum = [group.negateG1(a2), b, twice(c)].reduce((a, b) => group.addG1(a, b), a1);
        const element = (index: number): P =>
          group.g1FromBytes(ciphertext.subarray(G2_BYTES + G1_BYTES * index, G2_BYTES + G1_BYTES * (index + 1)));
        return group.gtToBytes(
          group.pairingProduct([
            [sum, group.g2FromBytes(ciphertext.subarray(0, G2_BYTES))],
            [group.negateG1(group.addG1(element(0), twice(element(1)))), r],
          ]),
        );
      };
      expect(attack(kp.issueKey(kpAlpha, kpPublic.id, policy, coins))).not.toEqual(shared());
      // Draws: v has two values (0, 1), then r[1] and r[2].
      expect(attack(kp.issueKey(kpAlpha, kpPublic.id, policy, coinsWith(coins, [2, 3])))).toEqual(shared());
    });

    it("CP and KP hash the same attribute to different points, and never an attribute to the constant's", () => {
      const key = cp.issueKey(alpha, cpPublic.id, ["b", "\u0001b"], () => 1n);
      const { sk2 } = cp.parseKey(key);
      const [b, other] = [...sk2.values()].map((point) => toHex(group.g1ToBytes(point)));
      expect(b).not.toBe(other);
      const { ciphertext } = kp.encrypt(kpPublic, ["b"], () => 1n);
      expect(toHex(ciphertext.subarray(G2_BYTES))).not.toBe(b);
      // sk1 = g1^α · H("b"): were H(attribute "b") the same point, sk1 - sk2 would be g1^α.
      const constant = group.addG1(cp.parseKey(key).sk1, group.negateG1(group.multiplyG1(group.g1, alpha)));
      expect(toHex(group.g1ToBytes(constant))).not.toBe(b);
    });
  });
}

describeSchemes(noble);
describeSchemes(mcl);
describeAttacks(mcl);

describe("scalars", () => {
  it("have one encoding of 32 bytes below r", () => {
    expect(scalarFromBytes(scalarToBytes(GROUP_ORDER - 1n))).toBe(GROUP_ORDER - 1n);
    expect(() => scalarFromBytes(scalarToBytes(GROUP_ORDER))).toThrow(RangeError);
    expect(() => scalarFromBytes(new Uint8Array(31))).toThrow(RangeError);
  });
});
