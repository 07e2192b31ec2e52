import type { OpenPan } from "@isthmus/hub/pan";
import { PAN_DEFAULTS } from "@isthmus/hub/pan";
import { type Instant, SeededRandom } from "@isthmus/machine";
import {
  addressOnPrefix,
  formatAddress,
  type LowpanNode,
  logDistance,
  type NodeMachine,
  type ObservedTransmission,
  type Position,
  parseLinkAddress,
  RADIO_CURRENTS,
  type SimulatedNode,
  Simulation,
  unitDisk,
} from "@isthmus/lowpan";
import type { CoapNode } from "@isthmus/hub/pan";
import type { HousePlan, NodePlan } from "./house-plan.js";
import { type DeviceListener, SimulatedDevice } from "./simulated-device.js";

/** Network time between two looks at the world outside. */
const SLICE_MS = 5;
/** How often the pace is set, in our time. */
const PACE_MS = 5;

/** What the house tells. */
export interface HouseListener extends DeviceListener {
  handleJoined(name: string, address: string, hops: number, parent: string): void;
}

/** A node of the house, for reports. */
export interface HouseNode {
  readonly name: string;
  readonly role: string;
  readonly node: LowpanNode;
  readonly simulated: Pick<SimulatedNode<NodeMachine>, "energy">;
  readonly plan: NodePlan | undefined;
}

/** A house of constrained nodes over a simulated radio, with a place for the hub's border router in it. */
export class SimulatedHouse {
  readonly simulation: Simulation;
  readonly nodes: HouseNode[] = [];
  readonly #plan: HousePlan;
  readonly #listener: HouseListener;
  readonly #nameByAddress = new Map<string, string>();
  #border: { readonly simulated: SimulatedNode<BorderMachine>; activity: () => void } | undefined;

  /** @param observer is told of each frame on the air. */
  constructor(plan: HousePlan, listener: HouseListener, observer?: (transmission: ObservedTransmission) => void) {
    this.#plan = plan;
    this.#listener = listener;
    const { range, loss, path_loss_exponent: pathLossExponent } = plan.radio;
    const propagation =
      range === undefined
        ? logDistance(pathLossExponent === undefined ? {} : { pathLossExponent })
        : unitDisk({ rangeMetres: range, loss });
    this.simulation = new Simulation({ seed: plan.seed, propagation, ...(observer && { observer }) });
  }

