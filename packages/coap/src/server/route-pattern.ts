/** Segments of `Pattern` that capture: `:id` one segment, `*rest` all that are left. */
type CapturingSegment<Pattern extends string> = Pattern extends `${infer Head}/${infer Tail}`
  ? CapturingSegment<Head> | CapturingSegment<Tail>
  : Pattern extends `:${string}` | `*${string}`
    ? Pattern
    : never;

type NameOf<Segment extends string> = Segment extends `${":" | "*"}${infer Name}` ? Name : never;

/**
 * What a path pattern captures, by name: text for `:name`, several segments for `*name`.
 *
 * @example
 * type P = PathParameters<"/rooms/:room/*rest">; // { room: string; rest: readonly string[] }
 */
export type PathParameters<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string | readonly string[]>>
  : {
      readonly [S in CapturingSegment<Pattern> as NameOf<S>]: S extends `*${string}` ? readonly string[] : string;
    };

/** One segment of a pattern. */
export type PatternSegment =
  | { readonly type: "literal"; readonly text: string }
  | { readonly type: "parameter"; readonly name: string }
  | { readonly type: "rest"; readonly name: string };

/**
 * The segments of a path pattern: literal ones as they read decoded, `:name` for any one segment, `*name` at the end for
 * one or more.
 *
 * @throws TypeError when it does not begin with a slash, a name is missing or taken twice, or `*name` is not the last.
 */
export function parseRoutePattern(pattern: string): PatternSegment[] {
  if (!pattern.startsWith("/")) throw new TypeError(`the path "${pattern}" does not begin with a slash`);
  if (pattern === "/") return [];
  const segments = pattern.slice(1).split("/").map(parseSegment);
  const names = segments.flatMap((segment) => (segment.type === "literal" ? [] : [segment.name]));
  if (names.includes("")) throw new TypeError(`a parameter of "${pattern}" has no name`);
  if (new Set(names).size < names.length) throw new TypeError(`a parameter name of "${pattern}" is taken twice`);
  const rest = segments.findIndex(({ type }) => type === "rest");
  if (rest >= 0 && rest < segments.length - 1) throw new TypeError(`"${pattern}" goes on after *`);
  return segments;
}

function parseSegment(text: string): PatternSegment {
  if (text.startsWith(":")) return { type: "parameter", name: text.slice(1) };
  if (text.startsWith("*")) return { type: "rest", name: text.slice(1) };
  return { type: "literal", text };
}
