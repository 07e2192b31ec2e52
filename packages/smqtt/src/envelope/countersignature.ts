import { encodeCbor } from "./cbor.js";
import { HEADER } from "./cose-parameters.js";
import type { CryptoBackend } from "./crypto-backend.js";
import type { Encrypt0 } from "./encrypt0.js";

/**
 * Abbreviated countersignatures of version 2 (RFC 9338 3.2) on COSE_Encrypt0: Ed25519 over protected header, external
 * data and ciphertext, in the unprotected header parameter 12.
 *
 * They tell readers apart from the publisher: all who open a message hold its key and could seal another.
 */
export function countersign(
  crypto: CryptoBackend,
  secretKey: Uint8Array,
  message: Pick<Encrypt0, "protectedBytes" | "ciphertext">,
  externalAad: Uint8Array,
): Uint8Array {
  return crypto.sign(secretKey, countersignStructure(message, externalAad));
}

/** Whether the message carries a countersignature by `publicKey` over the same external data. */
export function verifyCountersignature(
  crypto: CryptoBackend,
  publicKey: Uint8Array,
  message: Encrypt0,
  externalAad: Uint8Array,
): boolean {
  const signature = message.unprotectedHeader.get(HEADER.countersignature0);
  if (!(signature instanceof Uint8Array)) return false;
  return crypto.verify(publicKey, countersignStructure(message, externalAad), signature);
}

/**
 * The Countersign_structure of RFC 9338 3.3. A COSE_Encrypt0 has no byte strings behind its ciphertext, so there are no
 * other_fields and the contexts are those without "V2".
 *
 * @param signProtected the countersignature's own protected header in its full form; the abbreviated form, which is
 *   ours, leaves the item out.
 */
export function countersignStructure(
  { protectedBytes, ciphertext }: Pick<Encrypt0, "protectedBytes" | "ciphertext">,
  externalAad: Uint8Array,
  signProtected?: Uint8Array,
): Uint8Array {
  if (signProtected === undefined) return encodeCbor(["CounterSignature0", protectedBytes, externalAad, ciphertext]);
  return encodeCbor(["CounterSignature", protectedBytes, signProtected, externalAad, ciphertext]);
}
