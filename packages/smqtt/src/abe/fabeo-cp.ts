import { ByteReader, ByteWriter, concatBytes } from "@isthmus/bytes";
import { G1_BYTES, G2_BYTES, type FixedBase, GROUP_ORDER, type PairingGroup } from "../pairing/pairing-group.js";
import { type Attribute } from "./attribute.js";
import { AttributeHash } from "./attribute-hash.js";
import { buildMsp, type Msp, type MspRow } from "./msp.js";
import { checkPolicy, CIPHERTEXT_LIMITS, type Policy } from "./policy.js";
import { canonicalAttributes, decodePolicy, encodePolicy, readAttribute, writeAttribute } from "./policy-codec.js";
import { parsePublicKey, PUBLIC_KEY_ID_BYTES, type PublicKey } from "./public-key.js";
import { cheapestRows } from "./satisfaction.js";
import { type AbeScheme, type Encryption, NotSatisfiedError } from "./scheme.js";
import type { Coins } from "./scalars.js";

/** A key for a set of attributes. */
export interface CpKey<P, Q> {
  readonly publicKeyId: Uint8Array;
  /** g1^α · H("b")^r */
  readonly sk1: P;
  /** H(u)^r of each attribute u. */
  readonly sk2: ReadonlyMap<Attribute, P>;
  /** g2^r */
  readonly sk3: Q;
}

/**
 * FABEO for ciphertext policies (Riepel and Wee, CCS 2022, eprint 2022/1415, figure 4 with the multi-use form): the
 * ciphertext names who may read, keys hold attributes. Adaptively secure in the generic group model; secure against
 * chosen ciphertexts only inside the KEM of this folder.
 *
 * An attribute that occurs several times in a policy has another s'[ρ] each time: with one shared value, `A AND B AND
 * (A OR C)` would open for {B, C}.
 */
export class FabeoCp<P, Q, T> implements AbeScheme<Policy, CpKey<P, Q>, T> {
  readonly name = "fabeo-cp";
  readonly #group: PairingGroup<P, Q, T>;
  readonly #hash: AttributeHash<P>;
  readonly #multiplyG1: FixedBase<P>;
  readonly #multiplyG2: FixedBase<Q>;

  constructor(group: PairingGroup<P, Q, T>) {
    this.#group = group;
    this.#hash = new AttributeHash(group, "ISTHMUS-SMQTT-V01-FABEO-CP-BLS12381G1_XMD:SHA-256_SSWU_RO_");
    this.#multiplyG1 = group.fixedBaseG1(group.g1, "small");
    this.#multiplyG2 = group.fixedBaseG2(group.g2, "large");
  }

  publicKeyOf(masterKey: bigint): Uint8Array {
    const base = this.#group.pairingProduct([[this.#group.g1, this.#group.g2]]);
    return this.#group.gtToBytes(this.#group.fixedBaseGT(base)(masterKey));
  }

