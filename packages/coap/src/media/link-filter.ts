import { type Link, linkAttribute } from "./link-format.js";

/** One criterion of a filter query: `rt=temp*`, and whether its pattern is a prefix (RFC 6690 4.1). */
export interface LinkCriterion {
  readonly name: string;
  /** What the value is, or begins with. */
  readonly value: string;
  readonly isPrefix: boolean;
}

/** Attributes whose value is a list of words, any of which may match (RFC 6690 4.1, RFC 7252 7.2.1 for `ct`). */
const LIST_ATTRIBUTES: ReadonlySet<string> = new Set(["rt", "if", "rel", "rev", "ct"]);

/** The criterion that a Uri-Query argument says; a bare name asks whether the attribute is there at all. */
export function parseLinkCriterion(argument: string): LinkCriterion {
  const equals = argument.indexOf("=");
  if (equals < 0) return { name: argument.toLowerCase(), value: "", isPrefix: true };
  const pattern = argument.slice(equals + 1);
  const isPrefix = pattern.endsWith("*");
  return {
    name: argument.slice(0, equals).toLowerCase(),
    value: isPrefix ? pattern.slice(0, -1) : pattern,
    isPrefix,
  };
}

/** Whether a link has what a criterion asks for; `href` asks for its target. */
export function linkMatches(link: Link, criterion: LinkCriterion): boolean {
  if (criterion.name === "href") return valueMatches(link.target, criterion);
  const value = linkAttribute(link, criterion.name);
  if (value === undefined) return false;
  if (!LIST_ATTRIBUTES.has(criterion.name)) return valueMatches(value, criterion);
  return value.split(" ").some((word) => valueMatches(word, criterion));
}

/** The links that meet all criteria. */
export function filterLinks(links: Iterable<Link>, criteria: readonly LinkCriterion[]): Link[] {
  return [...links].filter((link) => criteria.every((criterion) => linkMatches(link, criterion)));
}

/** Whether `text` is what a criterion asks for. */
export function valueMatches(text: string, criterion: LinkCriterion): boolean {
  return criterion.isPrefix ? text.startsWith(criterion.value) : text === criterion.value;
}
