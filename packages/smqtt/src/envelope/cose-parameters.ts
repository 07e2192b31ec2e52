/** Header parameters (RFC 9052 3.1, RFC 9338 2) and our own in the private range (below -65536). */
export const HEADER = {
  algorithm: 1,
  contentType: 3,
  keyId: 4,
  iv: 5,
  partialIv: 6,
  countersignature0: 12,
  /** The wrap message of the content key, a byte string; in the unprotected bucket, as its key id commits to it. */
  wrap: -70_001,
  /** True when the publisher meant the message to be retained; protected, so that no broker can make it so. */
  isRetained: -70_002,
} as const;

/** CBOR tags of the messages (RFC 9052 2). */
export const COSE_TAG = { encrypt0: 16, sign1: 18 } as const;

/** Algorithms (RFC 9053 2.2, 4.1, 4.2) by name. */
export const ALGORITHM = { A128GCM: 1, A192GCM: 2, A256GCM: 3, "ChaCha20/Poly1305": 24, EdDSA: -8 } as const;

/** An AEAD by its COSE number. */
export type AeadAlgorithm = 1 | 2 | 3 | 24;

/** Key length of each AEAD in bytes; all have a nonce of 12 and a tag of 16. */
export const AEAD_KEY_BYTES: Readonly<Record<AeadAlgorithm, number>> = { 1: 16, 2: 24, 3: 32, 24: 32 };
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

export function isAeadAlgorithm(value: unknown): value is AeadAlgorithm {
  return value === 1 || value === 2 || value === 3 || value === 24;
}

/** The message breaks RFC 9052, or uses an algorithm that is not ours; says no more than what anyone can see. */
export class CoseError extends Error {
  override readonly name = "CoseError";
}
