import { lookup } from "node:dns/promises";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { isIpAddress } from "../codec/ip-address.js";
import type { CoapUri } from "../codec/uri.js";
import { connectTcp } from "../transport/tcp-node.js";
import type { ConnectionTransport, Transport } from "../transport/transport.js";
import { bindUdp, type UdpOptions } from "../transport/udp-node.js";
import { connectWebSocket } from "../transport/websocket.js";
import { ConnectionPool } from "./connection-pool.js";
import { type Connector, type ConnectorOptions, type Route, UnsupportedSchemeError } from "./connector.js";

/** What a connector for Node can be told. */
export interface NodeConnectorOptions extends ConnectorOptions {
  /** Options for the UDP sockets, as `parameters` or a `host` to send from. */
  readonly udp?: UdpOptions;
  /** Options for `tls.connect`, as `ca` or a client certificate. */
  readonly tls?: TlsOptions;
}

/** The connector of Node: UDP, TCP, TLS and WebSocket. */
export function createConnector(options: NodeConnectorOptions = {}): Connector {
  return new NodeConnector(options);
}

class NodeConnector implements Connector {
  readonly #options: NodeConnectorOptions;
  readonly #connections: ConnectionPool;
  /** The UDP sockets, by address family. */
  readonly #socketByFamily = new Map<4 | 6, Promise<Transport>>();

  constructor(options: NodeConnectorOptions) {
    this.#options = options;
    this.#connections = new ConnectionPool((uri) => this.#open(uri));
  }

  async connect(uri: Pick<CoapUri, "scheme" | "host" | "port">): Promise<Route> {
    // DTLS is not offered: Node has none, and what there is of it for Node is not kept.
    if (uri.scheme === "coaps") throw new UnsupportedSchemeError(uri.scheme);
    if (uri.scheme !== "coap") return this.#connections.connect(uri);
    const address = await resolve(uri.host);
    const transport = await this.#udp(address.includes(":") ? 6 : 4);
    return { transport, address: { address, port: uri.port } };
  }

  async close(): Promise<void> {
    const sockets = await Promise.allSettled(this.#socketByFamily.values());
    await Promise.all(sockets.flatMap((result) => (result.status === "fulfilled" ? [result.value.close()] : [])));
    await this.#connections.close();
  }

  #udp(family: 4 | 6): Promise<Transport> {
    const known = this.#socketByFamily.get(family);
    if (known !== undefined) return known;
    const { udp, tls: _tls, ...shared } = this.#options;
    const socket = bindUdp({
      host: family === 4 ? "0.0.0.0" : "::",
      isIpv6Only: family === 6,
      ...shared,
      ...udp,
    });
    this.#socketByFamily.set(family, socket);
    // Without that family there is no socket now; there may be one later.
    socket.catch(() => this.#socketByFamily.delete(family));
    return socket;
  }

  async #open({ scheme, host, port }: Pick<CoapUri, "scheme" | "host" | "port">): Promise<ConnectionTransport> {
    const { udp: _udp, tls, ...options } = this.#options;
    if (scheme === "coap+ws" || scheme === "coaps+ws") {
      return connectWebSocket({ ...options, host, port, isSecure: scheme === "coaps+ws" });
    }
    return connectTcp({ ...options, host, port, ...(scheme === "coaps+tcp" && { tls: tls ?? {} }) });
  }
}

async function resolve(host: string): Promise<string> {
  if (isIpAddress(host)) return host;
  // IPv4 first where both are there: constrained networks' names are looked up over it more often than not.
  const { address } = await lookup(host, { order: "ipv4first" });
  return address;
}
