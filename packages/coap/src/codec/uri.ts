import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { CoapUriError } from "./errors.js";
import { isIpAddress } from "./ip-address.js";
import { Option } from "./option-definitions.js";
import { type OptionEntry, Options } from "./options.js";

/** The URI schemes of CoAP and their default ports (RFC 7252 6.1, 6.2; RFC 8323 8). */
export const coapSchemes = {
  coap: { defaultPort: 5683, transport: "udp", isSecure: false },
  coaps: { defaultPort: 5684, transport: "udp", isSecure: true },
  "coap+tcp": { defaultPort: 5683, transport: "tcp", isSecure: false },
  "coaps+tcp": { defaultPort: 5684, transport: "tcp", isSecure: true },
  "coap+ws": { defaultPort: 80, transport: "ws", isSecure: false },
  "coaps+ws": { defaultPort: 443, transport: "ws", isSecure: true },
} as const;

/** A key of {@link coapSchemes}. */
export type CoapScheme = keyof typeof coapSchemes;

/** A CoAP URI taken apart; the parts are decoded. */
export interface CoapUri {
  readonly scheme: CoapScheme;
  /** A name in lower case, an IPv4 address, or an IPv6 address without brackets, its zone after `%`. */
  readonly host: string;
  readonly port: number;
  /** Path segments; none for `coap://host` and `coap://host/`. */
  readonly path: readonly string[];
  /** Arguments between the ampersands. */
  readonly query: readonly string[];
}

/**
 * Takes an absolute CoAP URI apart (RFC 7252 6.4, RFC 8323 8).
 *
 * @throws CoapUriError when it is relative, of another scheme, has a fragment or user information, or does not follow
 * RFC 3986.
 */
export function parseCoapUri(text: string): CoapUri {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/.exec(text);
  if (!match) throw new CoapUriError(`"${text}" is not an absolute URI`);
  const [, rawScheme = "", authority = "", path = "", query, fragment] = match;
  // RFC 7252 6.4: step 3 fails for a URI with a fragment.
  if (fragment !== undefined) throw new CoapUriError(`"${text}" has a fragment`);
  const scheme = parseScheme(rawScheme);
  const { host, port } = parseAuthority(authority, coapSchemes[scheme].defaultPort);
  // RFC 7252 6.4, 8: an empty path and "/" give no segments; a slash at the end gives an empty last one.
  const segments = path === "" || path === "/" ? [] : removeDotSegments(path.slice(1).split("/"));
  return {
    scheme,
    host,
    port,
    path: segments.map((segment) => percentDecode(segment)),
    query: query === undefined ? [] : query.split("&").map((argument) => percentDecode(argument)),
  };
}

/** The URI that `uri` spells, in the form of RFC 7252 6.5: a default port is left out, parts are percent-encoded. */
export function formatCoapUri(uri: CoapUri): string {
  const port = uri.port === coapSchemes[uri.scheme].defaultPort ? "" : `:${uri.port}`;
  return `${uri.scheme}://${formatHost(uri.host)}${port}${formatUriPath(uri.path)}${formatUriQuery(uri.query)}`;
}

/** Path segments as in a URI, with a slash before each; the root is "/" (RFC 7252 6.5). */
export function formatUriPath(segments: readonly string[]): string {
  return segments.length === 0 ? "/" : segments.map((segment) => `/${percentEncode(segment, PATH_CHARACTER)}`).join("");
}

/** Arguments as in a URI, a question mark first; nothing for none (RFC 7252 6.5). */
export function formatUriQuery(query: readonly string[]): string {
  return query.length === 0 ? "" : `?${query.map((argument) => percentEncode(argument, QUERY_CHARACTER)).join("&")}`;
}

/** What to tell {@link coapUriToOptions} of the way that the request takes. */
export interface UriDestination {
  /** The address that the request goes to. */
  readonly address?: string;
  /** The port that the request goes to. Default: that of the URI. */
  readonly port?: number;
}

/**
 * The options that say `uri` in a request (RFC 7252 6.4).
 *
 * Uri-Host is left out for an IP address, and Uri-Port when the request goes to that very port.
 *
 * @throws CoapUriError when a part is longer than its option allows.
 */
export function coapUriToOptions(uri: CoapUri, destination: UriDestination = {}): Options {
  const entries: OptionEntry[] = [];
  // RFC 7252 6.4: the literal address of the destination needs no Uri-Host; another address does.
  const isLiteral = isIpAddress(uri.host) && (destination.address ?? uri.host) === uri.host;
  if (!isLiteral) entries.push([Option.URI_HOST, uri.host]);
  if (uri.port !== (destination.port ?? uri.port)) entries.push([Option.URI_PORT, uri.port]);
  for (const segment of uri.path) entries.push([Option.URI_PATH, segment]);
  for (const argument of uri.query) entries.push([Option.URI_QUERY, argument]);
  const options = Options.of(...entries);
  for (const [number, value] of options) {
    if (value.length > 255) throw new CoapUriError(`a part of ${value.length} bytes exceeds the maximum of 255`);
    if (number === Option.URI_HOST && value.length === 0) throw new CoapUriError("the host is empty");
  }
  return options;
}

