import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { RandomBytes } from "../random.js";
import { SUBJECT_ID_BYTES } from "../suites/suite.js";

/** A device's own keys: made on the device, never leaving it. */
export interface Identity {
  /** Ed25519 private key, 32 bytes: signs wraps, countersignatures and requests. */
  readonly signingSecret: Uint8Array;
  /** X25519 private key, 32 bytes: opens what is sealed for this device. */
  readonly exchangeSecret: Uint8Array;
}

/** What others know of an identity. */
export interface PublicIdentity {
  /** {@link subjectId} of the signing key. */
  readonly id: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly exchangeKey: Uint8Array;
}

export function createIdentity(random: RandomBytes): Identity {
  return { signingSecret: random(32), exchangeSecret: random(32) };
}

export function publicIdentity({ signingSecret, exchangeSecret }: Identity): PublicIdentity {
  const signingKey = ed25519.getPublicKey(signingSecret);
  return { id: subjectId(signingKey), signingKey, exchangeKey: x25519.getPublicKey(exchangeSecret) };
}

/** The id that key ids and certificates name a device by: the first 8 bytes of SHA-256 over its signing key. */
export function subjectId(signingKey: Uint8Array): Uint8Array {
  return sha256(signingKey).slice(0, SUBJECT_ID_BYTES);
}
