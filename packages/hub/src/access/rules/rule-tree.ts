import { normalizeFilter } from "./access-rule.js";

/** What `%u` and `%c` stand for; undefined where they match nothing. */
export interface RuleSubject {
  readonly user: string | undefined;
  readonly clientId: string | undefined;
}

/**
 * The filters of some rules, each with a mask of bits, as a tree by levels: looking up a topic costs its levels, however
 * many rules there are.
 */
export class RuleTree {
  readonly #root = new RuleNode();

  /** Adds `mask` to what `filter` has. */
  add(filter: string, mask: number): void {
    let node = this.#root;
    const levels = filter.split("/");
    levels.forEach((level, depth) => {
      // What begins with "$" is not below a wildcard on the first level.
      if (depth > 0 || !level.startsWith("$")) node.below |= mask;
      node = node.child(level) ?? node.addChild(level);
    });
    node.below |= mask;
    node.own |= mask;
  }

  /** The masks of all filters that match the topic. */
  ofTopic(levels: readonly string[], subject: RuleSubject): number {
    return match(this.#root, levels, 0, subject);
  }

  /** The masks of all filters that match all that `filter` matches, each by itself. */
  covering(filter: string, subject: RuleSubject): number {
    return cover(this.#root, normalizeFilter(filter).split("/"), 0, subject);
  }

  /** The masks of all filters that match something that `filter` matches. */
  overlapping(filter: string, subject: RuleSubject): number {
    return overlap(this.#root, normalizeFilter(filter).split("/"), 0, subject);
  }
}

class RuleNode {
  /** The mask of the filter that ends here. */
  own = 0;
  /** The masks of all filters that end here or below, but for those of `$` topics at the root. */
  below = 0;
  plus: RuleNode | undefined;
  hash: RuleNode | undefined;
  user: RuleNode | undefined;
  clientId: RuleNode | undefined;
  readonly literals = new Map<string, RuleNode>();

  child(level: string): RuleNode | undefined {
    switch (level) {
      case "+":
        return this.plus;
      case "#":
        return this.hash;
      case "%u":
        return this.user;
      case "%c":
        return this.clientId;
      default:
        return this.literals.get(level);
    }
  }

  addChild(level: string): RuleNode {
    const node = new RuleNode();
    switch (level) {
      case "+":
        return (this.plus = node);
      case "#":
        return (this.hash = node);
      case "%u":
        return (this.user = node);
      case "%c":
        return (this.clientId = node);
      default:
        this.literals.set(level, node);
        return node;
    }
  }
}

function match(node: RuleNode, levels: readonly string[], depth: number, subject: RuleSubject): number {
  const level = levels[depth];
  // [MQTT-4.7.2-1]
  const isOpen = isOpenToWildcards(levels, depth);
  let mask = isOpen && node.hash !== undefined ? node.hash.own : 0;
  if (level === undefined) return mask | node.own;
  const literal = node.literals.get(level);
  if (literal !== undefined) mask |= match(literal, levels, depth + 1, subject);
  if (!isOpen) return mask;
  if (node.plus !== undefined) mask |= match(node.plus, levels, depth + 1, subject);
  if (node.user !== undefined && level === subject.user) mask |= match(node.user, levels, depth + 1, subject);
  if (node.clientId !== undefined && level === subject.clientId)
    mask |= match(node.clientId, levels, depth + 1, subject);
  return mask;
}

function cover(node: RuleNode, filter: readonly string[], depth: number, subject: RuleSubject): number {
  const level = filter[depth];
  const isOpen = isOpenToWildcards(filter, depth);
  let mask = isOpen && node.hash !== undefined ? node.hash.own : 0;
  if (level === undefined) return mask | node.own;
  if (level === "#") return mask;
  if (isOpen && node.plus !== undefined) mask |= cover(node.plus, filter, depth + 1, subject);
  if (level === "+") return mask;
  for (const child of namedChildren(node, level, isOpen, subject)) mask |= cover(child, filter, depth + 1, subject);
  return mask;
}

function overlap(node: RuleNode, filter: readonly string[], depth: number, subject: RuleSubject): number {
  const level = filter[depth];
  const isOpen = isOpenToWildcards(filter, depth);
  let mask = isOpen && node.hash !== undefined ? node.hash.own : 0;
  if (level === undefined) return mask | node.own;
  if (level === "#") return mask | node.below;
  if (isOpen && node.plus !== undefined) mask |= overlap(node.plus, filter, depth + 1, subject);
  const children = level === "+" ? allChildren(node, depth) : namedChildren(node, level, isOpen, subject);
  for (const child of children) mask |= overlap(child, filter, depth + 1, subject);
  return mask;
}

/** A wildcard on the first level, or a name put in for one, does not match what begins with "$". */
function isOpenToWildcards(levels: readonly string[], depth: number): boolean {
  return depth > 0 || levels[0]?.startsWith("$") !== true;
}

function* namedChildren(node: RuleNode, level: string, isOpen: boolean, subject: RuleSubject): Generator<RuleNode> {
  const literal = node.literals.get(level);
  if (literal !== undefined) yield literal;
  if (!isOpen) return;
  if (node.user !== undefined && level === subject.user) yield node.user;
  if (node.clientId !== undefined && level === subject.clientId) yield node.clientId;
}

/** The children with a level that "+" can stand for, but the one for "+" itself. */
function* allChildren(node: RuleNode, depth: number): Generator<RuleNode> {
  for (const [level, child] of node.literals) if (depth > 0 || !level.startsWith("$")) yield child;
  if (node.user !== undefined) yield node.user;
  if (node.clientId !== undefined) yield node.clientId;
}