/**
 * The URI that a request means (RFC 7252 6.5).
 *
 * @param destination where the request came in: what Uri-Host and Uri-Port default to.
 * @throws Utf8Error when an option is not UTF-8.
 */
export function optionsToCoapUri(
  options: Options,
  destination: { readonly scheme: CoapScheme; readonly address: string; readonly port: number },
): CoapUri {
  return {
    scheme: destination.scheme,
    host: options.text(Option.URI_HOST)?.toLowerCase() ?? destination.address,
    port: options.uint(Option.URI_PORT) ?? destination.port,
    path: options.texts(Option.URI_PATH),
    query: options.texts(Option.URI_QUERY),
  };
}

/** `host` as it stands in a URI: an IPv6 address in brackets, its zone after `%25` (RFC 6874), a name encoded. */
export function formatHost(host: string): string {
  if (!host.includes(":")) return percentEncode(host, NAME_CHARACTER);
  const [address = "", zone] = host.split("%");
  return zone === undefined ? `[${address}]` : `[${address}%25${percentEncode(zone, ZONE_CHARACTER)}]`;
}

function parseScheme(text: string): CoapScheme {
  const scheme = text.toLowerCase();
  // A key of the table is a CoapScheme.
  if (Object.hasOwn(coapSchemes, scheme)) return scheme as CoapScheme;
  throw new CoapUriError(`"${text}" is not one of ${Object.keys(coapSchemes).join(", ")}`);
}

function parseAuthority(authority: string, defaultPort: number): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:@[\]]*)(?::([0-9]*))?$/.exec(authority);
  if (!match) throw new CoapUriError(`"${authority}" is not a host and port`);
  const [, rawHost = "", rawPort = ""] = match;
  // RFC 7252 6.1: the host MUST NOT be empty.
  if (rawHost === "") throw new CoapUriError("the host is empty");
  const port = rawPort === "" ? defaultPort : Number(rawPort);
  if (port > 0xffff) throw new CoapUriError(`port ${rawPort} exceeds 65535`);
  return { host: rawHost.startsWith("[") ? parseIpLiteral(rawHost.slice(1, -1)) : parseName(rawHost), port };
}

function parseName(text: string): string {
  // RFC 7252 6.4: percent-decoded and in ASCII lower case.
  return percentDecode(text).replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function parseIpLiteral(text: string): string {
  const [address = "", zone, ...rest] = text.split(/%25/);
  if (rest.length > 0 || !isIpAddress(address) || !address.includes(":")) {
    throw new CoapUriError(`"${text}" is not an IPv6 address`);
  }
  if (zone === undefined) return address.toLowerCase();
  if (zone === "") throw new CoapUriError(`"${text}" has an empty zone`);
  return `${address.toLowerCase()}%${percentDecode(zone)}`;
}

/** RFC 3986 5.2.4: "." and ".." are steps, not names; an encoded one is decoded before it is looked at. */
function removeDotSegments(segments: readonly string[]): string[] {
  const kept: string[] = [];
  segments.forEach((segment, index) => {
    const plain = segment.replaceAll(/%2e/gi, ".");
    if (plain === "..") kept.pop();
    if (plain !== "." && plain !== "..") kept.push(segment);
    else if (index === segments.length - 1) kept.push("");
  });
  return kept.length === 1 && kept[0] === "" ? [] : kept;
}

const UNRESERVED = "A-Za-z0-9\\-._~";
const SUB_DELIMITER = "!$'()*+,;=";
const NAME_CHARACTER = new RegExp(`[${UNRESERVED}${SUB_DELIMITER}&]`);
const ZONE_CHARACTER = new RegExp(`[${UNRESERVED}]`);
const PATH_CHARACTER = new RegExp(`[${UNRESERVED}${SUB_DELIMITER}&:@]`);
/** Without "&", which stands between arguments (RFC 7252 6.5). */
const QUERY_CHARACTER = new RegExp(`[${UNRESERVED}${SUB_DELIMITER}:@/?]`);

function percentEncode(text: string, plain: RegExp): string {
  let encoded = "";
  for (const byte of encodeUtf8(text)) {
    const character = String.fromCharCode(byte);
    encoded += plain.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function percentDecode(text: string): string {
  if (!/^(?:[^%\s"<>\\^`{|}]|%[0-9A-Fa-f]{2})*$/.test(text)) {
    throw new CoapUriError(`"${text}" has a character that a URI must encode`);
  }
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length;) {
    if (text[i] === "%") {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16));
      i += 3;
    } else {
      const point = String.fromCodePoint(text.codePointAt(i) ?? 0);
      bytes.push(...encodeUtf8(point));
      i += point.length;
    }
  }
  try {
    return decodeUtf8(Uint8Array.from(bytes));
  } catch (cause) {
    throw new CoapUriError(`"${text}" does not decode to UTF-8`, { cause });
  }
}
