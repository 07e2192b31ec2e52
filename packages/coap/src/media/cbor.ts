import { decode, encode, type TagDecodeControl } from "cborg";

/** The bytes are not one item of CBOR. */
export class CborError extends SyntaxError {
  override readonly name = "CborError";
}

/** `value` as one item of CBOR (RFC 8949); a Map may have keys that are no text. @throws TypeError when it has no form. */
export function encodeCbor(value: unknown): Uint8Array {
  try {
    return encode(value, { ignoreUndefinedProperties: true });
  } catch (cause) {
    throw new TypeError("the value has no CBOR form", { cause });
  }
}

/**
 * The value of one item of CBOR. Decimal fractions become numbers, dates text or numbers.
 *
 * @param options `useMaps` gives Maps in place of objects, so that keys need not be text.
 * @throws CborError when the bytes are no item, or more than one.
 */
export function decodeCbor(bytes: Uint8Array, options: { readonly useMaps?: boolean } = {}): unknown {
  try {
    return decode(bytes, { useMaps: options.useMaps ?? false, rejectDuplicateMapKeys: true, tags });
  } catch (cause) {
    throw new CborError("not an item of CBOR", { cause });
  }
}

const plain = (decodeContent: TagDecodeControl): unknown => decodeContent();

/** Tags that stand for a value of ours (RFC 8949 3.4); the rest is refused. */
const tags = {
  0: plain, // date and time as text
  1: plain, // seconds since 1970
  4: decodeDecimalFraction,
  21: plain, // expected conversion to base64url
  22: plain, // to base64
  23: plain, // to base16
  32: plain, // URI
  55799: plain, // "this is CBOR"
};

/** RFC 8949 3.4.4: an exponent of ten, and what to multiply it with. */
function decodeDecimalFraction(decodeContent: TagDecodeControl): number {
  const content = decodeContent();
  if (!Array.isArray(content) || content.length !== 2) throw new CborError("a decimal fraction has two parts");
  const [exponent, mantissa] = content.map(Number);
  // Through its text: 273.15 must not become 273.15000000000003.
  return Number(`${mantissa}e${exponent}`);
}
