import { decodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import {
  blockSize,
  Code,
  codeName,
  type DatagramMessage,
  decodeBlock,
  encodeBlock,
  formatCode,
  formatUriPath,
  isRequestCode,
  type MessageType,
  Option,
  type OptionEntry,
  Options,
  parseCode,
  szxForSize,
} from "../../src/codec/index.js";

/**
 * Messages as the figures of the RFCs write them, in one line:
 *
 *   CON 7d34 GET #20 /temperature       ACK 7d34 2.05 #20 cf=0 "22.3 C"       ACK 1234 2.05 2:0/1/128 size2=300 [128]
 *
 * Type, message id, code; then `#` token, options by number, payload. A payload is text in quotes, or `[n]` for n
 * bytes, which are those of {@link body} at the offset that a block option says.
 */

const typeNames = ["CON", "NON", "ACK", "RST"] as const;

const uintOptions = new Map<string, number>([
  ["obs", Option.OBSERVE],
  ["port", Option.URI_PORT],
  ["cf", Option.CONTENT_FORMAT],
  ["max-age", Option.MAX_AGE],
  ["hops", Option.HOP_LIMIT],
  ["accept", Option.ACCEPT],
  ["size2", Option.SIZE2],
  ["size1", Option.SIZE1],
  ["no-response", Option.NO_RESPONSE],
]);
const opaqueOptions = new Map<string, number>([
  ["if-match", Option.IF_MATCH],
  ["etag", Option.ETAG],
  ["echo", Option.ECHO],
  ["tag", Option.REQUEST_TAG],
]);
const nameByNumber = new Map([...uintOptions, ...opaqueOptions].map(([name, number]) => [number, name]));

/** `length` bytes that differ by their place: letters, so that dumps can be read. */
export function body(length: number, offset = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 97 + (((offset + i) * 7 + Math.floor((offset + i) / 26)) % 26));
}

/** The words of a line: quoted text is one word. */
export function words(line: string): string[] {
  return line.match(/"[^"]*"|\S+/g) ?? [];
}

/** The message that a line says. */
export function parseMessage(line: string): DatagramMessage {
  const [typeWord = "", idWord = "", ...rest] = words(line);
  const type = typeNames.findIndex((name) => name === typeWord);
  if (type < 0) throw new SyntaxError(`"${typeWord}" is not a type`);
  const codeWord = rest[0] !== undefined && /^([0-7]\.\d\d|[a-zA-Z]+)$/.test(rest[0]) ? rest.shift() : undefined;
  const entries: OptionEntry[] = [];
  let token: Uint8Array = new Uint8Array(0);
  let payload: Uint8Array = new Uint8Array(0);
  let offset = 0;
  for (const word of rest) {
    const [, name = "", value = ""] = /^([a-z0-9-]+)=(.*)$/.exec(word) ?? [];
    const block = /^([12]):(\d+)\/([01])\/(\d+)$/.exec(word);
    if (word.startsWith("#")) {
      token = fromHex(word.slice(1));
    } else if (word.startsWith("/")) {
      if (word !== "/") for (const segment of word.slice(1).split("/")) entries.push([Option.URI_PATH, segment]);
    } else if (word.startsWith("?")) {
      entries.push([Option.URI_QUERY, word.slice(1)]);
    } else if (word.startsWith('"')) {
      payload = new TextEncoder().encode(word.slice(1, -1));
    } else if (word.startsWith("[")) {
      payload = body(Number.parseInt(word.slice(1), 10), offset);
    } else if (block) {
      const szx = szxForSize(Number(block[4]));
      const number = Number(block[2]);
      entries.push([
        block[1] === "1" ? Option.BLOCK1 : Option.BLOCK2,
        encodeBlock({ number, more: block[3] === "1", szx }),
      ]);
      if (block[1] === (isRequestCode(parseCode(codeWord ?? "Empty")) ? "1" : "2")) offset = number * blockSize(szx);
    } else if (uintOptions.has(name)) {
      entries.push([uintOptions.get(name) ?? 0, Number(value)]);
    } else if (opaqueOptions.has(name)) {
      entries.push([opaqueOptions.get(name) ?? 0, fromHex(value)]);
    } else if (/^\d+$/.test(name)) {
      entries.push([Number(name), fromHex(value)]);
    } else {
      throw new SyntaxError(`"${word}" says nothing`);
    }
  }
  return {
    // An index of the four names.
    type: type as MessageType,
    messageId: Number.parseInt(idWord, 16),
    code: codeWord === undefined ? Code.EMPTY : parseCode(codeWord),
    token,
    options: Options.of(...entries),
    payload,
  };
}

/** The line that says `message`. */
export function formatMessage(message: DatagramMessage): string {
  const { code, token, options, payload } = message;
  const parts: string[] = [typeNames[message.type], message.messageId.toString(16).padStart(4, "0")];
  if (code !== Code.EMPTY) parts.push(isRequestCode(code) ? (codeName(code) ?? formatCode(code)) : formatCode(code));
  if (token.length > 0) parts.push(`#${toHex(token)}`);
  const path = options.texts(Option.URI_PATH);
  let isPathDone = false;
  for (const [number, value] of options) {
    if (number !== Option.URI_PATH) parts.push(formatOption(number, value, options));
    else if (!isPathDone) parts.push(formatUriPath(path));
    isPathDone ||= number === Option.URI_PATH;
  }
  if (payload.length > 0) parts.push(formatPayload(payload));
  return parts.join(" ");
}

function formatOption(number: number, value: Uint8Array, options: Options): string {
  if (number === Option.URI_QUERY) return `?${decodeUtf8(value)}`;
  if (number === Option.BLOCK1 || number === Option.BLOCK2) {
    const block = decodeBlock(options.uint(number) ?? 0);
    return `${number === Option.BLOCK1 ? 1 : 2}:${block.number}/${block.more ? 1 : 0}/${blockSize(block.szx)}`;
  }
  const name = nameByNumber.get(number);
  if (name !== undefined && uintOptions.has(name)) return `${name}=${options.uint(number)}`;
  return `${name ?? number}=${toHex(value)}`;
}

function formatPayload(payload: Uint8Array): string {
  if (payload.length > 48) return `[${payload.length}]`;
  const text = new TextDecoder().decode(payload);
  return `"${text}"`;
}

/**
 * Whether `actual` is what `expected` says, word by word. A word or its end may be `$name`: bound at its first use,
 * the same from then on; `*` at the end of the line stands for whatever follows.
 */
export function matchLine(expected: string, actual: string, bindings: Map<string, string>): boolean {
  const wanted = words(expected);
  const got = words(actual);
  if (wanted.at(-1) === "*") {
    wanted.pop();
    got.length = Math.min(got.length, wanted.length);
  }
  if (wanted.length !== got.length) return false;
  return wanted.every((word, i) => matchWord(word, got[i] ?? "", bindings));
}

function matchWord(wanted: string, got: string, bindings: Map<string, string>): boolean {
  const at = wanted.indexOf("$");
  if (at < 0 || wanted.startsWith('"')) return wanted === got;
  if (!got.startsWith(wanted.slice(0, at))) return false;
  const name = wanted.slice(at);
  const bound = bindings.get(name);
  if (bound !== undefined) return bound === got.slice(at);
  bindings.set(name, got.slice(at));
  return true;
}

/** `line` with the names that are bound replaced. */
export function fillLine(line: string, bindings: Map<string, string>): string {
  return line.replaceAll(/\$[a-z0-9]+/g, (name) => bindings.get(name) ?? name);
}
