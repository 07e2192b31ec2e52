import { ByteReader, ByteWriter, concatBytes, encodeUtf8, equalBytes } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { shake256 } from "@noble/hashes/sha3.js";
import type { RandomBytes } from "../random.js";
import type { PublicKey } from "./public-key.js";
import type { AbeScheme } from "./scheme.js";
import { streamCoins } from "./scalars.js";

/** Length of the seed m and of the key K. */
const KEY_BYTES = 32;
/** An encapsulation, access structure and all, is never longer. */
export const MAX_ENCAPSULATION_BYTES = 8192;
/** Its own domain for each use of the hash. */
const CONTEXT = encodeUtf8("ISTHMUS-SMQTT-V01-KEM-CONTEXT");
const COINS = encodeUtf8("ISTHMUS-SMQTT-V01-KEM-COINS");
const MASK = encodeUtf8("ISTHMUS-SMQTT-V01-KEM-MASK");
const KEY = encodeUtf8("ISTHMUS-SMQTT-V01-KEM-KEY");

/** A fresh key and what carries it to the readers. */
export interface Encapsulation {
  readonly key: Uint8Array;
  /**
   * ```
   *   length (2)   of the access structure
   *   access       the policy or the attributes, in the clear
   *   ct           the scheme's ciphertext
   *   c (32)       m ⊕ H(d, ctx)
   * ```
   */
  readonly bytes: Uint8Array;
}

/** What failed is not said: whoever can send ciphertexts must learn nothing from the answers. */
export class DecapsulationError extends Error {
  override readonly name = "DecapsulationError";

  constructor() {
    super("decapsulation failed");
  }
}

/**
 * A fresh key for whoever satisfies `access` (Fujisaki-Okamoto: all coins come from the seed m, so that the receiver
 * can encrypt again and compare).
 *
 * @param additionalData bound to the key: decapsulation with other data fails.
 */
export function encapsulate<Access, Key extends { readonly publicKeyId: Uint8Array }, T>(
  scheme: AbeScheme<Access, Key, T>,
  publicKey: PublicKey<T>,
  access: Access,
  additionalData: Uint8Array,
  random: RandomBytes,
): Encapsulation {
  const encodedAccess = scheme.encodeAccess(access);
  const context = contextOf(scheme.name, publicKey.id, encodedAccess, additionalData);
  const seed = random(KEY_BYTES);
  const { ciphertext, shared } = scheme.encrypt(publicKey, access, coinsOf(seed, context));
  const masked = xor(seed, maskOf(shared(), context));
  const writer = new ByteWriter(2 + encodedAccess.length + ciphertext.length + KEY_BYTES);
  const bytes = writer.uint16(encodedAccess.length).append(encodedAccess).append(ciphertext).append(masked).toBytes();
  if (bytes.length > MAX_ENCAPSULATION_BYTES) throw new RangeError(`an encapsulation of ${bytes.length} bytes`);
  return { key: keyOf(seed, context, ciphertext, masked), bytes };
}

/**
 * The key of an encapsulation made for `publicKey` with the same additional data.
 *
 * @throws DecapsulationError for every reason: malformed, not satisfied, altered, made for another key or other data.
 */
export function decapsulate<Access, Key extends { readonly publicKeyId: Uint8Array }, T>(
  scheme: AbeScheme<Access, Key, T>,
  publicKey: PublicKey<T>,
  key: Key,
  bytes: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  let opened: Uint8Array | undefined;
  try {
    opened = tryDecapsulate(scheme, publicKey, key, bytes, additionalData);
  } catch {
    // Every failure looks the same, whatever it was.
  }
  if (opened === undefined) throw new DecapsulationError();
  return opened;
}

function tryDecapsulate<Access, Key extends { readonly publicKeyId: Uint8Array }, T>(
  scheme: AbeScheme<Access, Key, T>,
  publicKey: PublicKey<T>,
  key: Key,
  bytes: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  if (bytes.length > MAX_ENCAPSULATION_BYTES || !equalBytes(key.publicKeyId, publicKey.id)) return undefined;
  const reader = new ByteReader(bytes);
  const encodedAccess = reader.take(reader.uint16());
  const access = scheme.parseAccess(encodedAccess);
  // The shape before any pairing: the access structure alone says how long the rest must be.
  if (reader.remaining !== scheme.ciphertextBytes(access) + KEY_BYTES) return undefined;
  const ciphertext = reader.take(reader.remaining - KEY_BYTES);
  const masked = reader.rest();

  const context = contextOf(scheme.name, publicKey.id, encodedAccess, additionalData);
  const shared = scheme.decrypt(key, access, ciphertext);
  const seed = xor(masked, maskOf(shared, context));
  // With c there is nothing more to compare: c = m ⊕ H(d) holds by how m was found, and the d of a ciphertext that
  // is byte for byte the encryption under m's coins is the one that its key opens.
  const again = scheme.encrypt(publicKey, access, coinsOf(seed, context));
  if (!equalSecret(again.ciphertext, ciphertext)) return undefined;
  return keyOf(seed, context, ciphertext, masked);
}

/** ctx = H(scheme, mpk id, access, additional data), each with its length. */
function contextOf(
  scheme: string,
  publicKeyId: Uint8Array,
  encodedAccess: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  return hash(CONTEXT, [encodeUtf8(scheme), publicKeyId, encodedAccess, additionalData]);
}

function coinsOf(seed: Uint8Array, context: Uint8Array): () => bigint {
  const stream = shake256.create().update(COINS).update(seed).update(context);
  return streamCoins((length) => stream.xof(length));
}

function maskOf(shared: Uint8Array, context: Uint8Array): Uint8Array {
  return hash(MASK, [shared, context]);
}

function keyOf(seed: Uint8Array, context: Uint8Array, ciphertext: Uint8Array, masked: Uint8Array): Uint8Array {
  return hash(KEY, [seed, context, concatBytes([ciphertext, masked])]);
}

function hash(domain: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(1024).append(domain);
  for (const part of parts) writer.uint32(part.length).append(part);
  return sha256(writer.view());
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

/** Looks at every byte, wherever the first difference is. */
function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0);
  return difference === 0;
}
