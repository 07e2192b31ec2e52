import type { CoapScheme, CoapUri } from "../codec/uri.js";
import type { Address } from "../endpoint/endpoint.js";
import type { ConnectionOptions } from "../transport/connection-driver.js";
import type { Transport } from "../transport/transport.js";

/** The way to a server: a transport, and the address to give to its endpoint. */
export interface Route {
  readonly transport: Transport;
  readonly address: Address;
}

/** Finds the way to servers; what it opened it keeps for the next request, until it is closed. */
export interface Connector {
  /**
   * The way to the host of `uri`.
   *
   * @throws UnsupportedSchemeError when the platform has no such transport, or the system's error when the host has no
   * address or does not take the connection.
   */
  connect(uri: Pick<CoapUri, "scheme" | "host" | "port">): Promise<Route>;
  /** Closes all that it opened; idempotent. */
  close(): Promise<void>;
}

/** What a connector passes on to the transports that it opens. */
export interface ConnectorOptions extends ConnectionOptions {
  /** Most bytes of a block of a body, over datagrams: 16, 32 ... 1024. Default 1024. */
  readonly blockSizeBytes?: number;
}

/** There is no transport for this scheme: browsers have WebSocket alone, and DTLS nobody here. */
export class UnsupportedSchemeError extends Error {
  override readonly name = "UnsupportedSchemeError";
  readonly scheme: CoapScheme;

  constructor(scheme: CoapScheme) {
    super(`there is no transport for ${scheme} here`);
    this.scheme = scheme;
  }
}

/** A connector that has one transport, which is not its own: it goes on when the connector is closed. */
export function connectorOf(transport: Transport): Connector {
  return {
    connect: async ({ host, port }) => ({ transport, address: { address: host, port } }),
    close: async () => {},
  };
}
