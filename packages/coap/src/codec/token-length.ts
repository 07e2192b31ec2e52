import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { copyBytes } from "./byte-slices.js";
import { MessageFormatError } from "./errors.js";

/** RFC 7252 3: without RFC 8974 a token has at most 8 bytes. */
export const MAX_PLAIN_TOKEN_LENGTH = 8;
/** RFC 8974 2.1: the longest token that the extended field can announce. */
export const MAX_EXTENDED_TOKEN_LENGTH = 65_804;

/** Bytes of the extended token length field that TKL announces (RFC 8974 2.1). @throws MessageFormatError for 15. */
export function tokenLengthExtension(tkl: number): 0 | 1 | 2 {
  if (tkl < 13) return 0;
  if (tkl === 15) throw new MessageFormatError("token-length", "token length 15 is reserved");
  return tkl === 13 ? 1 : 2;
}

/**
 * Bytes of the token, from TKL and the extension field at `offset`.
 *
 * @throws MessageFormatError when the field is cut short, or the token is longer than `maxTokenLength`.
 */
export function decodeTokenLength(bytes: Uint8Array, offset: number, tkl: number, maxTokenLength: number): number {
  const extension = tokenLengthExtension(tkl);
  if (offset + extension > bytes.length) throw new MessageFormatError("token-short", "token length cut short");
  let length = tkl;
  if (extension === 1) length = 13 + byteAt(bytes, offset);
  else if (extension === 2) length = 269 + readUint16(bytes, offset);
  if (length > maxTokenLength) {
    // RFC 7252 3: lengths 9 to 15 MUST be processed as a message format error.
    throw new MessageFormatError("token-length", `token of ${length} bytes exceeds the maximum of ${maxTokenLength}`);
  }
  return length;
}

/** TKL for a token of `length` bytes. @throws RangeError for more than RFC 8974 can say. */
export function encodeTkl(length: number): number {
  if (length > MAX_EXTENDED_TOKEN_LENGTH) throw new RangeError(`no token has ${length} bytes`);
  if (length < 13) return length;
  return length < 269 ? 13 : 14;
}

/** Bytes that the extension field and the token of `length` bytes take. */
export function encodedTokenLength(length: number): number {
  if (length < 13) return length;
  return length + (length < 269 ? 1 : 2);
}

/** Writes extension field and token at `offset`; returns where they end. */
export function writeToken(bytes: Uint8Array, offset: number, token: Uint8Array): number {
  const length = token.length;
  let at = offset;
  if (length >= 269) {
    writeUint16(bytes, at, length - 269);
    at += 2;
  } else if (length >= 13) {
    bytes[at++] = length - 13;
  }
  return copyBytes(bytes, at, token);
}
