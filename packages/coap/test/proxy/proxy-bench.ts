import { SeededRandom } from "@isthmus/machine";
import { type CoapResponse, CoapClient, connectorOf } from "../../src/client/index.js";
import type { RequestOptions } from "../../src/client/index.js";
import type { DatagramEndpointOptions } from "../../src/endpoint/endpoint-options.js";
import type { RequestHandler } from "../../src/endpoint/index.js";
import { coapUpstream, Relay, type RelayOptions } from "../../src/proxy/index.js";
import { type CoapServer, createServer } from "../../src/server/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import type { Transport } from "../../src/transport/transport.js";

export const ORIGIN = "192.0.2.1";
export const PROXY = "192.0.2.2";

/** A server, a proxy before it, and clients, on a network in memory. */
export class ProxyBench {
  readonly network = new MemoryNetwork(() => 1, 1_000_000);
  readonly origin: CoapServer = createServer({ now: () => this.network.now });
  readonly relay: Relay;
  readonly #proxy: Transport;
  #clients = 0;

  /** @param proxyOf the handler of the proxy's endpoint, made of the relay. */
  constructor(proxyOf: (relay: Relay) => RequestHandler, options: Partial<RelayOptions> = {}) {
    this.#transport(ORIGIN, 5683, { handler: this.origin });
    const handler: RequestHandler = { handleRequest: (now, request) => front.handleRequest(now, request) };
    this.#proxy = this.#transport(PROXY, 5683, { handler, supportsProxying: true });
    this.relay = new Relay({ upstreams: [coapUpstream(connectorOf(this.#proxy))], ...options });
    const front = proxyOf(this.relay);
  }

  /** A client on an address of its own. */
  client(): CoapClient {
    const transport = this.#transport("192.0.2.100", 40_000 + this.#clients++, {});
    return new CoapClient({ connector: connectorOf(transport) });
  }

  /** Asks the proxy for `uri`. */
  async ask(uri: string, options: RequestOptions = {}, client = this.client()): Promise<CoapResponse> {
    return this.settle(client.request(uri, { proxy: `coap://${PROXY}`, ...options }));
  }

  /** Lets a second of the network pass until `promise` is settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const settled = promise.finally(() => {
      state.isSettled = true;
    });
    settled.catch(() => {});
    for (let turn = 0; turn < 1_000 && !state.isSettled; turn++) await this.pass(10);
    return settled;
  }

  /** Lets promises come to rest and `milliseconds` of the network pass. */
  async pass(milliseconds = 100): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.network.runFor(milliseconds / 5);
    }
  }

  #transport(address: string, port: number, options: Partial<DatagramEndpointOptions>): Transport {
    const endpoint = this.network.bind(
      { address, port },
      { random: new SeededRandom(port), amplification: { isTrusted: () => true }, ...options },
    );
    return { scheme: "coap", endpoint, now: () => this.network.now, close: async () => {} };
  }
}
