import { type CoapNode, PAN_DEFAULTS, parseEndpoint } from "@isthmus/hub/pan";
import { SeededRandom } from "@isthmus/machine";
import { addressOnPrefix, formatAddress, parseLinkAddress } from "@isthmus/lowpan";
import { NodeDriver, REAL_TIME_OPTIONS, ZepLink } from "@isthmus/lowpan/links-node";
import type { HousePlan, NodePlan } from "./house-plan.js";
import { SimulatedDevice } from "./simulated-device.js";
import { type HouseListener, linkAddressOf } from "./simulated-house.js";

/** The nodes of a house, each with a link of its own to a dispatcher: a border router elsewhere serves them. */
export class ZepNodes {
  readonly #drivers: NodeDriver<CoapNode>[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #startedAt = performance.now();

  private constructor() {}

  /** @param remote the dispatcher, as `[::1]:17754`. @throws RangeError when that is no address and port. */
  static async start(plan: HousePlan, remote: string, listener: HouseListener): Promise<ZepNodes> {
    const nodes = new ZepNodes();
    const endpoint = parseEndpoint(remote);
    for (const [index, node] of plan.nodes.entries()) {
      const address = linkAddressOf(index + 1);
      const link = await ZepLink.open({ remote: endpoint, hello: address });
      nodes.#add(link, address, node, new SeededRandom(plan.seed * 10_007 + index + 1), plan, listener);
    }
    return nodes;
  }

  /** Milliseconds since they were switched on. */
  get now(): number {
    return performance.now() - this.#startedAt;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#drivers.map((driver) => driver.close()));
  }

  #add(
    link: ZepLink,
    address: Uint8Array,
    plan: NodePlan,
    random: SeededRandom,
    house: HousePlan,
    listener: HouseListener,
  ): void {
    const device = new SimulatedDevice(plan, random, house.report_every_s * 1000, listener);
    const options = { ...REAL_TIME_OPTIONS, random, address, role: plan.role, panId: PAN_DEFAULTS.panId };
    const driver = new NodeDriver(link, (radio) => device.build({ ...options, radio }));
    this.#drivers.push(driver);
    const { machine } = driver;
    machine.onWake = () => queueMicrotask(() => driver.act(() => undefined));
    machine.onEvent = (event) => {
      if (event.type !== "address" || !event.isUsable) return;
      const hub = addressOnPrefix(event.address.subarray(0, 8), parseLinkAddress(PAN_DEFAULTS.address));
      listener.handleJoined(plan.name, formatAddress(event.address), 1, "border router");
      const host = {
        act: (action: (node: CoapNode, now: number) => void) => driver.act(action),
        after: (milliseconds: number, action: () => void) => this.#after(milliseconds, action),
        now: () => this.now,
      };
      // The event is told from within the node: it is asked for something in a turn of its own.
      queueMicrotask(() => device.start(host, `coap://[${formatAddress(hub)}]`));
    };
    driver.act((node, now) => node.start(now));
  }

  #after(milliseconds: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
