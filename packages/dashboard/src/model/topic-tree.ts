import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt";

/** A line of the tree: a level, with or without a topic of its own. */
export interface TreeRow {
  /** The levels down to here, `house/kitchen`. */
  readonly path: string;
  /** The last level; of a run of levels without branches all, `house/kitchen`. */
  readonly label: string;
  /** From 0. */
  readonly depth: number;
  /** Whether messages come to `path` itself. */
  readonly isTopic: boolean;
  /** Topics below. */
  readonly topicsBelow: number;
  readonly isExpanded: boolean;
}

interface Node {
  readonly children: Map<string, Node>;
  isTopic: boolean;
  topicsBelow: number;
}

/**
 * The lines of the tree of `topics`, sorted, without what is below collapsed levels. Levels that lead only to one other
 * are joined in one line.
 */
export function treeRows(topics: Iterable<string>, collapsedPaths: ReadonlySet<string>): TreeRow[] {
  const root: Node = { children: new Map(), isTopic: false, topicsBelow: 0 };
  for (const topic of topics) addTopic(root, topic);
  const rows: TreeRow[] = [];
  addRows(rows, root, "", 0, collapsedPaths);
  return rows;
}

/** Whether a topic is wanted by what was typed: a part of its name, or a topic filter if there is a wildcard in it. */
export function compileQuery(query: string): (topic: string) => boolean {
  const text = query.trim();
  if (text === "") return () => true;
  if (/[+#]/.test(text)) {
    try {
      const filter = parseTopicFilter(text);
      return (topic) => topicMatches(filter, parseTopicName(topic));
    } catch {
      // Not one yet, while it is being typed.
    }
  }
  const part = text.toLowerCase();
  return (topic) => topic.toLowerCase().includes(part);
}

function addTopic(root: Node, topic: string): void {
  let node = root;
  for (const level of topic.split("/")) {
    node.topicsBelow++;
    let child = node.children.get(level);
    if (child === undefined) {
      child = { children: new Map(), isTopic: false, topicsBelow: 0 };
      node.children.set(level, child);
    }
    node = child;
  }
  node.isTopic = true;
}

/** Not as deep as the topic: recursion ends where levels do, of which a topic has 65,536 at the most. */
function addRows(
  rows: TreeRow[],
  parent: Node,
  prefix: string,
  depth: number,
  collapsedPaths: ReadonlySet<string>,
): void {
  for (const [level, child] of sorted(parent.children)) {
    const [label, node] = joined(level, child);
    const path = prefix + label;
    const isExpanded = !collapsedPaths.has(path);
    rows.push({ path, label, depth, isTopic: node.isTopic, topicsBelow: node.topicsBelow, isExpanded });
    if (isExpanded) addRows(rows, node, `${path}/`, depth + 1, collapsedPaths);
  }
}

/** Goes down as long as there is but one way. */
function joined(level: string, node: Node): [label: string, node: Node] {
  const levels = [level];
  while (!node.isTopic && node.children.size === 1) {
    for (const [next, child] of node.children) {
      levels.push(next);
      node = child;
    }
  }
  return [levels.join("/"), node];
}

function sorted(children: Map<string, Node>): [string, Node][] {
  return [...children].sort(([a], [b]) => COLLATOR.compare(a, b));
}

/** `sensor2` before `sensor10`. */
const COLLATOR = new Intl.Collator("en", { numeric: true });
