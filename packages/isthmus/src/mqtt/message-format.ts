import { decodeUtf8, encodeUtf8, toHex } from "@isthmus/bytes";
import type { Message, Properties } from "@isthmus/mqtt";
import { UsageError } from "../command.js";
import { formatJson, formatPrettyJson, type JsonEntries, type JsonValue, RawJson } from "./json-text.js";
import { strftime } from "./strftime.js";

/** A message as it is printed: what came in, and when. */
export interface PrintedMessage {
  readonly message: Message;
  /** Microseconds since 1970. */
  readonly receivedAtMicroseconds: number;
}

/** A message that has come in just now. */
export function receivedNow(message: Message): PrintedMessage {
  return { message, receivedAtMicroseconds: Math.floor((performance.timeOrigin + performance.now()) * 1000) };
}

/** How messages are printed. */
export interface FormatOptions {
  /** -F; undefined prints the payload, or with `isVerbose` topic and payload. */
  readonly format: string | undefined;
  readonly isVerbose: boolean;
  /** Whether a line ends after each message. */
  readonly hasEndOfLine: boolean;
  readonly isPretty: boolean;
  /** Told when a payload that should be JSON is none. */
  readonly reportError: (message: string) => void;
}

/** Makes the bytes that one message prints. */
export type MessagePrinter = (message: PrintedMessage) => readonly Uint8Array[];

/** One piece of a format. */
type Piece = (message: PrintedMessage) => Uint8Array | string;

const END_OF_LINE = encodeUtf8("\n");
const NOTHING: readonly Uint8Array[] = [];

/** The printer that `options` ask for. @throws UsageError when the format is none. */
export function makePrinter(options: FormatOptions): MessagePrinter {
  const { format, isVerbose, hasEndOfLine } = options;
  const endOfLine = hasEndOfLine ? [END_OF_LINE] : NOTHING;
  if (format !== undefined) {
    const pieces = parseFormat(format, options);
    return (message) => [...pieces.map((piece) => asBytes(piece(message))), ...endOfLine];
  }
  if (isVerbose) {
    return ({ message: { topic, payload } }) => [
      encodeUtf8(`${topic} ${payload.length === 0 ? "(null)" : ""}`),
      payload,
      ...endOfLine,
    ];
  }
  // An empty message prints nothing, not even the end of the line.
  return ({ message: { payload } }) => (payload.length === 0 ? NOTHING : [payload, ...endOfLine]);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\u0007",
  e: "\u001b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const HINT = "isthmus sub --help explains the sequences that begin with %, @ and \\";

function parseFormat(format: string, options: FormatOptions): Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  const add = (piece: Piece): void => {
    if (plain !== "") pieces.push(constant(plain));
    plain = "";
    pieces.push(piece);
  };
  // %[flags][width][.precision]letter, @letter, \letter, or any other character.
  const sequences = /%([0-]*)(\d*)(?:\.(\d*))?(.?)|([@\\])(.?)|[^%@\\]+/gsu;
  for (const [given, flags = "", width = "", precision, letter, mark, marked] of format.matchAll(sequences)) {
    if (mark === "\\") plain += unescape(marked ?? "", given);
    else if (mark === "@") {
      if (marked === "@") plain += "@";
      else add(datePiece(marked ?? "", given));
    } else if (letter === undefined) plain += given;
    else if (letter === "%") plain += "%";
    else add(fieldPiece(letter, given, { flags, width, precision }, options));
  }
  if (plain !== "") pieces.push(constant(plain));
  return pieces;
}

function constant(text: string): Piece {
  const bytes = encodeUtf8(text);
  return () => bytes;
}

function unescape(letter: string, given: string): string {
  const character = ESCAPES[letter];
  if (character !== undefined) return character;
  throw new UsageError(`-F: "${given}" is not an escape sequence`, HINT);
}

function datePiece(letter: string, given: string): Piece {
  if (letter === "N") return ({ receivedAtMicroseconds }) => nanoseconds(receivedAtMicroseconds);
  if (strftime(letter, new Date(0)) === undefined) throw new UsageError(`-F: "${given}" is not a date sequence`, HINT);
  return (message) => strftime(letter, dateOf(message)) ?? "";
}

interface FieldOptions {
  readonly flags: string;
  readonly width: string;
  readonly precision: string | undefined;
}

function fieldPiece(letter: string, given: string, field: FieldOptions, options: FormatOptions): Piece {
  const definition = Object.hasOwn(FIELDS, letter) ? FIELDS[letter] : undefined;
  if (definition === undefined) throw new UsageError(`-F: "${given}" is not a message sequence`, HINT);
  const width = definition.isPadded ? Number(field.width) : 0;
  const isLeft = field.flags.includes("-");
  const fill = definition.isZeroPadded === true && field.flags.includes("0") && !isLeft ? "0" : " ";
  const maximum = definition.isCut === true && field.precision !== undefined ? Number(field.precision) : Infinity;
  return (message) => {
    const value = definition.read(message, options);
    if (value instanceof Uint8Array) return padBytes(value, width, isLeft, fill);
    const cut = value.length > maximum ? value.slice(0, maximum) : value;
    return isLeft ? cut.padEnd(width) : cut.padStart(width, fill);
  };
}

function padBytes(bytes: Uint8Array, width: number, isLeft: boolean, fill: string): Uint8Array {
  if (bytes.length >= width) return bytes;
  const padded = new Uint8Array(width).fill(fill.charCodeAt(0));
  padded.set(bytes, isLeft ? 0 : width - bytes.length);
  return padded;
}

interface Field {
  /** Whether a field width applies. */
  readonly isPadded: boolean;
  readonly isZeroPadded?: boolean;
  /** Whether a maximum width applies. */
  readonly isCut?: boolean;
  read(message: PrintedMessage, options: FormatOptions): string | Uint8Array;
}

