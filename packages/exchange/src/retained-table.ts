import type { Message } from "./message.js";

/**
 * The last value of each topic that has one.
 *
 * A tree by levels, like the topics themselves, so that a filter costs what it matches and `house/#` does not look at
 * the rest of the world.
 */
export class RetainedTable {
  readonly #root = new TopicNode();
  /** Topics, the one that was set longest ago first; undefined unless somebody asks for that. */
  readonly #order: Set<string> | undefined;
  #size = 0;
  #sizeBytes = 0;

  /** @param isOrdered whether {@link oldest} is to be known, for some 40 bytes a message. */
  constructor(isOrdered = false) {
    this.#order = isOrdered ? new Set() : undefined;
  }

  /** The topic that was set longest ago; undefined when the table is empty or not ordered. */
  get oldest(): string | undefined {
    return this.#order?.values().next().value;
  }

  /** Number of retained messages. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of all retained messages, see {@link Message.sizeBytes}. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(topic: string): Message | undefined {
    let node: TopicNode | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.child(level);
      if (node === undefined) return undefined;
    }
    return node.message;
  }

  set(message: Message): void {
    let node = this.#root;
    for (const level of message.topic.split("/")) node = node.child(level) ?? node.addChild(level);
    if (node.message === undefined) this.#size++;
    else this.#sizeBytes -= node.message.sizeBytes;
    this.#sizeBytes += message.sizeBytes;
    node.message = message;
    this.#order?.delete(message.topic);
    this.#order?.add(message.topic);
  }

  /** Removes and returns the message of `topic`. */
  delete(topic: string): Message | undefined {
    const removed = removeBelow(this.#root, topic.split("/"), 0);
    if (removed === undefined) return undefined;
    this.#size--;
    this.#order?.delete(topic);
    this.#sizeBytes -= removed.sizeBytes;
    return removed;
  }

  /**
   * The messages whose topics match `filter`, found while they are asked for: what is set or deleted meanwhile may or
   * may not be among them. Now and then it is undefined, when many topics were looked at and none matched: whoever has
   * others to serve stops there for a while.
   */
  scan(filter: string): Generator<Message | undefined, void, undefined> {
    return walk(this.#root, filter.split("/"), 0, { left: TOPICS_BETWEEN_PAUSES });
  }
}

/** Nodes of the tree that are looked at in a row: some tens of microseconds. */
const TOPICS_BETWEEN_PAUSES = 256;

/** How many nodes may be looked at before the next pause. */
interface Steps {
  left: number;
}

class TopicNode {
  message: Message | undefined;
  /** The one child, kept without a map while it is alone. */
  onlyLevel: string | undefined;
  onlyChild: TopicNode | undefined;
  childByLevel: Map<string, TopicNode> | undefined;

  child(level: string): TopicNode | undefined {
    return this.onlyLevel === level ? this.onlyChild : this.childByLevel?.get(level);
  }

  addChild(level: string): TopicNode {
    const node = new TopicNode();
    if (this.childByLevel !== undefined) this.childByLevel.set(level, node);
    else if (this.onlyLevel === undefined || this.onlyChild === undefined)
      [this.onlyLevel, this.onlyChild] = [level, node];
    else {
      this.childByLevel = new Map([
        [this.onlyLevel, this.onlyChild],
        [level, node],
      ]);
      this.onlyLevel = this.onlyChild = undefined;
    }
    return node;
  }

  removeChild(level: string): void {
    if (this.onlyLevel === level) this.onlyLevel = this.onlyChild = undefined;
    else if (this.childByLevel?.delete(level) && this.childByLevel.size === 0) this.childByLevel = undefined;
  }

  get isEmpty(): boolean {
    return this.message === undefined && this.onlyChild === undefined && this.childByLevel === undefined;
  }

  *children(): Generator<[string, TopicNode], void, undefined> {
    if (this.onlyLevel !== undefined && this.onlyChild !== undefined) yield [this.onlyLevel, this.onlyChild];
    else if (this.childByLevel !== undefined) yield* this.childByLevel;
  }
}

type Scan = Generator<Message | undefined, void, undefined>;

function* walk(node: TopicNode, filter: readonly string[], depth: number, steps: Steps): Scan {
  const level = filter[depth];
  if (level === undefined) {
    if (node.message !== undefined) yield node.message;
  } else if (level === "#") {
    yield* walkAll(node, depth === 0, steps);
  } else if (level === "+") {
    for (const [name, child] of node.children()) {
      if (isPauseDue(steps)) yield undefined;
      if (!isHidden(name, depth)) yield* walk(child, filter, depth + 1, steps);
    }
  } else {
    const child = node.child(level);
    if (child !== undefined) yield* walk(child, filter, depth + 1, steps);
  }
}

function* walkAll(node: TopicNode, isRoot: boolean, steps: Steps): Scan {
  if (node.message !== undefined) yield node.message;
  for (const [name, child] of node.children()) {
    if (isPauseDue(steps)) yield undefined;
    if (!(isRoot && isHidden(name, 0))) yield* walkAll(child, false, steps);
  }
}

function isPauseDue(steps: Steps): boolean {
  if (--steps.left > 0) return false;
  steps.left = TOPICS_BETWEEN_PAUSES;
  return true;
}

/** A wildcard on the first level does not match a topic that begins with "$". [MQTT-4.7.2-1] */
function isHidden(level: string, depth: number): boolean {
  return depth === 0 && level.startsWith("$");
}

function removeBelow(node: TopicNode, levels: readonly string[], depth: number): Message | undefined {
  const level = levels[depth];
  if (level === undefined) {
    const { message } = node;
    node.message = undefined;
    return message;
  }
  const child = node.child(level);
  if (child === undefined) return undefined;
  const removed = removeBelow(child, levels, depth + 1);
  if (removed !== undefined && child.isEmpty) node.removeChild(level);
  return removed;
}
