import { asBytes, type CborMap, encodeCbor } from "./cbor.js";
import { ALGORITHM, COSE_TAG, CoseError, HEADER } from "./cose-parameters.js";
import type { CryptoBackend } from "./crypto-backend.js";
import { encodeProtected, parseCoseArray, parseHeaders, rethrowing } from "./encrypt0.js";

/** A COSE_Sign1 message taken apart (RFC 9052 4.2); its signature is not checked yet. */
export interface Sign1 {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** @throws CoseError unless `bytes` are one COSE_Sign1 in deterministic CBOR with its payload inside. */
export function parseSign1(bytes: Uint8Array, tag: "required" | "optional" = "required"): Sign1 {
  const [protectedItem, unprotectedItem, payload, signature] = parseCoseArray(bytes, COSE_TAG.sign1, 4, tag);
  return rethrowing(() => ({
    ...parseHeaders(protectedItem, unprotectedItem),
    payload: asBytes(payload),
    signature: asBytes(signature),
  }));
}

/** Signs `payload` with Ed25519; `keyId` says whose key it was. */
export function sign1(
  crypto: CryptoBackend,
  secretKey: Uint8Array,
  keyId: Uint8Array,
  payload: Uint8Array,
  externalAad: Uint8Array,
): Uint8Array {
  const protectedBytes = encodeProtected(
    new Map<number, number | Uint8Array>([
      [HEADER.algorithm, ALGORITHM.EdDSA],
      [HEADER.keyId, keyId],
    ]),
  );
  const signature = crypto.sign(secretKey, sigStructure(protectedBytes, externalAad, payload));
  return encodeCbor({ tag: COSE_TAG.sign1, value: [protectedBytes, new Map(), payload, signature] });
}

/** Whether the message is signed with Ed25519 by `publicKey` over the same external data. */
export function verifySign1(
  crypto: CryptoBackend,
  publicKey: Uint8Array,
  message: Sign1,
  externalAad: Uint8Array,
): boolean {
  if (message.protectedHeader.get(HEADER.algorithm) !== ALGORITHM.EdDSA) return false;
  const signed = sigStructure(message.protectedBytes, externalAad, message.payload);
  return crypto.verify(publicKey, signed, message.signature);
}

/** The key id in the protected bucket. @throws CoseError when there is none. */
export function keyIdOf(message: Pick<Sign1, "protectedHeader">): Uint8Array {
  const keyId = message.protectedHeader.get(HEADER.keyId);
  if (!(keyId instanceof Uint8Array)) throw new CoseError("no key id in the protected header");
  return keyId;
}

/** The Sig_structure of a COSE_Sign1 (RFC 9052 4.4). */
export function sigStructure(protectedBytes: Uint8Array, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(["Signature1", protectedBytes, externalAad, payload]);
}
