import { ByteReader, ByteWriter, concatBytes } from "@isthmus/bytes";
import { G1_BYTES, G2_BYTES, type FixedBase, type PairingGroup } from "../pairing/pairing-group.js";
import { type Attribute } from "./attribute.js";
import { AttributeHash } from "./attribute-hash.js";
import { shareOf } from "./fabeo-cp.js";
import { buildMsp, type Msp } from "./msp.js";
import { checkPolicy, CIPHERTEXT_LIMITS, KEY_LIMITS, type Policy } from "./policy.js";
import {
  canonicalAttributes,
  decodeAttributeSet,
  decodePolicy,
  encodeAttributeSet,
  encodePolicy,
} from "./policy-codec.js";
import { parsePublicKey, PUBLIC_KEY_ID_BYTES, type PublicKey } from "./public-key.js";
import { cheapestRows } from "./satisfaction.js";
import { type AbeScheme, type Encryption, NotSatisfiedError } from "./scheme.js";
import type { Coins } from "./scalars.js";

/** A key for a policy. */
export interface KpKey<P, Q> {
  readonly publicKeyId: Uint8Array;
  readonly policy: Policy;
  readonly msp: Msp;
  /** g2^r[j] for j = 1 … τ. */
  readonly sk1: readonly Q[];
  /** g1^(M_i·(α‖v)) · H(π(i))^r[ρ(i)] for each row i. */
  readonly sk2: readonly P[];
}

/**
 * FABEO for key policies (Riepel and Wee, CCS 2022, eprint 2022/1415, figure 5 with the multi-use form): the
 * ciphertext names attributes, keys hold policies. What is said of {@link FabeoCp} holds here too; the two schemes
 * never share α.
 */
export class FabeoKp<P, Q, T> implements AbeScheme<readonly Attribute[], KpKey<P, Q>, T> {
  readonly name = "fabeo-kp";
  readonly #group: PairingGroup<P, Q, T>;
  readonly #hash: AttributeHash<P>;
  readonly #multiplyG1: FixedBase<P>;
  readonly #multiplyG2: FixedBase<Q>;

  constructor(group: PairingGroup<P, Q, T>) {
    this.#group = group;
    this.#hash = new AttributeHash(group, "ISTHMUS-SMQTT-V01-FABEO-KP-BLS12381G1_XMD:SHA-256_SSWU_RO_");
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

  /** @returns an encoded key for `policy`. @throws PolicyError beyond the limits for keys. */
  issueKey(masterKey: bigint, publicKeyId: Uint8Array, policy: Policy, coins: Coins): Uint8Array {
    checkPolicy(policy, KEY_LIMITS);
    const group = this.#group;
    const msp = buildMsp(policy);
    const secrets = [masterKey, ...Array.from({ length: msp.columns - 1 }, coins)]; // α ‖ v
    const r = Array.from({ length: msp.occurrences }, coins);
    const encodedPolicy = encodePolicy(policy);
    const writer = new ByteWriter(4096).append(publicKeyId).uint16(encodedPolicy.length).append(encodedPolicy);
    for (const scalar of r) writer.append(group.g2ToBytes(this.#multiplyG2(scalar)));
    for (const row of msp.rows) {
      const share = this.#multiplyG1(shareOf(row, secrets));
      const mask = this.#hash.multiply(row.attribute, r[row.occurrence - 1] ?? 0n);
      writer.append(group.g1ToBytes(group.addG1(share, mask)));
    }
    return writer.toBytes();
  }

  parseKey(bytes: Uint8Array): KpKey<P, Q> {
    const reader = new ByteReader(bytes);
    const publicKeyId = reader.take(PUBLIC_KEY_ID_BYTES);
    const policy = decodePolicy(reader.take(reader.uint16()), KEY_LIMITS);
    const msp = buildMsp(policy);
    const sk1 = Array.from({ length: msp.occurrences }, () => this.#group.g2FromBytes(reader.take(G2_BYTES)));
    const sk2 = msp.rows.map(() => this.#group.g1FromBytes(reader.take(G1_BYTES)));
    if (reader.remaining !== 0) throw new RangeError(`${reader.remaining} bytes after the key`);
    return { publicKeyId, policy, msp, sk1, sk2 };
  }

  encodeAccess(attributes: readonly Attribute[]): Uint8Array {
    const encoded = encodeAttributeSet(attributes);
    decodeAttributeSet(encoded, CIPHERTEXT_LIMITS.leaves);
    return encoded;
  }

  parseAccess(bytes: Uint8Array): Attribute[] {
    return decodeAttributeSet(bytes, CIPHERTEXT_LIMITS.leaves);
  }

  ciphertextBytes(attributes: readonly Attribute[]): number {
    return G2_BYTES + G1_BYTES * attributes.length;
  }

  /** ct1 = g2^s, ct2[u] = H(u)^s for each attribute u in canonical order, and d = mpk^s. */
  encrypt(publicKey: PublicKey<T>, attributes: readonly Attribute[], coins: Coins): Encryption {
    const group = this.#group;
    const s = coins();
    const parts = [group.g2ToBytes(this.#multiplyG2(s))];
    for (const attribute of canonicalAttributes(attributes)) {
      parts.push(group.g1ToBytes(this.#hash.multiply(attribute, s)));
    }
    return { ciphertext: concatBytes(parts), shared: () => group.gtToBytes(publicKey.power(s)) };
  }

  decrypt(key: KpKey<P, Q>, attributes: readonly Attribute[], ciphertext: Uint8Array): Uint8Array {
    const rows = cheapestRows(key.policy, key.msp, new Set(attributes));
    if (rows === undefined) throw new NotSatisfiedError();
    return this.combine(key, attributes, ciphertext, rows);
  }

  /** d = e(Π sk2[i], ct1) / Π_j e(Π_{ρ(i)=j} ct2[π(i)], sk1[j]) over the given rows. */
  combine(
    key: KpKey<P, Q>,
    attributes: readonly Attribute[],
    ciphertext: Uint8Array,
    rows: readonly number[],
  ): Uint8Array {
    const group = this.#group;
    const indexByAttribute = new Map(attributes.map((attribute, index) => [attribute, index]));
    const elementsByOccurrence = new Map<number, Uint8Array[]>();
    let keySum: P | undefined;
    for (const row of rows) {
      const { attribute, occurrence } = key.msp.rows[row] ?? { attribute: "", occurrence: 0 };
      const index = indexByAttribute.get(attribute);
      const sk2 = key.sk2[row];
      if (index === undefined || sk2 === undefined) throw new NotSatisfiedError();
      keySum = keySum === undefined ? sk2 : group.addG1(keySum, sk2);
      const start = G2_BYTES + G1_BYTES * index;
      const elements = elementsByOccurrence.get(occurrence) ?? [];
      elementsByOccurrence.set(occurrence, [...elements, ciphertext.subarray(start, start + G1_BYTES)]);
    }
    if (keySum === undefined) throw new NotSatisfiedError();
    const pairs: (readonly [P, Q])[] = [[keySum, group.g2FromBytes(ciphertext.subarray(0, G2_BYTES))]];
    for (const [occurrence, elements] of elementsByOccurrence) {
      const sk1 = key.sk1[occurrence - 1];
      if (sk1 === undefined) throw new NotSatisfiedError();
      pairs.push([group.negateG1(group.sumG1FromBytes(elements)), sk1]);
    }
    return group.gtToBytes(group.pairingProduct(pairs));
  }
}