  /** For the hub: puts its border router into the house. */
  get openPan(): OpenPan {
    return async (build) => {
      const simulated = this.simulation.add({
        position: toPosition(this.#plan.border_router.at),
        currents: RADIO_CURRENTS[this.#plan.radio.module],
        build: (radio) => new BorderMachine(build(radio, {}), () => this.#border?.activity()),
      });
      const { node } = simulated.machine;
      this.#border = { simulated, activity: () => driver.onActivity?.(node) };
      this.nodes.push({ name: "border router", role: "root", node, simulated, plan: undefined });
      const driver = {
        machine: node,
        onActivity: undefined as ((machine: LowpanNode) => void) | undefined,
        act: <R>(action: (machine: LowpanNode, now: number) => R): R =>
          simulated.act(({ node: machine }, now) => action(machine, now)),
        close: async () => undefined,
      };
      return driver;
    };
  }

  /** Puts all nodes in their places and lets them look for the network. */
  start(): void {
    for (const [index, plan] of this.#plan.nodes.entries()) this.#addNode(plan, index + 1);
  }

  /**
   * Lets the network's time go `speed` times as fast as ours until `untilMs`, or until the signal aborts.
   *
   * @param handlePace called now and then.
   */
  async run(speed: number, untilMs: number, signal: AbortSignal, handlePace: () => void): Promise<void> {
    const startedAt = performance.now();
    const from = this.simulation.now;
    while (!signal.aborted && this.simulation.now < untilMs) {
      const target = Math.min(untilMs, from + (performance.now() - startedAt) * speed);
      while (this.simulation.now < target && !signal.aborted) {
        this.simulation.runUntil(Math.min(target, this.simulation.now + SLICE_MS));
        // What the hub and the devices do in promises has its turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
      handlePace();
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  }

  #addNode(plan: NodePlan, index: number): void {
    const random = new SeededRandom(this.#plan.seed * 10_007 + index);
    const device = new SimulatedDevice(plan, random, this.#plan.report_every_s * 1000, this.#listener);
    const address = linkAddressOf(index);
    const simulated = this.simulation.add<CoapNode>({
      position: toPosition(plan.at),
      currents: RADIO_CURRENTS[this.#plan.radio.module],
      build: (radio) => device.build({ radio, random, address, role: plan.role, panId: PAN_DEFAULTS.panId }),
    });
    const { machine } = simulated;
    this.nodes.push({ name: plan.name, role: plan.role, node: machine.node, simulated, plan });
    this.#nameByAddress.set(formatAddress(machine.node.linkLocal), plan.name);
    machine.onWake = () => queueMicrotask(() => simulated.act(() => undefined));
    machine.onEvent = (event) => {
      if (event.type === "address" && event.isUsable) this.#handleJoined(plan, device, simulated, event.address);
    };
    // They are switched on one after the other.
    this.simulation.at(this.simulation.now + index * 200, () => simulated.act((node, now) => node.start(now)));
  }

  #handleJoined(
    plan: NodePlan,
    device: SimulatedDevice,
    simulated: SimulatedNode<CoapNode>,
    address: Uint8Array,
  ): void {
    const { node } = simulated.machine;
    const parent = node.parent === undefined ? "?" : formatAddress(node.parent);
    this.#listener.handleJoined(plan.name, formatAddress(address), this.hopsOf(node), this.#nameByAddress.get(parent) ?? "border router"); // prettier-ignore
    const host = {
      act: (action: (machine: CoapNode, now: number) => void) => simulated.act(action),
      after: (milliseconds: number, action: () => void) =>
        this.simulation.at(this.simulation.now + milliseconds, action),
      now: () => this.simulation.now,
    };
    const hub = addressOnPrefix(address.subarray(0, 8), parseLinkAddress(PAN_DEFAULTS.address));
    // The event is told from within the node: it is asked for something in a turn of its own.
    queueMicrotask(() => device.start(host, `coap://[${formatAddress(hub)}]`));
  }

  /** Hops from the border router, by the parents that nodes have now. */
  hopsOf(node: LowpanNode): number {
    let hops = 1;
    let at: LowpanNode | undefined = node;
    while (at?.parent !== undefined && hops <= this.nodes.length) {
      const parent = this.#nameByAddress.get(formatAddress(at.parent));
      if (parent === undefined) return hops;
      at = this.nodes.find(({ name }) => name === parent)?.node;
      hops++;
    }
    return hops;
  }

  /** The name of the node that this one's way up goes by. */
  parentOf({ parent }: LowpanNode): string {
    return parent === undefined ? "" : (this.#nameByAddress.get(formatAddress(parent)) ?? "border router");
  }
}

/** The border router's node, whose owner is told when something has happened to it. */
class BorderMachine implements NodeMachine {
  readonly node: LowpanNode;
  readonly #handleActivity: () => void;

  constructor(node: LowpanNode, handleActivity: () => void) {
    this.node = node;
    this.#handleActivity = handleActivity;
  }

  receive(now: Instant, psdu: Uint8Array, rssDbm: number): void {
    this.node.receive(now, psdu, rssDbm);
    this.#handleActivity();
  }

  nextDeadline(): Instant {
    return this.node.nextDeadline();
  }

  handleTimeout(now: Instant): void {
    this.node.handleTimeout(now);
    this.#handleActivity();
  }
}

/** The extended address of the node of this number: 02:00:00:00:00:00:xx:xx. */
export function linkAddressOf(index: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, 0, index >>> 8, index & 0xff);
}

function toPosition([x = 0, y = 0, z = 0]: readonly number[]): Position {
  return { x, y, z };
}
