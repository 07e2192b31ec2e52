import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { CoapUriError, type OptionEntry, parseCoapUri, type RequestOptions, Option } from "@isthmus/coap";
import { type Terminal, UsageError } from "../command.js";
import { decimal, type FlagTable, type FlagValues, integer, text, texts, toggle, value } from "../flags.js";
import { parseContentFormat, parseHex, parseOption, percentDecode } from "./option-text.js";

/** What a request says; the flags are those of coap-client. */
export const REQUEST_FLAGS = {
  text: text("-e --text", "TEXT", "send this text; %41 is the byte 0x41"),
  file: text("-f --file", "FILE", "send what is in this file, or standard input when it is -"),
  contentFormat: value("-t --type", "FORMAT", "the Content-Format of what is sent: a number, a media type, or text, json, cbor, link, xml, bytes", parseContentFormat), // prettier-ignore
  accept: value("-A --accept", "FORMAT", "the Content-Format that is wanted", parseContentFormat),
  options: texts("-O --option", "NUMBER,TEXT", "add an option; after 0x the text is hexadecimal; may be repeated"),
  isNonConfirmable: toggle("-N --non", "send it Non-confirmable"),
  token: value("-T --token", "TOKEN", "the token of the first message, as text, or hexadecimal after 0x", parseToken),
  block: value("-b --block", "SIZE", "the size of blocks: 16, 32, 64, 128, 256, 512 or 1024", parseBlockSize),
  hopLimit: integer("-H --hop-limit", "COUNT", "the proxies that it may pass (16)", [1, 255]),
} as const satisfies FlagTable;

/** How a server is reached; the flags are those of coap-client. */
export const WAY_FLAGS = {
  proxy: text("-P --proxy", "URI", "ask this forward proxy, as coap://proxy.example"),
  isReliable: toggle("-r --reliable", "over TCP: coap:// is read as coap+tcp://"),
  address: text("-a --address", "ADDRESS", "the local address to send from"),
  port: integer("-p --port", "PORT", "the local port to send from (a free one)", [0, 65_535]),
  waitSeconds: decimal("-B --wait", "SECONDS", "give up after so long (90)", 0),
  certFile: text("-c --cert", "FILE", "the certificate of this client, PEM (coaps+tcp, coaps+ws)"),
  keyFile: text("-j --key", "FILE", "its private key, when it is not in the file of -c"),
  caFile: text("-C --cafile", "FILE", "the certificates to trust, PEM"),
  isInsecure: toggle("-n --insecure", "do not check the certificate of the server"),
  isVerbose: toggle("-v --verbose", "show each message that comes and goes, decoded, on standard error"),
} as const satisfies FlagTable;

export type RequestValues = FlagValues<typeof REQUEST_FLAGS>;
export type WayValues = FlagValues<typeof WAY_FLAGS>;

/** Seconds after which coap-client gives up. */
const DEFAULT_WAIT_SECONDS = 90;

/** coap-client's `-v` has a level: what is decoded here it shows from 7. Takes the level out. */
export function withoutVerbosityLevel(args: readonly string[]): string[] {
  const at = args.indexOf("-v");
  const level = args[at + 1];
  if (at < 0 || level === undefined || !/^[0-9]$/.test(level)) return [...args];
  return args.toSpliced(at, 2, ...(Number(level) >= 7 ? ["-v"] : []));
}

/** The one URI of a command line. @throws UsageError when there is none, more than one, or it is not one of CoAP. */
export function parseUriOperand(operands: readonly string[], values: Pick<WayValues, "isReliable" | "proxy">): string {
  const [first, ...rest] = operands;
  if (first === undefined) throw new UsageError("there is no URI to ask", "as coap://[::1]/temperature");
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one operand too many`, "a URI is all that stands alone");
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(first) ? first : `coap://${first}`;
  const uri = values.isReliable ? withScheme.replace(/^(coaps?):/i, "$1+tcp:") : withScheme;
  // What a proxy is asked for may be of any scheme.
  if (values.proxy === undefined) checkUri(uri);
  else checkUri(values.proxy);
  return uri;
}

function checkUri(uri: string): void {
  try {
    parseCoapUri(uri);
  } catch (error) {
    if (error instanceof CoapUriError) throw new UsageError(error.message, "as coap://[::1]/temperature");
    throw error;
  }
}

/** What the flags say of a request. @throws UsageError when the payload cannot be read. */
export async function planRequest(values: RequestValues & WayValues, { stdin }: Terminal): Promise<RequestOptions> {
  const { contentFormat, accept, isNonConfirmable, token, block, hopLimit, proxy } = values;
  const body = await readBody(values, stdin);
  const options: OptionEntry[] = values.options.map(parseOption);
  if (hopLimit !== undefined) options.push([Option.HOP_LIMIT, hopLimit]);
  return {
    options,
    timeoutMs: waitMsOf(values),
    isConfirmable: !isNonConfirmable,
    ...(body !== undefined && { body }),
    ...(contentFormat !== undefined && { contentFormat }),
    ...(accept !== undefined && { accept }),
    ...(token !== undefined && { token }),
    ...(block !== undefined && { blockSizeBytes: block }),
    ...(proxy !== undefined && { proxy }),
  };
}

/** Milliseconds to wait for an answer. */
export function waitMsOf({ waitSeconds = DEFAULT_WAIT_SECONDS }: Pick<WayValues, "waitSeconds">): number {
  return Math.round(waitSeconds * 1_000);
}

async function readBody({ text, file }: RequestValues, stdin: NodeJS.ReadableStream): Promise<Uint8Array | undefined> {
  if (text !== undefined && file !== undefined) throw new UsageError("there are two payloads", "either -e or -f");
  if (text !== undefined) return percentDecode(text);
  if (file === undefined) return undefined;
  if (file === "-") return buffer(stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`-f ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseToken(given: string, flag: string): Uint8Array {
  const token = given.startsWith("0x") ? parseHex(given.slice(2), flag) : percentDecode(given);
  if (token.length > 8) throw new UsageError(`${flag} ${given}: longer than 8 bytes`);
  return token;
}

function parseBlockSize(given: string, flag: string): number {
  // coap-client's NUM,SIZE: transfers begin at block 0 here.
  const [, number = "0", size = ""] = /^(?:([0-9]+),)?([0-9]+)$/.exec(given) ?? [];
  if (number === "0" && ["16", "32", "64", "128", "256", "512", "1024"].includes(size)) return Number(size);
  throw new UsageError(`${flag} ${given}: not a size of blocks`, "16, 32, 64, 128, 256, 512 or 1024");
}
