import { type CoapUri, coapSchemes, formatCoapUri, formatHost, formatUriPath, formatUriQuery } from "../codec/uri.js";

/** The variables of a URI mapping template, and what each may stand for (RFC 8075 5.4). */
const variables = {
  /** The whole target URI. */
  tu: ".+",
  /** The scheme. */
  s: "[A-Za-z][A-Za-z0-9+.-]*",
  /** Host and port. */
  hp: "[^/?#&]+",
  /** The path, with its first slash, or nothing. */
  p: "(?:/[^?#]*?)?",
  /** The query without its question mark. */
  q: "[^#]*",
  /** The query with its question mark, or nothing. */
  qq: "(?:\\?[^#]*)?",
} as const;

type Variable = keyof typeof variables;

/**
 * How a CoAP URI is packed into an HTTP URI below the one of the proxy (RFC 8075 5.4).
 *
 * @example
 * const template = new HcTemplate("{+tu}"); // the default
 * template.unpack("coap://s.example.com/light"); // "coap://s.example.com/light"
 */
export class HcTemplate {
  readonly text: string;
  readonly #pattern: RegExp;
  readonly #names: readonly Variable[];

  /** @throws TypeError for a variable that RFC 8075 does not have, or has once, or for none at all. */
  constructor(text = "{+tu}") {
    this.text = text;
    const parts = text.split(/\{\+([a-z]+)\}/);
    // Odd ones are names: that is how split puts what was captured.
    const names = parts.filter((_, index) => index % 2 === 1);
    if (new Set(names).size < names.length) throw new TypeError(`a variable of "${text}" is taken twice`);
    this.#names = names.map(checkName);
    if (!names.includes("tu") && !names.includes("hp")) throw new TypeError(`"${text}" does not say which server`);
    const source = parts.map((part, index) => (index % 2 === 1 ? `(${variables[checkName(part)]})` : escape(part)));
    this.#pattern = new RegExp(`^${source.join("")}$`);
  }

  /** The CoAP URI in what follows the proxy's URI, query included; undefined when it is not of this form. */
  unpack(rest: string): string | undefined {
    const match = this.#pattern.exec(rest);
    if (match === null) return undefined;
    const values = new Map(this.#names.map((name, index) => [name, match[index + 1] ?? ""]));
    const whole = values.get("tu");
    if (whole !== undefined) return unescapeBrackets(whole);
    const query = values.get("qq") ?? prefixed("?", values.get("q"));
    const host = unescapeBrackets(values.get("hp") ?? "");
    return `${values.get("s") ?? "coap"}://${host}${values.get("p") ?? ""}${query}`;
  }

  /** What to append to the proxy's URI to reach `uri`. */
  pack(uri: CoapUri): string {
    const query = formatUriQuery(uri.query);
    const port = uri.port === coapSchemes[uri.scheme].defaultPort ? "" : `:${uri.port}`;
    const values: Readonly<Record<Variable, string>> = {
      tu: escapeBrackets(formatCoapUri(uri)),
      s: uri.scheme,
      hp: escapeBrackets(formatHost(uri.host) + port),
      p: uri.path.length === 0 ? "" : formatUriPath(uri.path),
      q: query.slice(1),
      qq: query,
    };
    return this.text.replaceAll(/\{\+([a-z]+)\}/g, (_, name: string) => values[checkName(name)]);
  }
}

function checkName(name: string): Variable {
  // A key of the table is a Variable.
  if (Object.hasOwn(variables, name)) return name as Variable;
  throw new TypeError(`"${name}" is not a variable of URI mapping templates`);
}

function prefixed(prefix: string, text: string | undefined): string {
  return text === undefined || text === "" ? "" : prefix + text;
}

/** RFC 8075 5.3.2: brackets around an IPv6 address are percent-encoded in an HTTP path. */
function escapeBrackets(text: string): string {
  return text.replace("[", "%5B").replace("]", "%5D");
}

function unescapeBrackets(text: string): string {
  return text.replace(/^((?:[A-Za-z][A-Za-z0-9+.-]*:\/\/)?)%5B([^/?#]*?)%5D/i, "$1[$2]");
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
