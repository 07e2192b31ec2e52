import { type Delivery, mergeSubscriptions, type Route, SharedGroup } from "./route.js";
import type { Receiver, Subscription } from "./subscription.js";

/**
 * All subscriptions, found by topic.
 *
 * Filters without wildcards sit in a hash map by their whole text; those with wildcards in a tree by levels. So
 * subscribing, unsubscribing and matching cost the levels of one topic, however many subscriptions there are.
 */
export class SubscriptionIndex {
  readonly #exact = new Map<string, Interest>();
  readonly #root = new FilterNode();
  #version = 1;
  #size = 0;
  #sharedSize = 0;

  /** Changes with each subscription: a route compiled under another version is stale. */
  get version(): number {
    return this.#version;
  }

  /** Makes all routes that were compiled so far stale. */
  renewVersion(): void {
    this.#version++;
  }

  /** Number of subscriptions. */
  get size(): number {
    return this.#size;
  }

  /** How many of them are shared subscriptions. */
  get sharedSize(): number {
    return this.#sharedSize;
  }

  /**
   * Adds a subscription, or replaces the receiver's earlier one on the same filter and share name.
   *
   * @returns true when it is new.
   */
  add(subscription: Subscription): boolean {
    const isNew = this.#interestFor(subscription.filter).add(subscription);
    this.#version++;
    if (isNew) this.#size++;
    if (isNew && subscription.shareName !== undefined) this.#sharedSize++;
    return isNew;
  }

  /** @returns false when there was no such subscription. */
  remove(receiver: Receiver, filter: string, shareName?: string): boolean {
    const isRemoved = hasWildcard(filter)
      ? removeBelow(this.#root, filter.split("/"), 0, receiver, shareName)
      : this.#removeExact(filter, receiver, shareName);
    if (!isRemoved) return false;
    this.#version++;
    this.#size--;
    if (shareName !== undefined) this.#sharedSize--;
    return true;
  }

  /** The route of `topic` as of now. */
  compile(topic: string): Route {
    const match = new Match();
    match.take(this.#exact.get(topic));
    collect(this.#root, topic.split("/"), 0, topic.startsWith("$"), match);
    return match.toRoute(topic, this.#version);
  }

  #interestFor(filter: string): Interest {
    if (hasWildcard(filter)) return nodeFor(this.#root, filter);
    let interest = this.#exact.get(filter);
    if (interest === undefined) {
      interest = new Interest();
      this.#exact.set(filter, interest);
    }
    return interest;
  }

  #removeExact(filter: string, receiver: Receiver, shareName: string | undefined): boolean {
    const interest = this.#exact.get(filter);
    if (interest === undefined || !interest.remove(receiver, shareName)) return false;
    if (interest.isEmpty) this.#exact.delete(filter);
    return true;
  }
}

/** Who is interested in one filter. One receiver is the common case and takes no map. */
class Interest {
  #first: Subscription | undefined;
  #byReceiver: Map<Receiver, Subscription> | undefined;
  #groupByName: Map<string, SharedGroup> | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined && this.#byReceiver === undefined && this.#groupByName === undefined;
  }

  add(subscription: Subscription): boolean {
    if (subscription.shareName !== undefined)
      return this.#groupFor(subscription.shareName, subscription).add(subscription);
    if (this.#byReceiver !== undefined) {
      const isNew = !this.#byReceiver.has(subscription.receiver);
      this.#byReceiver.set(subscription.receiver, subscription);
      return isNew;
    }
    const first = this.#first;
    if (first === undefined || first.receiver === subscription.receiver) {
      this.#first = subscription;
      return first === undefined;
    }
    this.#byReceiver = new Map([
      [first.receiver, first],
      [subscription.receiver, subscription],
    ]);
    this.#first = undefined;
    return true;
  }

