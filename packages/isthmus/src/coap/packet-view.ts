import { decodeUtf8, toHex, Utf8Error } from "@isthmus/bytes";
import {
  type Address,
  blockSize,
  codeName,
  type CoapMessage,
  decodeBlock,
  decodeDatagram,
  decodeFrameMessage,
  formatCode,
  isRequestCode,
  isSignalingCode,
  MAX_EXTENDED_TOKEN_LENGTH,
  MessageFormatError,
  Option,
  optionDefinition,
  type OptionFormat,
  optionName,
  signalingOptionFormat,
  signalingOptionName,
  StreamFramer,
  type Tap,
} from "@isthmus/coap";
import { hexDump } from "./hex-dump.js";
import { formatContentFormat } from "./option-text.js";

/** Bytes of a payload that a packet view shows. */
const MAX_PAYLOAD_BYTES = 256;
const typeNames = ["CON", "NON", "ACK", "RST"] as const;
const uintView: ReadonlyMap<number, (value: number) => string> = new Map([
  [Option.CONTENT_FORMAT, formatContentFormat],
  [Option.ACCEPT, formatContentFormat],
  [Option.BLOCK1, formatBlock],
  [Option.BLOCK2, formatBlock],
  [Option.MAX_AGE, (value: number) => `${value} s`],
  [Option.SIZE1, (value: number) => `${value} bytes`],
  [Option.SIZE2, (value: number) => `${value} bytes`],
]);

/** What each kind of transport makes of the bytes of a message. */
const decoders = {
  datagram: (bytes: Uint8Array) => {
    const message = decodeDatagram(bytes);
    const messageId = message.messageId.toString(16).padStart(4, "0");
    return { message, head: `${typeNames[message.type]} ${messageId} ` };
  },
  stream: (bytes: Uint8Array) => {
    const framer = new StreamFramer({ maxMessageBytes: bytes.length, maxTokenLength: MAX_EXTENDED_TOKEN_LENGTH });
    framer.push(bytes);
    const message = framer.next();
    if (message === undefined) throw new MessageFormatError("short-header", "the message is cut short");
    return { message, head: "" };
  },
  frame: (bytes: Uint8Array) => ({ message: decodeFrameMessage(bytes, MAX_EXTENDED_TOKEN_LENGTH), head: "" }),
} as const;

/** How messages come: in datagrams, one after the other in a stream, or one a WebSocket frame. */
export type Framing = keyof typeof decoders;

/** Writes each message that comes and goes, decoded: fields, options, payload. */
export function packetTap(write: (text: string) => void, framing: Framing): Tap {
  return {
    handleReceived: (bytes, from) => write(viewPacket("<", bytes, from, framing)),
    handleSent: (bytes, to) => write(viewPacket(">", bytes, to, framing)),
  };
}

/** A message for people, on lines that end each in a line feed. */
export function viewPacket(direction: "<" | ">", bytes: Uint8Array, peer: Address, framing: Framing): string {
  const where = `${direction} ${peer.address.includes(":") ? `[${peer.address}]` : peer.address}:${peer.port}`;
  try {
    const { message, head } = decoders[framing](bytes);
    const lines = [`${where}  ${head}${nameOf(message.code)}${tokenOf(message)}  (${bytes.length} bytes)`, ...viewBody(message)]; // prettier-ignore
    return lines.map((line) => `${line}\n`).join("");
  } catch (error) {
    if (!(error instanceof MessageFormatError)) throw error;
    const dump = hexDump(bytes, MAX_PAYLOAD_BYTES).map((line) => `      ${line}\n`);
    return `${where}  not CoAP: ${error.message} (${bytes.length} bytes)\n${dump.join("")}`;
  }
}

function nameOf(code: number): string {
  const name = codeName(code);
  return isRequestCode(code) || code === 0 ? (name ?? formatCode(code)) : `${formatCode(code)} ${name ?? ""}`.trimEnd();
}

function tokenOf({ token }: CoapMessage): string {
  return token.length === 0 ? "" : ` #${toHex(token)}`;
}

function viewBody({ code, options, payload }: CoapMessage): string[] {
  const shown = [...options].map(([number, value]) =>
    isSignalingCode(code)
      ? [signalingOptionName(code, number), viewValue(signalingOptionFormat(code, number), value)]
      : [optionName(number), viewOption(number, value)],
  );
  const width = Math.max(0, ...shown.map(([name = ""]) => name.length));
  const lines = shown.map(([name = "", value = ""]) => `    ${name.padEnd(width)}  ${value}`.trimEnd());
  if (payload.length === 0) return lines;
  const dump = hexDump(payload, MAX_PAYLOAD_BYTES).map((line) => `      ${line}`);
  return [...lines, `    payload of ${payload.length} bytes`, ...dump];
}

function viewOption(number: number, value: Uint8Array): string {
  const view = uintView.get(number);
  return view === undefined ? viewValue(optionDefinition(number)?.format, value) : view(uintOf(value));
}

function viewValue(format: OptionFormat | undefined, value: Uint8Array): string {
  switch (format) {
    case "uint":
      return String(uintOf(value));
    case "string":
      return viewString(value);
    case "empty":
      return value.length === 0 ? "" : `0x${toHex(value)}`;
    case "opaque":
    case undefined:
      return value.length === 0 ? "(empty)" : `0x${toHex(value)}`;
  }
}

function uintOf(value: Uint8Array): number {
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function viewString(value: Uint8Array): string {
  try {
    return JSON.stringify(decodeUtf8(value));
  } catch (error) {
    if (error instanceof Utf8Error) return `0x${toHex(value)} (not UTF-8)`;
    throw error;
  }
}

function formatBlock(value: number): string {
  const block = decodeBlock(value);
  return `block ${block.number} of ${blockSize(block.szx)} bytes${block.more ? ", more follow" : ""}`;
}
