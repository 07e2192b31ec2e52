import { SeededRandom } from "@isthmus/machine";
import {
  type ObservedTransmission,
  type Position,
  type Propagation,
  type SimulatedNode,
  Simulation,
  unitDisk,
} from "../src/medium/index.js";
import { LowpanNode, type LowpanNodeOptions, type NodeEvent, type NodeRole } from "../src/stack/index.js";
import { formatAddress, type Ipv6Address, type LinkAddress, parseAddress } from "../src/wire/index.js";

export const PREFIX = parseAddress("2001:db8:1::");

/** The extended address of node `index`: 02:00:00:00:00:00:xx:xx. Its address under the prefix ends in the index. */
export function addressOf(index: number): LinkAddress {
  return Uint8Array.of(2, 0, 0, 0, 0, 0, index >>> 8, index);
}

export interface NetworkOptions {
  readonly seed: number;
  /** Default: a unit disk of 10 m. */
  readonly propagation?: Propagation;
  readonly loss?: number;
  readonly observer?: (transmission: ObservedTransmission) => void;
}

/** An event of one node, at a time in milliseconds. */
export type At<T> = T & { readonly node: number; readonly at: number };

/** Nodes over a simulated medium, with all that they tell. */
export class Network {
  readonly simulation: Simulation;
  readonly nodes: SimulatedNode<LowpanNode>[] = [];
  readonly events: At<NodeEvent>[] = [];
  readonly #seed: number;

  constructor(options: NetworkOptions) {
    this.#seed = options.seed;
    this.simulation = new Simulation({
      seed: options.seed,
      propagation: options.propagation ?? unitDisk({ rangeMetres: 10, loss: options.loss ?? 0 }),
      ...(options.observer === undefined ? {} : { observer: options.observer }),
    });
  }

  /** Puts a node in its place and starts it. */
  add(role: NodeRole, position: Position, options: Partial<LowpanNodeOptions> = {}): number {
    const index = this.nodes.length;
    const node = this.simulation.add({
      position,
      build: (radio) =>
        new LowpanNode({
          radio,
          random: new SeededRandom(this.#seed * 10_007 + index),
          address: addressOf(index),
          role,
          ...(role === "border-router" ? { borderRouter: { prefix: PREFIX } } : {}),
          ...options,
        }),
    });
    this.nodes.push(node);
    node.act((machine, now) => machine.start(now));
    return index;
  }

  node(index: number): SimulatedNode<LowpanNode> {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`there is no node ${index}`);
    return node;
  }

  machine(index: number): LowpanNode {
    return this.node(index).machine;
  }

  /** The global address of a node. */
  global(index: number): Ipv6Address {
    const [address] = this.machine(index).addresses;
    if (address === undefined) throw new RangeError(`node ${index} has no global address`);
    return address;
  }

  /** Runs for so many milliseconds, gathering events as they come. */
  run(milliseconds: number): void {
    const until = this.simulation.now + milliseconds;
    // In steps of a millisecond or more: finer than that, the times of events need not be.
    while (this.simulation.now < until) {
      this.simulation.runUntil(Math.min(until, Math.max(this.simulation.nextDeadline(), this.simulation.now + 1)));
      this.collect();
    }
  }

  collect(): void {
    for (const [node, { machine }] of this.nodes.entries()) {
      for (const event of machine.takeEvents()) this.events.push({ ...event, node, at: this.simulation.now });
    }
  }

  /** The events of one type, and of one node if you like. */
  eventsOf<T extends NodeEvent["type"]>(type: T, node?: number): At<NodeEvent & { type: T }>[] {
    return this.events.filter(
      (event): event is At<NodeEvent & { type: T }> =>
        event.type === type && (node === undefined || event.node === node),
    );
  }

  /** Runs until all nodes have a global address and a way up, or as long as that. @throws Error when it takes longer. */
  runUntilJoined(limitMs = 120_000): void {
    const until = this.simulation.now + limitMs;
    const isJoined = ({ machine }: SimulatedNode<LowpanNode>, index: number): boolean =>
      machine.addresses.length > 0 && (index === 0 || machine.parent !== undefined);
    while (!this.nodes.every((node, index) => isJoined(node, index))) {
      if (this.simulation.now >= until) {
        const missing = this.nodes.flatMap((node, index) => (isJoined(node, index) ? [] : [index]));
        throw new Error(`nodes ${missing.join()} have not joined after ${limitMs} ms (seed ${this.#seed})`);
      }
      this.run(1_000);
    }
    // And until the border router has heard of everyone.
    this.run(10_000);
  }

  /** Pings from one node to another; whether the reply came within 5 s. */
  ping(from: number, to: Ipv6Address, length = 8): boolean {
    const replies = this.eventsOf("echo-reply", from).length;
    this.node(from).act((machine, now) => machine.sendEcho(now, to, 1, replies, new Uint8Array(length)));
    this.run(5_000);
    return this.eventsOf("echo-reply", from).length > replies;
  }

  /** Has a node fall silent for good, as if its battery were empty. */
  silence(index: number): void {
    const { machine } = this.node(index);
    machine.receive = () => undefined;
    machine.handleTimeout = () => undefined;
    machine.nextDeadline = () => Number.POSITIVE_INFINITY;
  }

  text(address: Ipv6Address | undefined): string {
    return address === undefined ? "none" : formatAddress(address);
  }
}
