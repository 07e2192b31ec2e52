import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";
import { copyBytes, viewBytes } from "./byte-slices.js";
import { Code } from "./codes.js";
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

/** The message types by key (RFC 7252 3). */
export const MessageType = { CON: 0, NON: 1, ACK: 2, RST: 3 } as const;
/** Confirmable, Non-confirmable, Acknowledgement or Reset. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/**
 * A message on an unreliable transport (RFC 7252 3).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |Ver| T |  TKL  |      Code     |          Message ID           |
 *  |   Token (if any, TKL bytes) ...                               |
 *  |   Options (if any) ...                                        |
 *  |1 1 1 1 1 1 1 1|    Payload (if any) ...                       |
 */
export interface DatagramMessage extends CoapMessage {
  readonly type: MessageType;
  readonly messageId: number;
}

const VERSION = 1;
const HEADER_LENGTH = 4;
const PAYLOAD_MARKER = 0xff;

/**
 * The message that a datagram holds; token, options and payload are views on `bytes`.
 *
 * @param maxTokenLength most bytes of a token: 8 as in RFC 7252, more between endpoints that speak RFC 8974.
 * @throws MessageFormatError when it is not well-formed.
 */
export function decodeDatagram(bytes: Uint8Array, maxTokenLength = MAX_PLAIN_TOKEN_LENGTH): DatagramMessage {
  const length = bytes.length;
  if (length < HEADER_LENGTH) throw new MessageFormatError("short-header", `${length} bytes do not hold a header`);
  const first = byteAt(bytes, 0);
  if (first >>> 6 !== VERSION) throw new MessageFormatError("unknown-version", `version ${first >>> 6} is not 1`);
  // Two bits: one of the four types.
  const type = ((first >>> 4) & 3) as MessageType;
  const code = byteAt(bytes, 1);
  const messageId = readUint16(bytes, 2);
  const tkl = first & 0x0f;
  checkCode(code, length, tkl);

  const tokenLength = decodeTokenLength(bytes, HEADER_LENGTH, tkl, maxTokenLength);
  const tokenStart = HEADER_LENGTH + tokenLengthExtension(tkl);
  const tokenEnd = tokenStart + tokenLength;
  if (tokenEnd > length) throw new MessageFormatError("token-short", `token of ${tokenLength} bytes cut short`);
  const slots: number[] = [];
  const payloadStart = decodeOptions(bytes, tokenEnd, length, slots);
  return {
    type,
    code,
    messageId,
    token: tokenLength === 0 ? NO_BYTES : viewBytes(bytes, tokenStart, tokenEnd),
    options: slots.length === 0 ? Options.NONE : new Options(bytes, slots),
    payload: payloadStart === length ? NO_BYTES : viewBytes(bytes, payloadStart, length),
  };
}

function checkCode(code: number, length: number, tkl: number): void {
  if (code === Code.EMPTY) {
    // RFC 7252 4.1: the Token Length of an Empty message MUST be 0, and no bytes may follow the Message ID.
    if (length > HEADER_LENGTH || tkl !== 0) {
      throw new MessageFormatError("empty-not-empty", `an Empty message of ${length} bytes`);
    }
    return;
  }
  const codeClass = code >>> 5;
  // RFC 7252 3, 4.2: classes 1, 6 and 7 are reserved; on datagrams 7 is too (RFC 8323 5.1).
  if (codeClass === 1 || codeClass >= 6) {
    throw new MessageFormatError("reserved-code-class", `code class ${codeClass} is reserved`);
  }
}

/** Bytes that `message` takes as a datagram. */
export function datagramLength(message: CoapMessage): number {
  const body = message.payload.length === 0 ? 0 : 1 + message.payload.length;
  return HEADER_LENGTH + encodedTokenLength(message.token.length) + encodedOptionsLength(message.options) + body;
}

/** The datagram for `message`. @throws RangeError for a token longer than RFC 8974 allows. */
export function encodeDatagram(message: DatagramMessage): Uint8Array {
  const bytes = new Uint8Array(datagramLength(message));
  writeDatagram(bytes, 0, message.type, message.messageId, message);
  return bytes;
}

/**
 * Writes the datagram at `offset` of `bytes`, which has room for {@link datagramLength}; returns where it ends.
 *
 * Type and message id come apart from the message, for they change when the rest is sent again.
 */
export function writeDatagram(
  bytes: Uint8Array,
  offset: number,
  type: MessageType,
  messageId: number,
  message: CoapMessage,
): number {
  const { token, payload } = message;
  bytes[offset] = (VERSION << 6) | (type << 4) | encodeTkl(token.length);
  bytes[offset + 1] = message.code;
  writeUint16(bytes, offset + 2, messageId);
  let at = writeToken(bytes, offset + HEADER_LENGTH, token);
  at = writeOptions(bytes, at, message.options);
  if (payload.length === 0) return at;
  bytes[at++] = PAYLOAD_MARKER;
  return copyBytes(bytes, at, payload);
}

/** An Empty message: an acknowledgement, a reset or, Confirmable, a ping (RFC 7252 4.1, 4.3). */
export function encodeEmpty(type: MessageType, messageId: number): Uint8Array {
  return Uint8Array.of((VERSION << 6) | (type << 4), Code.EMPTY, messageId >>> 8, messageId & 0xff);
}

/** The message id when `bytes` start as a Confirmable message of our version: what a Reset is due for. */
export function confirmableMessageId(bytes: Uint8Array): number | undefined {
  const isConfirmable = bytes.length >= HEADER_LENGTH && byteAt(bytes, 0) >>> 4 === VERSION << 2;
  return isConfirmable ? readUint16(bytes, 2) : undefined;
}
