import { byteAt, readUint16, readUint32, writeUint16 } from "@isthmus/bytes";
import { MessageFormatError } from "./errors.js";
import { type CoapMessage, NO_BYTES } from "./message.js";
import { decodeOptions, encodedOptionsLength, writeOptions } from "./option-wire.js";
import { Options } from "./options.js";
import {
  decodeTokenLength,
  encodedTokenLength,
  encodeTkl,
  MAX_PLAIN_TOKEN_LENGTH,
  tokenLengthExtension,
  writeToken,
} from "./token-length.js";

/**
 * A message on TCP or TLS (RFC 8323 3.2).
 *
 *    0   1   2   3   4   5   6   7
 *  |  Len (4)      |  TKL (4)      |  extended length (0, 1, 2 or 4 bytes), code, token, options, 0xff, payload
 *
 * Len counts options, marker and payload; 13, 14 and 15 announce an extended length. On WebSocket Len is 0 and the
 * frame's end is the message's (RFC 8323 4.2).
 */
interface FrameHeader {
  /** Where the code stands. */
  readonly codeAt: number;
  readonly end: number;
}

const PAYLOAD_MARKER = 0xff;
/** Added to what extended lengths of 1, 2 and 4 bytes say. */
const LENGTH_BASE = [0, 13, 269, 0, 65_805] as const;

/** The length that the header at `offset` announces, or undefined when more bytes are needed to tell. */
function decodeHeader(bytes: Uint8Array, offset: number, maxTokenLength: number): FrameHeader | undefined {
  const available = bytes.length - offset;
  if (available < 1) return undefined;
  const first = byteAt(bytes, offset);
  const nibble = first >>> 4;
  const extension = nibble < 13 ? 0 : 1 << (nibble - 13);
  const tkl = first & 0x0f;
  const codeAt = offset + 1 + extension;
  const tokenExtension = tokenLengthExtension(tkl);
  if (codeAt + 1 + tokenExtension > bytes.length) return undefined;
  let length = nibble;
  if (extension === 1) length = LENGTH_BASE[1] + byteAt(bytes, offset + 1);
  else if (extension === 2) length = LENGTH_BASE[2] + readUint16(bytes, offset + 1);
  else if (extension === 4) length = LENGTH_BASE[4] + readUint32(bytes, offset + 1);
  const tokenLength = decodeTokenLength(bytes, codeAt + 1, tkl, maxTokenLength);
  return { codeAt, end: codeAt + 1 + tokenExtension + tokenLength + length };
}

/** Code, token, options and payload, from `codeAt` to `end`. */
function decodeBody(bytes: Uint8Array, tkl: number, codeAt: number, end: number, maxTokenLength: number): CoapMessage {
  const code = byteAt(bytes, codeAt);
  const tokenLength = decodeTokenLength(bytes, codeAt + 1, tkl, maxTokenLength);
  const tokenStart = codeAt + 1 + tokenLengthExtension(tkl);
  const tokenEnd = tokenStart + tokenLength;
  if (tokenEnd > end) throw new MessageFormatError("token-short", `token of ${tokenLength} bytes cut short`);
  const slots: number[] = [];
  const payloadStart = decodeOptions(bytes, tokenEnd, end, slots);
  return {
    code,
    token: bytes.subarray(tokenStart, tokenEnd),
    options: slots.length === 0 ? Options.NONE : new Options(bytes, slots),
    payload: payloadStart === end ? NO_BYTES : bytes.subarray(payloadStart, end),
  };
}

function bodyLength(message: CoapMessage): number {
  const payload = message.payload.length === 0 ? 0 : 1 + message.payload.length;
  return encodedOptionsLength(message.options) + payload;
}

function writeBody(bytes: Uint8Array, codeAt: number, message: CoapMessage): void {
  bytes[codeAt] = message.code;
  let at = writeToken(bytes, codeAt + 1, message.token);
  at = writeOptions(bytes, at, message.options);
  if (message.payload.length === 0) return;
  bytes[at] = PAYLOAD_MARKER;
  bytes.set(message.payload, at + 1);
}

/** The bytes of `message` on TCP or TLS. */
export function encodeStreamMessage(message: CoapMessage): Uint8Array {
  const length = bodyLength(message);
  const extension = lengthExtension(length);
  const bytes = new Uint8Array(2 + extension + encodedTokenLength(message.token.length) + length);
  const nibble = extension === 0 ? length : 13 + Math.log2(extension);
  bytes[0] = (nibble << 4) | encodeTkl(message.token.length);
  const rest = length - LENGTH_BASE[extension];
  if (extension === 1) {
    bytes[1] = rest;
  } else if (extension === 2) {
    writeUint16(bytes, 1, rest);
  } else if (extension === 4) {
    writeUint16(bytes, 1, rest >>> 16);
    writeUint16(bytes, 3, rest & 0xffff);
  }
  writeBody(bytes, 1 + extension, message);
  return bytes;
}

