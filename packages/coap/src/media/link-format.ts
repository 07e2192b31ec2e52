/** A target attribute of a link, as `rt` or `obs`; `undefined` for one without a value. */
export type LinkAttribute = readonly [name: string, value: string | undefined];

/** One link of the CoRE Link Format (RFC 6690 2): where it points, and what is said of it. */
export interface Link {
  /** The URI reference between the angle brackets, as it stands there. */
  readonly target: string;
  /** In their order; names in lower case. */
  readonly attributes: readonly LinkAttribute[];
}

/** Attributes to make a link of: text, numbers, several of either as one space-separated value; `true` for no value. */
export type LinkAttributeValues = Readonly<
  Record<string, string | number | boolean | readonly (string | number)[] | undefined>
>;

/** The text is not in the CoRE Link Format. */
export class LinkFormatError extends SyntaxError {
  override readonly name = "LinkFormatError";
  /** Index in the text of the first character that does not fit. */
  readonly position: number;

  constructor(position: number, message: string) {
    super(`${message} at ${position}`);
    this.position = position;
  }
}

/**
 * A link; attributes that are `false` or `undefined` are left out.
 *
 * @example
 * link("/sensors/temp", { rt: "temperature-c", ct: [0, 50], obs: true });
 * // </sensors/temp>;rt="temperature-c";ct="0 50";obs
 */
export function link(target: string, attributes: LinkAttributeValues = {}): Link {
  const entries: LinkAttribute[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    entries.push([name.toLowerCase(), value === true ? undefined : textOf(value)]);
  }
  return { target, attributes: entries };
}

function textOf(value: string | number | readonly (string | number)[]): string {
  return typeof value === "object" ? value.join(" ") : String(value);
}

/** The first value of an attribute: "" when it has none, `undefined` when the link lacks it (RFC 6690 2). */
export function linkAttribute(link: Link, name: string): string | undefined {
  const found = link.attributes.find(([other]) => other === name);
  return found === undefined ? undefined : (found[1] ?? "");
}

/**
 * `links` in the CoRE Link Format (RFC 6690 2).
 *
 * @throws TypeError for a target with a character that a URI must encode, or a name that is no token.
 */
export function formatLinks(links: Iterable<Link>): string {
  let text = "";
  for (const item of links) text += (text === "" ? "" : ",") + formatLink(item);
  return text;
}

function formatLink({ target, attributes }: Link): string {
  if (/[<>\s"]/.test(target)) throw new TypeError(`"${target}" is not a URI reference`);
  return `<${target}>${attributes.map(formatAttribute).join("")}`;
}

function formatAttribute([name, value]: LinkAttribute): string {
  if (!NAME.test(name)) throw new TypeError(`"${name}" is not the name of a link attribute`);
  if (value === undefined) return `;${name}`;
  // RFC 8187 3.2: what stands after `title*=` is not quoted. What is of another form must be, lest it be read as more links.
  const isBare = name.endsWith("*")
    ? EXTENDED_VALUE.test(value)
    : /^(0|[1-9][0-9]*)$/.test(value) && !ALWAYS_QUOTED.has(name);
  return isBare ? `;${name}=${value}` : `;${name}="${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

const NAME = /^[!#$&+\-.^_`|~0-9A-Za-z]+\*?$/;
/** RFC 8187 3.2.1: charset, language, and text of which no character ends an attribute. */
const EXTENDED_VALUE = /^[!#$%&+\-^_`{}~0-9A-Za-z]+'[0-9A-Za-z-]*'(?:%[0-9A-Fa-f]{2}|[!#$&+\-.^_`|~0-9A-Za-z])*$/;
/** RFC 6690 2: these are quoted-string even when they are digits. */
const ALWAYS_QUOTED = new Set(["anchor", "title", "rt", "if"]);

/**
 * The links of a document in the CoRE Link Format; none for an empty one. White space between the parts is skipped.
 *
 * @throws LinkFormatError when it is malformed.
 */
export function parseLinks(text: string): Link[] {
  const scanner = new Scanner(text);
  const links: Link[] = [];
  scanner.skipSpace();
  while (!scanner.isAtEnd) {
    if (links.length > 0) scanner.expect(",");
    links.push(parseLink(scanner));
    scanner.skipSpace();
  }
  return links;
}

function parseLink(scanner: Scanner): Link {
  scanner.expect("<");
  const target = scanner.take(/[^<>"\s]*/y);
  scanner.expect(">");
  const attributes: LinkAttribute[] = [];
  while (scanner.skip(";")) {
    const attribute = parseAttribute(scanner);
    // RFC 6690 2, RFC 8288 3: of these the first counts, others are ignored.
    const isRepeated = ONCE.has(attribute[0]) && attributes.some(([name]) => name === attribute[0]);
    if (!isRepeated) attributes.push(attribute);
  }
  return { target, attributes };
}

const ONCE = new Set(["rel", "rev", "anchor", "title", "title*", "type", "media", "rt", "if", "sz", "ct"]);

function parseAttribute(scanner: Scanner): LinkAttribute {
  scanner.skipSpace();
  const name = scanner.take(/[!#$&+\-.^_`|~0-9A-Za-z]+\*?/y).toLowerCase();
  if (name === "") scanner.fail("the name of an attribute is missing");
  if (!scanner.skip("=")) return [name, undefined];
  scanner.skipSpace();
  if (scanner.skip('"')) {
    const quoted = scanner.take(/(?:[^"\\]|\\[\s\S])*/y);
    if (!scanner.skip('"')) scanner.fail("a quoted value does not end");
    return [name, quoted.replaceAll(/\\([\s\S])/g, "$1")];
  }
  const value = scanner.take(/[^\s";,<>]+/y);
  if (value === "") scanner.fail(`the value of "${name}" is missing`);
  return [name, value];
}

class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#text.length;
  }

  skipSpace(): void {
    this.take(/\s*/y);
  }

  /** Steps over `character`, white space before it, or leaves all as it is. */
  skip(character: string): boolean {
    const start = this.#position;
    // Within quotes nothing is skipped but the quote itself.
    if (character !== '"') this.skipSpace();
    if (this.#text[this.#position] === character) {
      this.#position++;
      return true;
    }
    this.#position = start;
    return false;
  }

  expect(character: string): void {
    if (!this.skip(character)) this.fail(`expected "${character}"`);
    if (character === ",") this.skipSpace();
  }

  /** What the sticky `pattern` matches here, perhaps nothing. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.#position;
    const matched = pattern.exec(this.#text)?.[0] ?? "";
    this.#position += matched.length;
    return matched;
  }

  fail(message: string): never {
    throw new LinkFormatError(this.#position, message);
  }
}
