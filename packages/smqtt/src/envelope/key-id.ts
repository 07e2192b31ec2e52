import { byteAt, concatBytes, encodeUtf8, toHex } from "@isthmus/bytes";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { AEAD_KEY_BYTES, type AeadAlgorithm, NONCE_BYTES } from "./cose-parameters.js";

/**
 * The key id of a content key, 24 bytes:
 *
 * ```
 *   publisher (8)     the id of who made the key
 *   commitment (16)   SHA-256 over the key and the wrap that carries it, cut
 * ```
 *
 * AEADs do not commit to their key: without this a forger could make one ciphertext that opens differently for two
 * readers. With it, whoever unwraps a key can tell that it is the one that the message names.
 */
export const KEY_ID_BYTES = 24;
export const PUBLISHER_ID_BYTES = 8;

/** Wraps are retained under here, at publisher and commitment in hexadecimal. */
export const WRAP_TOPIC_PREFIX = "smqtt/kw";

const COMMITMENT = encodeUtf8("ISTHMUS-SMQTT-V01-KEY-ID");
const MESSAGE_KEY = encodeUtf8("ISTHMUS-SMQTT-V01-MESSAGE-KEY");

/** @param wrapPayload the signed payload of the wrap message. */
export function keyIdOfContentKey(publisher: Uint8Array, contentKey: Uint8Array, wrapPayload: Uint8Array): Uint8Array {
  const commitment = sha256(concatBytes([COMMITMENT, contentKey, sha256(wrapPayload)]));
  return concatBytes([publisher, commitment.subarray(0, KEY_ID_BYTES - PUBLISHER_ID_BYTES)]);
}

/** Where the wrap of the key is retained: `smqtt/kw/<publisher>/<commitment>`. */
export function wrapTopic(keyId: Uint8Array): string {
  const publisher = toHex(keyId.subarray(0, PUBLISHER_ID_BYTES));
  return `${WRAP_TOPIC_PREFIX}/${publisher}/${toHex(keyId.subarray(PUBLISHER_ID_BYTES))}`;
}

/** The AEAD key and the Context IV (RFC 9052 3.1, Partial IV) that belong to a content key. */
export function messageKeys(
  contentKey: Uint8Array,
  keyId: Uint8Array,
  algorithm: AeadAlgorithm,
): { readonly key: Uint8Array; readonly contextIv: Uint8Array } {
  const length = AEAD_KEY_BYTES[algorithm];
  const info = concatBytes([MESSAGE_KEY, new Uint8Array([algorithm])]);
  const derived = hkdf(sha256, contentKey, keyId, info, length + NONCE_BYTES);
  return { key: derived.slice(0, length), contextIv: derived.slice(length) };
}

/** The nonce of a counter: its bytes, padded on the left, XORed onto the Context IV (RFC 9052 3.1). */
export function nonceOf(contextIv: Uint8Array, counter: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  writeNonce(nonce, contextIv, counter);
  return nonce;
}

/** The same over a nonce that is not needed any more. */
export function writeNonce(nonce: Uint8Array, contextIv: Uint8Array, counter: number): void {
  nonce.set(contextIv);
  for (let i = NONCE_BYTES - 1, left = counter; left > 0; i--, left >>>= 8) nonce[i] = byteAt(nonce, i) ^ (left & 0xff);
}
