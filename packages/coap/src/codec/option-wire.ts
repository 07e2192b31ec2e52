import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { MessageFormatError } from "./errors.js";
import type { Options } from "./options.js";

/** More options than any sensible message has; an option may take one byte, so a datagram could hold thousands. */
const MAX_OPTIONS = 255;
const PAYLOAD_MARKER = 0xff;

/**
 * Reads options from `offset` up to the payload marker or `end`, appending number, start and end of each to `slots`.
 *
 *    0   1   2   3   4   5   6   7
 *  |  delta (4)    |  length (4)   |  13: one byte more, 14: two bytes more, 15: reserved
 *
 * @returns where the payload starts; `end` when there is none.
 * @throws MessageFormatError (RFC 7252 3, 3.1).
 */
export function decodeOptions(bytes: Uint8Array, offset: number, end: number, slots: number[]): number {
  let at = offset;
  let number = 0;
  while (at < end) {
    const header = byteAt(bytes, at++);
    if (header === PAYLOAD_MARKER) {
      // RFC 7252 3: a marker followed by a zero-length payload MUST be processed as a message format error.
      if (at === end) throw new MessageFormatError("no-payload", "payload marker without payload");
      return at;
    }
    let delta = header >>> 4;
    let length = header & 0x0f;
    if (delta >= 13) {
      const size = extensionSize(delta, at, end);
      delta = size === 1 ? byteAt(bytes, at) + 13 : readUint16(bytes, at) + 269;
      at += size;
    }
    if (length >= 13) {
      const size = extensionSize(length, at, end);
      length = size === 1 ? byteAt(bytes, at) + 13 : readUint16(bytes, at) + 269;
      at += size;
    }
    number += delta;
    if (number > 0xffff) throw new MessageFormatError("option-number", `option number ${number} exceeds 65535`);
    if (at + length > end) {
      throw new MessageFormatError("option-short", `option ${number} has ${length} bytes, ${end - at} are left`);
    }
    slots.push(number, at, at + length);
    if (slots.length > MAX_OPTIONS * 3) throw new MessageFormatError("too-many-options", `over ${MAX_OPTIONS} options`);
    at += length;
  }
  return end;
}

function extensionSize(nibble: number, at: number, end: number): 1 | 2 {
  if (nibble === 15) throw new MessageFormatError("option-header", "option delta or length 15 is reserved");
  const size = nibble === 13 ? 1 : 2;
  if (at + size > end) throw new MessageFormatError("option-short", "option header cut short");
  return size;
}

/** Bytes that `options` take on the wire. */
export function encodedOptionsLength(options: Options): number {
  let length = 0;
  let previous = 0;
  for (let i = 0; i < options.count; i++) {
    const number = options.numberAt(i);
    const valueLength = options.endAt(i) - options.startAt(i);
    length += encodedOptionLength(number - previous, valueLength);
    previous = number;
  }
  return length;
}

/** Bytes of one option: header, extensions and value. */
export function encodedOptionLength(delta: number, valueLength: number): number {
  return 1 + encodedExtension(delta) + encodedExtension(valueLength) + valueLength;
}

function encodedExtension(value: number): 0 | 1 | 2 {
  if (value < 13) return 0;
  return value < 269 ? 1 : 2;
}

/** Writes `options` at `offset`; returns where they end. */
export function writeOptions(bytes: Uint8Array, offset: number, options: Options): number {
  let at = offset;
  let previous = 0;
  const source = options.source;
  for (let i = 0; i < options.count; i++) {
    const number = options.numberAt(i);
    const start = options.startAt(i);
    const end = options.endAt(i);
    at = writeOptionHeader(bytes, at, number - previous, end - start);
    // A loop is faster than a view and `set` for the few bytes that most values have.
    for (let from = start; from < end; from++) bytes[at++] = byteAt(source, from);
    previous = number;
  }
  return at;
}

function writeOptionHeader(bytes: Uint8Array, offset: number, delta: number, length: number): number {
  bytes[offset] = (nibble(delta) << 4) | nibble(length);
  return writeExtension(bytes, writeExtension(bytes, offset + 1, delta), length);
}

function nibble(value: number): number {
  if (value < 13) return value;
  return value < 269 ? 13 : 14;
}

function writeExtension(bytes: Uint8Array, offset: number, value: number): number {
  if (value < 13) return offset;
  if (value < 269) {
    bytes[offset] = value - 13;
    return offset + 1;
  }
  writeUint16(bytes, offset, value - 269);
  return offset + 2;
}
