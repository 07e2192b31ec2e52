import { asArray, asBytes, asMap, CborError, type CborMap, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { COSE_TAG, CoseError, HEADER } from "./cose-parameters.js";
import { KEY_ID_BYTES } from "./key-id.js";

/** A COSE_Encrypt0 message taken apart (RFC 9052 5.2); nothing is decrypted or believed yet. */
export interface Encrypt0 {
  /** The protected bucket as it came: what is authenticated is these bytes. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly ciphertext: Uint8Array;
}

/**
 * @throws CoseError unless `bytes` are one COSE_Encrypt0 in deterministic CBOR, tagged, or not when `tag` is
 *   "optional" (RFC 9052 2), with no header parameter in both buckets.
 */
export function parseEncrypt0(bytes: Uint8Array, tag: "required" | "optional" = "required"): Encrypt0 {
  const [protectedBytes, unprotectedHeader, ciphertext] = parseCoseArray(bytes, COSE_TAG.encrypt0, 3, tag);
  return { ...parseHeaders(protectedBytes, unprotectedHeader), ciphertext: rethrowing(() => asBytes(ciphertext)) };
}

export function encodeEncrypt0(message: Omit<Encrypt0, "protectedHeader">): Uint8Array {
  const { protectedBytes, unprotectedHeader, ciphertext } = message;
  return encodeCbor({ tag: COSE_TAG.encrypt0, value: [protectedBytes, unprotectedHeader, ciphertext] });
}

/** What the AEAD authenticates besides the ciphertext: the Enc_structure of RFC 9052 5.3. */
export function encStructure(protectedBytes: Uint8Array, externalAad: Uint8Array): Uint8Array {
  return encodeCbor(["Encrypt0", protectedBytes, externalAad]);
}

/** The protected bucket in bytes; an empty one is no bytes at all (RFC 9052 3). */
export function encodeProtected(header: CborMap): Uint8Array {
  return header.size === 0 ? new Uint8Array(0) : encodeCbor(header);
}

/** The items of a COSE message that is an array of `length` under `coseTag`. */
export function parseCoseArray(
  bytes: Uint8Array,
  coseTag: number,
  length: number,
  tag: "required" | "optional",
): readonly CborValue[] {
  return rethrowing(() => {
    const item = decodeCbor(bytes);
    if (isTag(item)) {
      if (item.tag !== coseTag) throw new CoseError(`tag ${item.tag}, not ${coseTag}`);
      return asArray(item.value, length);
    }
    if (tag === "required") throw new CoseError(`no tag ${coseTag}`);
    return asArray(item, length);
  });
}

/** The two header buckets of any COSE message. */
export function parseHeaders(
  protectedItem: CborValue | undefined,
  unprotectedItem: CborValue | undefined,
): Pick<Encrypt0, "protectedBytes" | "protectedHeader" | "unprotectedHeader"> {
  return rethrowing(() => {
    const bytes = asBytes(protectedItem);
    const protectedHeader: CborMap = bytes.length === 0 ? new Map() : asMap(decodeCbor(bytes));
    // An empty map in a byte string means the same as no bytes, and no bytes is what is authenticated (RFC 9052 3).
    const protectedBytes = protectedHeader.size === 0 ? new Uint8Array(0) : bytes;
    const unprotectedHeader = asMap(unprotectedItem);
    for (const label of unprotectedHeader.keys()) {
      if (protectedHeader.has(label)) throw new CoseError(`header parameter ${label} in both buckets`); // RFC 9052 3
    }
    return { protectedBytes, protectedHeader, unprotectedHeader };
  });
}

export function isTag(value: CborValue): value is { tag: number; value: CborValue } {
  return typeof value === "object" && value !== null && "tag" in value;
}

/** Turns what the CBOR layer throws into a {@link CoseError}. */
export function rethrowing<V>(parse: () => V): V {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof CborError) throw new CoseError(cause.message, { cause });
    throw cause;
  }
}

/** Whether bytes are a message of this package, judged by its header alone. */
export function isSealed(bytes: Uint8Array): boolean {
  // Tag 16, an array of three, a byte string: what almost everything else fails at.
  if (bytes[0] !== (0xc0 | COSE_TAG.encrypt0) || bytes[1] !== 0x83) return false;
  try {
    const keyId = parseEncrypt0(bytes).protectedHeader.get(HEADER.keyId);
    return keyId instanceof Uint8Array && keyId.length === KEY_ID_BYTES;
  } catch (cause) {
    if (!(cause instanceof CoseError)) throw cause;
    return false;
  }
}