  remove(receiver: Receiver, shareName: string | undefined): boolean {
    if (shareName !== undefined) return this.#removeShared(receiver, shareName);
    if (this.#first?.receiver === receiver) {
      this.#first = undefined;
      return true;
    }
    if (this.#byReceiver === undefined || !this.#byReceiver.delete(receiver)) return false;
    if (this.#byReceiver.size === 0) this.#byReceiver = undefined;
    return true;
  }

  takeInto(match: Match): void {
    if (this.#first !== undefined) match.subscriptions.push(this.#first);
    if (this.#byReceiver !== undefined) for (const each of this.#byReceiver.values()) match.subscriptions.push(each);
    if (this.#groupByName !== undefined) for (const each of this.#groupByName.values()) match.shared.push(each);
  }

  #groupFor(name: string, { filter }: Subscription): SharedGroup {
    this.#groupByName ??= new Map();
    let group = this.#groupByName.get(name);
    if (group === undefined) {
      group = new SharedGroup(name, filter);
      this.#groupByName.set(name, group);
    }
    return group;
  }

  #removeShared(receiver: Receiver, shareName: string): boolean {
    const group = this.#groupByName?.get(shareName);
    if (group === undefined || !group.remove(receiver)) return false;
    if (group.size === 0) this.#groupByName?.delete(shareName);
    if (this.#groupByName?.size === 0) this.#groupByName = undefined;
    return true;
  }
}

/** One level of a filter with wildcards; its own {@link Interest} is in the filter that ends here. */
class FilterNode extends Interest {
  /** The one child with a literal level, kept without a map while it is alone. */
  onlyLevel: string | undefined;
  onlyChild: FilterNode | undefined;
  childByLevel: Map<string, FilterNode> | undefined;
  /** The child for `+`. */
  plus: FilterNode | undefined;
  /** The filters that end with `#` after this level. */
  hash: FilterNode | undefined;

  child(level: string): FilterNode | undefined {
    if (level === "+") return this.plus;
    if (level === "#") return this.hash;
    return this.literal(level);
  }

  literal(level: string): FilterNode | undefined {
    return this.onlyLevel === level ? this.onlyChild : this.childByLevel?.get(level);
  }

  addChild(level: string): FilterNode {
    const node = new FilterNode();
    if (level === "+") this.plus = node;
    else if (level === "#") this.hash = node;
    else if (this.childByLevel !== undefined) this.childByLevel.set(level, node);
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
    if (level === "+") this.plus = undefined;
    else if (level === "#") this.hash = undefined;
    else if (this.onlyLevel === level) this.onlyLevel = this.onlyChild = undefined;
    else if (this.childByLevel?.delete(level) && this.childByLevel.size === 0) this.childByLevel = undefined;
  }

  get isLeaf(): boolean {
    return (
      this.plus === undefined &&
      this.hash === undefined &&
      this.onlyChild === undefined &&
      this.childByLevel === undefined &&
      this.isEmpty
    );
  }
}

/** What matched one topic so far. */
class Match {
  readonly subscriptions: Subscription[] = [];
  readonly shared: SharedGroup[] = [];

  take(interest: Interest | undefined): void {
    interest?.takeInto(this);
  }

  toRoute(topic: string, version: number): Route {
    const allowed = this.subscriptions.filter(({ receiver }) => receiver.mayReceive?.(topic) !== false);
    return { version, deliveries: mergeByReceiver(allowed), shared: this.shared };
  }
}

function mergeByReceiver(subscriptions: readonly Subscription[]): Delivery[] {
  if (subscriptions.length === 1) return [mergeSubscriptions(subscriptions)];
  const byReceiver = new Map<Receiver, Subscription[]>();
  for (const subscription of subscriptions) {
    const own = byReceiver.get(subscription.receiver);
    if (own === undefined) byReceiver.set(subscription.receiver, [subscription]);
    else own.push(subscription);
  }
  return Array.from(byReceiver.values(), mergeSubscriptions);
}

function collect(node: FilterNode, levels: readonly string[], depth: number, isReserved: boolean, match: Match): void {
  // A wildcard on the first level does not match a topic that begins with "$". [MQTT-4.7.2-1]
  const isWildcardAllowed = depth > 0 || !isReserved;
  // "#" also stands for the level above it: "sport/#" matches "sport".
  if (isWildcardAllowed) match.take(node.hash);
  const level = levels[depth];
  if (level === undefined) {
    match.take(node);
    return;
  }
  const literal = node.literal(level);
  if (literal !== undefined) collect(literal, levels, depth + 1, isReserved, match);
  if (isWildcardAllowed && node.plus !== undefined) collect(node.plus, levels, depth + 1, isReserved, match);
}

function nodeFor(root: FilterNode, filter: string): FilterNode {
  let node = root;
  for (const level of filter.split("/")) node = node.child(level) ?? node.addChild(level);
  return node;
}

/** Removes the subscription and, on the way back, the nodes that nobody needs any more. */
function removeBelow(
  node: FilterNode,
  levels: readonly string[],
  depth: number,
  receiver: Receiver,
  shareName: string | undefined,
): boolean {
  const level = levels[depth];
  if (level === undefined) return node.remove(receiver, shareName);
  const child = node.child(level);
  if (child === undefined || !removeBelow(child, levels, depth + 1, receiver, shareName)) return false;
  if (child.isLeaf) node.removeChild(level);
  return true;
}

function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}
