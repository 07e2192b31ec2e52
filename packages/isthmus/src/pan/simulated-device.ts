import {
  type CoapResponse,
  CoapClient,
  connectorOf,
  type CoapServer,
  createServer,
  type Resource,
} from "@isthmus/coap";
import { CoapNode, type CoapNodeOptions } from "@isthmus/hub/pan";
import type { SeededRandom } from "@isthmus/machine";
import type { NodePlan } from "./house-plan.js";

/** Seconds for which a device registers; it renews when half of them are over. */
const LIFETIME_S = 600;
const RETRY_MS = 20_000;

/** What a device needs of whoever drives it, in its network's time. */
export interface DeviceHost {
  /** Runs `action` with the node, and looks at its deadlines afterwards. */
  act(action: (node: CoapNode, now: number) => void): void;
  /** Calls back after so many milliseconds. */
  after(milliseconds: number, action: () => void): void;
  /** Milliseconds since the beginning. */
  now(): number;
}

/** What a device tells of itself. */
export interface DeviceListener {
  handleRegistered(name: string, location: string): void;
  handleRegistrationFailed(name: string, reason: string): void;
}

/** A constrained device: thermometer, lamp or door contact, which registers with the hub's resource directory. */
export class SimulatedDevice {
  readonly name: string;
  readonly server: CoapServer;
  readonly #plan: NodePlan;
  readonly #random: SeededRandom;
  readonly #reportEveryMs: number;
  readonly #listener: DeviceListener;
  #host: DeviceHost | undefined;
  #client: CoapClient | undefined;
  #node: CoapNode | undefined;
  #hub: string | undefined;
  #location: string | undefined;
  #isLightOn = false;
  #isDoorOpen = false;
  readonly #resourceByPath = new Map<string, Resource>();

  constructor(plan: NodePlan, random: SeededRandom, reportEveryMs: number, listener: DeviceListener) {
    this.name = plan.name;
    this.#plan = plan;
    this.#random = random;
    this.#reportEveryMs = reportEveryMs;
    this.#listener = listener;
    this.server = createServer({ now: () => this.#node?.transport.now() ?? 0 });
    for (const kind of plan.resources) this.#addResource(kind);
  }

  /** Makes the device's node. */
  build(options: Omit<CoapNodeOptions, "coap">): CoapNode {
    this.#node = new CoapNode({ ...options, coap: { handler: this.server, blockSizeBytes: 64 } });
    this.#client = new CoapClient({ connector: connectorOf(this.#node.transport) });
    return this.#node;
  }

  /** The node has an address: the device registers with the directory at `hub`, and begins to measure. */
  start(host: DeviceHost, hub: string): void {
    const isNew = this.#hub === undefined;
    this.#host = host;
    this.#hub = hub;
    if (!isNew) return;
    void this.#register();
    if (this.#plan.resources.includes("temperature")) this.#schedule(() => this.#tell("/temperature"));
    if (this.#plan.resources.includes("door")) this.#schedule(() => this.#moveDoor());
  }

  #addResource(kind: NodePlan["resources"][number]): void {
    const add = (path: string, definition: Parameters<CoapServer["resource"]>[1]): void => {
      this.#resourceByPath.set(path, this.server.resource(path, { isObservable: true, maxAge: 3 * (this.#reportEveryMs / 1000), ...definition })); // prettier-ignore
    };
    switch (kind) {
      case "temperature":
        add("/temperature", { get: () => this.#celsius().toFixed(1), attributes: { rt: "temperature-c" } });
        break;
      case "light":
        add("/light", {
          get: () => (this.#isLightOn ? "on" : "off"),
          put: (request) => {
            this.#isLightOn = request.text() === "on";
            this.#tell("/light");
          },
          attributes: { rt: "light", if: "core.a" },
        });
        break;
      case "door":
        add("/door", { get: () => (this.#isDoorOpen ? "open" : "closed"), attributes: { rt: "door", if: "core.s" } });
        break;
    }
  }

  /** A day's course, and some noise of the sensor. */
  #celsius(): number {
    const hours = (this.#host?.now() ?? 0) / 3_600_000;
    return 20 + 2 * Math.sin((2 * Math.PI * hours) / 24) + (this.#random.nextFloat() - 0.5) / 2;
  }

  #moveDoor(): void {
    if (this.#random.nextFloat() > 0.2) return;
    this.#isDoorOpen = !this.#isDoorOpen;
    this.#tell("/door");
  }

  /** Does something again and again, not all devices at the same time. */
  #schedule(action: () => void): void {
    const next = (delayMs: number): void =>
      this.#host?.after(delayMs, () => {
        action();
        next(this.#reportEveryMs);
      });
    next(this.#random.nextFloat() * this.#reportEveryMs);
  }

  #tell(path: string): void {
    this.#host?.act((node, now) => {
      node.tick(now);
      this.#resourceByPath.get(path)?.notify();
    });
  }

  async #register(): Promise<void> {
    try {
      const response = await this.#ask();
      if (response.ok) {
        const isNew = this.#location === undefined;
        this.#location ??= response.location;
        if (isNew) this.#listener.handleRegistered(this.name, this.#location ?? "");
        this.#host?.after((LIFETIME_S / 2) * 1000, () => void this.#register());
        return;
      }
      // The hub has forgotten it: from the beginning.
      this.#location = undefined;
      this.#listener.handleRegistrationFailed(this.name, response.toString());
    } catch (error) {
      this.#listener.handleRegistrationFailed(this.name, error instanceof Error ? error.message : String(error));
    }
    this.#host?.after(RETRY_MS, () => void this.#register());
  }

  #ask(): Promise<CoapResponse> {
    this.#host?.act((node, now) => node.tick(now));
    if (this.#client === undefined) throw new Error("the device has no node yet");
    if (this.#location !== undefined) return this.#client.request(this.#hub + this.#location, { method: "POST" });
    const links = [...this.#resourceByPath.values()].map(({ path }) => `<${path}>;obs`).join(",");
    const uri = `${this.#hub}/rd?ep=${this.name}&lt=${LIFETIME_S}`;
    return this.#client.request(uri, { method: "POST", body: links, contentFormat: 40 });
  }
}