const number = (read: (message: Message) => number | undefined): Field => ({
  isPadded: true,
  isZeroPadded: true,
  read: ({ message }) => String(read(message) ?? ""),
});
const property = (read: (properties: Properties) => string | undefined): Field => ({
  isPadded: true,
  isCut: true,
  read: ({ message }) => read(message.properties) ?? "",
});
const plain = (read: Field["read"]): Field => ({ isPadded: false, read });

/**
 * What each letter behind % prints. A width pads, as mosquitto_sub's manual says. Its program also cuts a payload to
 * the width (to half of it in %x and %X) and does not pad an absent %R.
 */
const FIELDS: Readonly<Record<string, Field>> = {
  A: number(({ properties }) => properties.topicAlias),
  C: property(({ contentType }) => contentType),
  D: plain(({ message }) => message.properties.correlationData ?? ""),
  E: number(({ properties }) => properties.messageExpiryInterval),
  F: number(({ properties }) => bit(properties.payloadFormatIndicator)),
  I: { isPadded: true, isCut: true, read: (message) => isoDate(message) },
  j: plain((message, { isPretty }) => jsonLine(message, jsonText(message.message.payload), isPretty)),
  J: plain(jsonPayloadLine),
  l: number(({ payload }) => payload.length),
  m: number(({ packetIdentifier = 0 }) => packetIdentifier),
  P: plain(({ message }) => (message.properties.userProperties ?? []).map((pair) => pair.join(":")).join(" ")),
  p: { isPadded: true, isZeroPadded: true, read: ({ message }) => message.payload },
  q: plain(({ message }) => String(message.qos)),
  R: property(({ responseTopic }) => responseTopic),
  r: plain(({ message }) => (message.retain ? "1" : "0")),
  S: number(({ properties }) => properties.subscriptionIdentifiers?.[0]),
  t: { isPadded: true, isCut: true, read: ({ message }) => message.topic },
  U: plain(({ receivedAtMicroseconds: at }) => `${Math.floor(at / 1_000_000)}.${nanoseconds(at)}`),
  X: { isPadded: true, isZeroPadded: true, read: ({ message }) => toHex(message.payload).toUpperCase() },
  x: { isPadded: true, isZeroPadded: true, read: ({ message }) => toHex(message.payload) },
};

function jsonPayloadLine(message: PrintedMessage, { isPretty, reportError }: FormatOptions): string {
  const { payload, topic } = message.message;
  try {
    return jsonLine(message, payload.length === 0 ? null : new RawJson(decodeUtf8(payload)), isPretty);
  } catch {
    reportError(`Error: Message payload is not valid JSON on topic ${topic}.`);
    return "";
  }
}

function jsonLine({ message, receivedAtMicroseconds }: PrintedMessage, payload: JsonValue, isPretty: boolean): string {
  const { topic, qos, retain, payload: bytes, packetIdentifier, properties } = message;
  const date = new Date(receivedAtMicroseconds / 1000);
  const fraction = String(Math.floor(receivedAtMicroseconds % 1_000_000)).padStart(6, "0");
  const entries: JsonEntries = [
    ["tst", `${convert("F", date)}T${convert("T", date)}.${fraction}Z${convert("z", date)}`],
    ["topic", topic],
    ["qos", qos],
    ["retain", retain ? 1 : 0],
    ["payloadlen", bytes.length],
    ...(packetIdentifier === undefined ? [] : [["mid", packetIdentifier] as const]),
    ...(Object.keys(properties).length === 0 ? [] : [["properties", jsonProperties(properties)] as const]),
    ["payload", payload],
  ];
  return isPretty ? formatPrettyJson(entries) : formatJson(entries);
}

/** Names as mosquitto_sub has them, in the order in which they came in. */
function jsonProperties(properties: Properties): JsonEntries {
  const entries: [string, JsonValue][] = [];
  for (const [name, value] of Object.entries(properties)) {
    const jsonName = name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
    if (name === "userProperties") entries.push(["user-properties", properties.userProperties ?? []]);
    else if (name === "subscriptionIdentifiers") entries.push(...subscriptionIdentifiers(properties));
    else if (value instanceof Uint8Array) entries.push([jsonName, jsonText(value)]);
    else if (typeof value === "boolean") entries.push([jsonName, bit(value) ?? 0]);
    else if (typeof value === "string" || typeof value === "number") entries.push([jsonName, value]);
  }
  return entries;
}

function subscriptionIdentifiers({ subscriptionIdentifiers = [] }: Properties): [string, number][] {
  return subscriptionIdentifiers.map((identifier) => ["subscription-identifier", identifier]);
}

/** Bytes as a JSON string; what is not UTF-8 is replaced. Nothing is null. */
function jsonText(bytes: Uint8Array): string | null {
  return bytes.length === 0 ? null : new TextDecoder().decode(bytes);
}

function bit(flag: boolean | undefined): number | undefined {
  return flag === undefined ? undefined : Number(flag);
}

function isoDate(message: PrintedMessage): string {
  const date = dateOf(message);
  return `${convert("F", date)}T${convert("T", date)}${convert("z", date)}`;
}

function dateOf({ receivedAtMicroseconds }: PrintedMessage): Date {
  return new Date(receivedAtMicroseconds / 1000);
}

function convert(letter: string, date: Date): string {
  return strftime(letter, date) ?? letter;
}

/** Nine digits. */
function nanoseconds(microseconds: number): string {
  return String(Math.floor((microseconds % 1_000_000) * 1000)).padStart(9, "0");
}

function asBytes(piece: Uint8Array | string): Uint8Array {
  return typeof piece === "string" ? encodeUtf8(piece) : piece;
}
