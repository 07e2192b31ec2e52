import { byteAt } from "./byte-access.js";

/** The bytes are not well-formed UTF-8, or the text has no UTF-8 form. */
export class Utf8Error extends Error {
  override readonly name = "Utf8Error";
}

// Fatal: overlong forms, surrogates and values above U+10FFFF throw. ignoreBOM: U+FEFF is data, never stripped.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to this length a loop over the bytes is faster than the call into the decoder. */
const SHORT_BYTES = 12;

/** Up to this length a loop over the text is faster than the call into the encoder, whose result is not on the heap. */
const SHORT_TEXT = 64;

/**
 * The text of well-formed UTF-8 (RFC 3629), kept code point by code point: no byte-order mark is stripped, nothing
 * is replaced.
 *
 * @throws Utf8Error for anything else: overlong forms, surrogates, values above U+10FFFF, truncated sequences.
 * @throws RangeError when the window is not within `bytes`.
 */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (start < 0 || end > bytes.length || start > end) {
    throw new RangeError(`window ${start}..${end} is not within ${bytes.length} bytes`);
  }
  if (end - start <= SHORT_BYTES) {
    const text = decodeShortAscii(bytes, start, end);
    if (text !== undefined) return text;
  }
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new Utf8Error("not well-formed UTF-8", { cause });
  }
}

function decodeShortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = byteAt(bytes, i);
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** @throws Utf8Error when `text` holds a lone surrogate, which UTF-8 cannot express. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.length <= SHORT_TEXT) {
    const bytes = encodeShortAscii(text);
    if (bytes !== undefined) return bytes;
  }
  if (hasLoneSurrogate(text)) throw new Utf8Error("a lone surrogate has no UTF-8 form");
  return encoder.encode(text);
}

/**
 * Writes the UTF-8 of `text` into `bytes`, where three bytes for each of its UTF-16 code units must fit.
 *
 * @returns where it ends.
 * @throws Utf8Error as {@link encodeUtf8} does; RangeError when there is no such room.
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  if (at + 3 * text.length > bytes.length) throw new RangeError(`no room for ${text.length} code units at ${at}`);
  if (text.length <= SHORT_TEXT) {
    let end = at;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[end++] = unit;
    }
    if (end - at === text.length) return end;
  }
  if (hasLoneSurrogate(text)) throw new Utf8Error("a lone surrogate has no UTF-8 form");
  return at + encoder.encodeInto(text, bytes.subarray(at)).written;
}

function encodeShortAscii(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return undefined;
    bytes[i] = unit;
  }
  return bytes;
}

/** Whether `text` holds half of a surrogate pair. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

/** Bytes that `text` takes in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Two bytes up to U+07FF, three up to U+FFFF; each half of a surrogate pair counts two of the pair's four.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}
