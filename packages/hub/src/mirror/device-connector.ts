import { isIP } from "node:net";
import type { Connector, Route } from "@isthmus/coap";
import { createConnector, type UdpTransport } from "@isthmus/coap/transport-node";
import type { CoapRoute } from "../doors/coap/coap-door.js";
import { isLoopback } from "../listeners/listener.js";

/**
 * The way to devices: from the port that they registered at, where that can reach them. A device behind a firewall or a
 * translator of addresses has opened the way for that one port alone.
 */
export class DeviceConnector implements Connector {
  readonly #own: UdpTransport | undefined;
  readonly #routes: readonly CoapRoute[];
  readonly #others = createConnector();

  /** @param routes ways to networks of their own, which are looked at first. */
  constructor(own: UdpTransport | undefined, routes: readonly CoapRoute[]) {
    this.#own = own;
    this.#routes = routes;
  }

  async connect(uri: Parameters<Connector["connect"]>[0]): Promise<Route> {
    const { scheme, host, port } = uri;
    const route = scheme === "coap" ? this.#routes.find(({ reaches }) => reaches(host)) : undefined;
    if (route !== undefined) return { transport: route.transport, address: { address: host, port } };
    if (scheme !== "coap" || this.#own === undefined || !canReach(this.#own.address.address, host)) {
      return this.#others.connect(uri);
    }
    return { transport: this.#own, address: { address: host, port } };
  }

  /** The hub's own port is the door's to close. */
  close(): Promise<void> {
    return this.#others.close();
  }
}

/** Whether a socket that is bound to `bound` can send to `host`. */
function canReach(bound: string, host: string): boolean {
  const [plain = host] = host.split("%");
  if (isIP(plain) === 0 || isIP(plain) !== isIP(bound)) return false;
  return !isLoopback(bound) || isLoopback(plain);
}
