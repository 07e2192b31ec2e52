import type { UriPath } from "../endpoint/uri-path.js";
import { parseRoutePattern, type PatternSegment } from "./route-pattern.js";

/** What a path leads to, and what its pattern captured. */
export interface RouteMatch<T> {
  readonly target: T;
  readonly parameters: Readonly<Record<string, string | readonly string[]>>;
}

interface Leaf<T> {
  readonly target: T;
  /** Names of what was captured on the way, in order. */
  readonly names: readonly string[];
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  parameter: Node<T> | undefined;
  rest: Leaf<T> | undefined;
  leaf: Leaf<T> | undefined;
}

/** Paths whose match is remembered. */
const CACHE_PLACES = 4_096;
/** Longer paths are not remembered: many of them, which anybody can ask for, would take gigabytes. */
const MAX_CACHED_CHARACTERS = 256;

/**
 * Path patterns and where they lead. Literal segments win over parameters, those over the rest of a path.
 *
 * A path that was looked up before costs one look into a map, unless it is a long one.
 */
export class Router<T> {
  readonly #root: Node<T> = emptyNode();
  /** Null: it leads nowhere. */
  readonly #matchByPath = new Map<string, RouteMatch<T> | null>();

  /** Where `pattern` itself leads, whatever its parameters are called. */
  find(pattern: string): T | undefined {
    const { node, rest } = this.#walk(parseRoutePattern(pattern));
    return (rest === undefined ? node.leaf : node.rest)?.target;
  }

  /** @throws TypeError when the pattern is malformed, or leads somewhere already. */
  add(pattern: string, target: T): void {
    const segments = parseRoutePattern(pattern);
    if (this.find(pattern) !== undefined) throw new TypeError(`the path "${pattern}" is taken`);
    const names = segments.flatMap((segment) => (segment.type === "literal" ? [] : [segment.name]));
    const { node, rest } = this.#walk(segments);
    if (rest === undefined) node.leaf = { target, names };
    else node.rest = { target, names };
    this.#matchByPath.clear();
  }

  /** Forgets `pattern`; nothing happens when it is unknown. */
  remove(pattern: string): void {
    const { node, rest } = this.#walk(parseRoutePattern(pattern));
    if (rest === undefined) node.leaf = undefined;
    else node.rest = undefined;
    this.#matchByPath.clear();
  }

  match(path: UriPath): RouteMatch<T> | undefined {
    const known = this.#matchByPath.get(path.text);
    if (known !== undefined) return known ?? undefined;
    const match = matchFrom(this.#root, path.segments, 0, []);
    if (path.text.length > MAX_CACHED_CHARACTERS) return match;
    // Starting anew now and then is as good as an order of use, and costs nothing per request.
    if (this.#matchByPath.size >= CACHE_PLACES) this.#matchByPath.clear();
    this.#matchByPath.set(path.text, match ?? null);
    return match;
  }

  /** The node that `segments` lead to, made where it is missing; `rest` is the last segment when it is one. */
  #walk(segments: readonly PatternSegment[]): { node: Node<T>; rest: PatternSegment | undefined } {
    let node = this.#root;
    for (const segment of segments) {
      if (segment.type === "rest") return { node, rest: segment };
      node = segment.type === "parameter" ? (node.parameter ??= emptyNode()) : literalChild(node, segment.text);
    }
    return { node, rest: undefined };
  }
}

function matchFrom<T>(
  node: Node<T>,
  segments: readonly string[],
  index: number,
  captured: readonly (string | readonly string[])[],
): RouteMatch<T> | undefined {
  const segment = segments[index];
  if (segment === undefined) return node.leaf && matchOf(node.leaf, captured);
  const literal = node.literals.get(segment);
  const byLiteral = literal && matchFrom(literal, segments, index + 1, captured);
  if (byLiteral !== undefined) return byLiteral;
  const byParameter = node.parameter && matchFrom(node.parameter, segments, index + 1, [...captured, segment]);
  if (byParameter !== undefined) return byParameter;
  return node.rest && matchOf(node.rest, [...captured, segments.slice(index)]);
}

function matchOf<T>({ target, names }: Leaf<T>, captured: readonly (string | readonly string[])[]): RouteMatch<T> {
  // There are as many names as captures: both count the capturing segments of one pattern.
  return { target, parameters: Object.fromEntries(names.map((name, index) => [name, captured[index] ?? ""])) };
}

function literalChild<T>(node: Node<T>, text: string): Node<T> {
  const known = node.literals.get(text);
  if (known !== undefined) return known;
  const child = emptyNode<T>();
  node.literals.set(text, child);
  return child;
}

function emptyNode<T>(): Node<T> {
  return { literals: new Map(), parameter: undefined, rest: undefined, leaf: undefined };
}