  parsePublicKey(bytes: Uint8Array): PublicKey<T> {
    return parsePublicKey(this.#group, this.name, bytes);
  }

  /**
   * A key for `attributes`, with its own r. Keys are never extended: an attribute added with an old r would combine
   * with what the key held before.
   *
   * @returns the encoded key.
   */
  issueKey(masterKey: bigint, publicKeyId: Uint8Array, attributes: Iterable<Attribute>, coins: Coins): Uint8Array {
    const group = this.#group;
    const r = coins();
    const sk1 = group.addG1(this.#multiplyG1(masterKey), this.#hash.multiplyConstant(r));
    const held = canonicalAttributes(attributes);
    const writer = new ByteWriter(1024).append(publicKeyId).append(group.g1ToBytes(sk1));
    writer.append(group.g2ToBytes(this.#multiplyG2(r))).uint16(held.length);
    for (const attribute of held) {
      writeAttribute(writer, attribute);
      writer.append(group.g1ToBytes(this.#hash.multiply(attribute, r)));
    }
    return writer.toBytes();
  }

  parseKey(bytes: Uint8Array): CpKey<P, Q> {
    const reader = new ByteReader(bytes);
    const publicKeyId = reader.take(PUBLIC_KEY_ID_BYTES);
    const sk1 = this.#group.g1FromBytes(reader.take(G1_BYTES));
    const sk3 = this.#group.g2FromBytes(reader.take(G2_BYTES));
    const sk2 = new Map<Attribute, P>();
    for (let left = reader.uint16(); left > 0; left--) {
      sk2.set(readAttribute(reader), this.#group.g1FromBytes(reader.take(G1_BYTES)));
    }
    if (reader.remaining !== 0) throw new RangeError(`${reader.remaining} bytes after the key`);
    return { publicKeyId, sk1, sk2, sk3 };
  }

  encodeAccess(policy: Policy): Uint8Array {
    checkPolicy(policy, CIPHERTEXT_LIMITS);
    return encodePolicy(policy);
  }

  parseAccess(bytes: Uint8Array): Policy {
    return decodePolicy(bytes, CIPHERTEXT_LIMITS);
  }

  ciphertextBytes(policy: Policy): number {
    const msp = buildMsp(policy);
    return G2_BYTES * (1 + msp.occurrences) + G1_BYTES * msp.rows.length;
  }

  /** ct1 = g2^s1, ct2[j] = g2^s'[j], ct3[i] = H("b")^(M_i·(s1‖v)) · H(π(i))^s'[ρ(i)], and d = mpk^s1. */
  encrypt(publicKey: PublicKey<T>, policy: Policy, coins: Coins): Encryption {
    const group = this.#group;
    const msp = buildMsp(policy);
    const secrets = Array.from({ length: msp.columns }, coins); // s1 ‖ v
    const primes = Array.from({ length: msp.occurrences }, coins); // s'
    const s1 = secrets[0] ?? 0n;
    const parts = [s1, ...primes].map((scalar) => group.g2ToBytes(this.#multiplyG2(scalar)));
    const constantByShare = new Map<bigint, P>(); // the branches of an OR have the same share
    for (const row of msp.rows) {
      const share = shareOf(row, secrets);
      const constant = constantByShare.get(share) ?? this.#hash.multiplyConstant(share);
      constantByShare.set(share, constant);
      const masked = this.#hash.multiply(row.attribute, primes[row.occurrence - 1] ?? 0n);
      parts.push(group.g1ToBytes(group.addG1(constant, masked)));
    }
    return { ciphertext: concatBytes(parts), shared: () => group.gtToBytes(publicKey.power(s1)) };
  }

  decrypt(key: CpKey<P, Q>, policy: Policy, ciphertext: Uint8Array): Uint8Array {
    const msp = buildMsp(policy);
    const rows = cheapestRows(policy, msp, new Set(key.sk2.keys()));
    if (rows === undefined) throw new NotSatisfiedError();
    return this.combine(key, msp, ciphertext, rows);
  }

  /**
   * d = e(sk1, ct1) · Π_j e(Π_{ρ(i)=j} sk2[π(i)], ct2[j]) / e(Π ct3[i], sk3) over the given rows: the secret when
   * they add up to (1, 0, …, 0), some other element when not.
   */
  combine(key: CpKey<P, Q>, msp: Msp, ciphertext: Uint8Array, rows: readonly number[]): Uint8Array {
    const group = this.#group;
    const element2 = (index: number): Uint8Array => ciphertext.subarray(G2_BYTES * index, G2_BYTES * (index + 1));
    const start3 = G2_BYTES * (1 + msp.occurrences);
    const element3 = (row: number): Uint8Array =>
      ciphertext.subarray(start3 + G1_BYTES * row, start3 + G1_BYTES * (row + 1));

    const keyByOccurrence = new Map<number, P>();
    for (const row of rows) {
      const { attribute, occurrence } = msp.rows[row] ?? { attribute: "", occurrence: 0 };
      const element = key.sk2.get(attribute);
      if (element === undefined) throw new NotSatisfiedError();
      const sum = keyByOccurrence.get(occurrence);
      keyByOccurrence.set(occurrence, sum === undefined ? element : group.addG1(sum, element));
    }
    const ct3 = group.negateG1(group.sumG1FromBytes(rows.map(element3)));
    const pairs: (readonly [P, Q])[] = [
      [ct3, key.sk3],
      [key.sk1, group.g2FromBytes(element2(0))],
    ];
    for (const [occurrence, sum] of keyByOccurrence) pairs.push([sum, group.g2FromBytes(element2(occurrence))]);
    return group.gtToBytes(group.pairingProduct(pairs));
  }
}

/** M_i · secrets. */
export function shareOf(row: MspRow, secrets: readonly bigint[]): bigint {
  let share = 0n;
  for (const { column, value } of row.entries) share += BigInt(value) * (secrets[column] ?? 0n);
  return ((share % GROUP_ORDER) + GROUP_ORDER) % GROUP_ORDER;
}
