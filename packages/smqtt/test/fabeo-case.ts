import { encodeUtf8, toHex } from "@isthmus/bytes";
import { FabeoCp } from "../src/abe/fabeo-cp.js";
import { FabeoKp } from "../src/abe/fabeo-kp.js";
import { decapsulate, encapsulate } from "../src/abe/kem.js";
import { parsePolicy } from "../src/abe/policy-language.js";
import { randomCoins, scalarToBytes } from "../src/abe/scalars.js";
import type { PairingGroup } from "../src/pairing/pairing-group.js";
import { seededBytes } from "./seed.js";

/** One known answer: everything that a scheme gives for fixed randomness. */
export interface FabeoVector {
  readonly scheme: "fabeo-cp" | "fabeo-kp";
  readonly seed: number;
  readonly policy: string;
  readonly attributes: readonly string[];
  readonly additionalData: string;
  readonly masterKey: string;
  readonly publicKey: string;
  readonly publicKeyId: string;
  readonly decryptionKey: string;
  readonly encapsulation: string;
  readonly key: string;
}

export type FabeoCase = Pick<FabeoVector, "scheme" | "seed" | "policy" | "attributes" | "additionalData">;

/** Computes a vector; each value is drawn from the seeded bytes in this order. */
export function computeVector<P, Q, T>(group: PairingGroup<P, Q, T>, input: FabeoCase): FabeoVector {
  const random = seededBytes(input.seed);
  const coins = randomCoins(random);
  const masterKey = coins();
  const policy = parsePolicy(input.policy);
  const additionalData = encodeUtf8(input.additionalData);
  const describe = (publicKey: {
    bytes: Uint8Array;
    id: Uint8Array;
  }): Pick<FabeoVector, "masterKey" | "publicKey" | "publicKeyId"> => ({
    masterKey: toHex(scalarToBytes(masterKey)),
    publicKey: toHex(publicKey.bytes),
    publicKeyId: toHex(publicKey.id),
  });
  if (input.scheme === "fabeo-cp") {
    const scheme = new FabeoCp(group);
    const publicKey = scheme.parsePublicKey(scheme.publicKeyOf(masterKey));
    const decryptionKey = scheme.issueKey(masterKey, publicKey.id, input.attributes, coins);
    const { key, bytes } = encapsulate(scheme, publicKey, policy, additionalData, random);
    const opened = decapsulate(scheme, publicKey, scheme.parseKey(decryptionKey), bytes, additionalData);
    if (toHex(opened) !== toHex(key)) throw new Error("decapsulation gives another key");
    return {
      ...input,
      ...describe(publicKey),
      decryptionKey: toHex(decryptionKey),
      encapsulation: toHex(bytes),
      key: toHex(key),
    };
  }
  const scheme = new FabeoKp(group);
  const publicKey = scheme.parsePublicKey(scheme.publicKeyOf(masterKey));
  const decryptionKey = scheme.issueKey(masterKey, publicKey.id, policy, coins);
  const { key, bytes } = encapsulate(scheme, publicKey, input.attributes, additionalData, random);
  const opened = decapsulate(scheme, publicKey, scheme.parseKey(decryptionKey), bytes, additionalData);
  if (toHex(opened) !== toHex(key)) throw new Error("decapsulation gives another key");
  return {
    ...input,
    ...describe(publicKey),
    decryptionKey: toHex(decryptionKey),
    encapsulation: toHex(bytes),
    key: toHex(key),
  };
}

export const FABEO_CASES: readonly FabeoCase[] = (["fabeo-cp", "fabeo-kp"] as const).flatMap((scheme) => [
  { scheme, seed: 1, policy: "a", attributes: ["a"], additionalData: "" },
  { scheme, seed: 2, policy: "a AND b AND c", attributes: ["c", "b", "a", "d"], additionalData: "topic" },
  { scheme, seed: 3, policy: "A AND B AND (A OR C)", attributes: ["A", "B"], additionalData: "τ = 2" },
  {
    scheme,
    seed: 4,
    policy: '2 of (doctor, "night shift", ward)',
    attributes: ["ward", "night shift"],
    additionalData: "é",
  },
]);
