import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import { ScramError } from "./scram-error.js";

/** The text of a message, its attributes in order. */
export type Attributes = readonly (readonly [name: string, value: string])[];

/** Printable ASCII but the comma (RFC 5802 7). */
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;
/** A longer one is nobody's who means well. */
const LONGEST_NONCE = 1024;

/** @throws ScramError when the message is missing or not UTF-8. */
export function textOf(data: Uint8Array | undefined): string {
  if (data === undefined) throw new ScramError("other-error", "a SCRAM message is missing");
  try {
    return decodeUtf8(data);
  } catch (cause) {
    if (!(cause instanceof Utf8Error)) throw cause;
    throw new ScramError("invalid-encoding", "a SCRAM message is not UTF-8", { cause });
  }
}

/** Takes `a=value,b=value` apart (RFC 5802 5.1). @throws ScramError when it is something else. */
export function parseAttributes(text: string): Attributes {
  return text.split(",").map((attribute) => {
    if (!/^[A-Za-z]=/.test(attribute)) throw new ScramError("other-error", "a SCRAM message is no list of attributes");
    return [attribute.slice(0, 1), attribute.slice(2)] as const;
  });
}

/**
 * The values of the attributes that a message begins with, in this order; what follows are extensions to be ignored.
 *
 * @throws ScramError when one is missing, or an extension is mandatory (`m`).
 */
export function takeAttributes<const N extends readonly string[]>(
  attributes: Attributes,
  ...names: N
): { readonly [K in keyof N]: string } {
  if (attributes.some(([name]) => name === "m")) {
    throw new ScramError("extensions-not-supported", "a mandatory SCRAM extension is not supported");
  }
  const values = names.map((name, i) => {
    const [found, value] = attributes[i] ?? [];
    if (found !== name || value === undefined) throw new ScramError("other-error", `no attribute ${name} at ${i}`);
    return value;
  });
  // One value for each name.
  return values as { readonly [K in keyof N]: string };
}

/** @throws ScramError when it is empty, too long, or has other characters than a nonce may have. */
export function checkNonce(nonce: string): string {
  if (nonce.length <= LONGEST_NONCE && NONCE.test(nonce)) return nonce;
  throw new ScramError("other-error", "not a nonce");
}

/** `saslname` of RFC 5802 7: comma and equals sign are written as `=2C` and `=3D`. */
export function escapeName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

/** @throws ScramError for an equals sign that begins no escape. */
export function unescapeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new ScramError("invalid-username-encoding", "a user name has a stray equals sign");
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
