import { type Address, DatagramEndpoint, type DatagramEndpointOptions } from "@isthmus/coap";
import type { Transport } from "@isthmus/coap/transport-node";
import type { Instant } from "@isthmus/machine";
import {
  formatAddress,
  isMulticast,
  LowpanNode,
  type LowpanNodeOptions,
  type NodeEvent,
  type NodeMachine,
  parseAddress,
} from "@isthmus/lowpan";

const COAP_PORT = 5683;

/** What a {@link CoapNode} is made of. */
export interface CoapNodeOptions extends LowpanNodeOptions {
  /** Its server, and how it speaks CoAP. */
  readonly coap: Omit<DatagramEndpointOptions, "random">;
}

/**
 * A constrained node with CoAP on port 5683: a machine without I/O, for a simulation or a link in real time.
 *
 * Requests of its own go by {@link transport}, from wherever: {@link onWake} then tells whoever drives the node.
 */
export class CoapNode implements NodeMachine {
  readonly node: LowpanNode;
  readonly transport: Transport;
  /** Called with what the node tells besides datagrams. */
  onEvent: ((event: NodeEvent) => void) | undefined;
  /** Called when something was sent or is due that the node was not asked for by its driver. */
  onWake: (() => void) | undefined;
  readonly #endpoint: DatagramEndpoint;
  #now: Instant = 0;
  /** Whether the driver is at work with the node, and looks at its deadline by itself. */
  #isDriven = false;

  constructor(options: CoapNodeOptions) {
    this.node = new LowpanNode(options);
    this.node.bind(COAP_PORT);
    this.#endpoint = new DatagramEndpoint(
      { ...options.coap, random: options.random },
      { transmit: (bytes, to) => this.#transmit(bytes, to), wake: () => this.#wake() },
    );
    this.transport = {
      scheme: "coap",
      endpoint: this.#endpoint,
      now: () => this.#now,
      close: async () => this.#endpoint.close(this.#now),
    };
  }

  start(now: Instant): void {
    this.#drive(now, () => this.node.start(now));
  }

  receive(now: Instant, psdu: Uint8Array, rssDbm: number): void {
    this.#drive(now, () => this.node.receive(now, psdu, rssDbm));
  }

  nextDeadline(): Instant {
    return Math.min(this.node.nextDeadline(), this.#endpoint.nextDeadline());
  }

  handleTimeout(now: Instant): void {
    this.#drive(now, () => {
      if (this.node.nextDeadline() <= now) this.node.handleTimeout(now);
      if (this.#endpoint.nextDeadline() <= now) this.#endpoint.handleTimeout(now);
    });
  }

  /** Lets the node know how late it is, before something is asked of {@link transport}. */
  tick(now: Instant): void {
    this.#drive(now, () => undefined);
  }

  #drive(now: Instant, run: () => void): void {
    this.#now = Math.max(this.#now, now);
    this.#isDriven = true;
    run();
    for (let events = this.node.takeEvents(); events.length > 0; events = this.node.takeEvents()) {
      for (const event of events) this.#handleEvent(event);
    }
    this.#isDriven = false;
  }

  #handleEvent(event: NodeEvent): void {
    if (event.type !== "datagram") {
      this.onEvent?.(event);
      return;
    }
    const { source, sourcePort, destination, payload } = event;
    const from = { address: formatAddress(source), port: sourcePort };
    this.#endpoint.receive(this.#now, payload, from, isMulticast(destination));
  }

  #transmit(payload: Uint8Array, { address, port }: Address): void {
    const destination = parseAddress(address.split("%")[0] ?? "");
    this.node.sendUdp(this.#now, { sourcePort: COAP_PORT, destination, destinationPort: port, payload });
    this.#wake();
  }

  #wake(): void {
    if (!this.#isDriven) this.onWake?.();
  }
}