function lengthExtension(length: number): 0 | 1 | 2 | 4 {
  if (length < LENGTH_BASE[1]) return 0;
  if (length < LENGTH_BASE[2]) return 1;
  return length < LENGTH_BASE[4] ? 2 : 4;
}

/** The WebSocket frame for `message`. */
export function encodeFrameMessage(message: CoapMessage): Uint8Array {
  const bytes = new Uint8Array(2 + encodedTokenLength(message.token.length) + bodyLength(message));
  bytes[0] = encodeTkl(message.token.length);
  writeBody(bytes, 1, message);
  return bytes;
}

/**
 * The message that a WebSocket frame holds, as views on `bytes`.
 *
 * @throws MessageFormatError when it is not well-formed.
 */
export function decodeFrameMessage(bytes: Uint8Array, maxTokenLength = MAX_PLAIN_TOKEN_LENGTH): CoapMessage {
  if (bytes.length < 2) throw new MessageFormatError("short-header", `${bytes.length} bytes do not hold a header`);
  const first = byteAt(bytes, 0);
  // RFC 8323 4.2: Len MUST be 0.
  if (first >>> 4 !== 0) throw new MessageFormatError("short-header", `Len is ${first >>> 4} on WebSocket`);
  return decodeBody(bytes, first & 0x0f, 1, bytes.length, maxTokenLength);
}

/** Bounds of a {@link StreamFramer}. */
export interface StreamLimits {
  /** Most bytes of one message, header and all. */
  readonly maxMessageBytes: number;
  readonly maxTokenLength: number;
}

/** A frame that is longer than what is there of it starts with room for so much, and grows. */
const INITIAL_FRAME_BYTES = 65_536;

/**
 * Cuts a stream into messages, whatever chunks it comes in.
 *
 * @example
 * framer.push(chunk);
 * for (let message = framer.next(); message; message = framer.next()) handle(message);
 */
export class StreamFramer {
  readonly #limits: StreamLimits;
  /** What came and was not read; `#at` is where the next frame starts. */
  #bytes: Uint8Array = NO_BYTES;
  #at = 0;
  /** Bytes of `#bytes` that are filled, when it is a frame that is being collected. */
  #filled = 0;
  /** Length of that frame; 0 when none is being collected. */
  #frameLength = 0;
  /** What came after it. */
  #after: Uint8Array = NO_BYTES;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** Takes the next bytes of the stream in; all messages of the last chunk have been taken out. */
  push(chunk: Uint8Array): void {
    if (this.#frameLength > 0) {
      this.#collect(chunk);
    } else if (this.#at === this.#bytes.length) {
      this.#bytes = chunk;
      this.#at = 0;
    } else {
      // A header cut short: a few bytes.
      const rest = this.#bytes.subarray(this.#at);
      const joined = new Uint8Array(rest.length + chunk.length);
      joined.set(rest);
      joined.set(chunk, rest.length);
      this.#bytes = joined;
      this.#at = 0;
    }
  }

  /**
   * The next message, as views on the bytes that came; undefined when more bytes are needed.
   *
   * @throws MessageFormatError when the stream is not well-formed; there is no way on from there.
   */
  next(): CoapMessage | undefined {
    if (this.#frameLength > 0 && this.#filled < this.#frameLength) return undefined;
    const { maxTokenLength, maxMessageBytes } = this.#limits;
    const start = this.#at;
    const header = decodeHeader(this.#bytes, start, maxTokenLength);
    if (header === undefined) return undefined;
    const length = header.end - start;
    if (length > maxMessageBytes) {
      throw new MessageFormatError("message-too-large", `${length} bytes exceed the maximum of ${maxMessageBytes}`);
    }
    if (this.#frameLength === 0 && header.end > this.#bytes.length) {
      this.#beginCollecting(length);
      return undefined;
    }
    const message = decodeBody(
      this.#bytes,
      byteAt(this.#bytes, start) & 0x0f,
      header.codeAt,
      header.end,
      maxTokenLength,
    );
    this.#at = header.end;
    if (this.#frameLength > 0) this.#endCollecting();
    return message;
  }

  #beginCollecting(length: number): void {
    const rest = this.#bytes.subarray(this.#at);
    const room = new Uint8Array(Math.min(length, Math.max(INITIAL_FRAME_BYTES, 2 * rest.length)));
    room.set(rest);
    this.#bytes = room;
    this.#at = 0;
    this.#filled = rest.length;
    this.#frameLength = length;
  }

  #collect(chunk: Uint8Array): void {
    const wanted = Math.min(chunk.length, this.#frameLength - this.#filled);
    if (this.#filled + wanted > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#frameLength, 2 * (this.#filled + wanted)));
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk.subarray(0, wanted), this.#filled);
    this.#filled += wanted;
    this.#after = chunk.subarray(wanted);
  }

  #endCollecting(): void {
    this.#bytes = this.#after;
    this.#at = 0;
    this.#after = NO_BYTES;
    this.#filled = 0;
    this.#frameLength = 0;
  }
}
