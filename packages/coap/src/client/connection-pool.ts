import type { CoapUri } from "../codec/uri.js";
import type { ConnectionTransport } from "../transport/transport.js";
import type { Route } from "./connector.js";

/** Opens the connection for a URI. */
export type OpenConnection = (uri: Pick<CoapUri, "scheme" | "host" | "port">) => Promise<ConnectionTransport>;

/** Connections by scheme, host and port: one each, opened when it is first asked for and again after it broke. */
export class ConnectionPool {
  readonly #open: OpenConnection;
  readonly #connectionByOrigin = new Map<string, Promise<ConnectionTransport>>();

  constructor(open: OpenConnection) {
    this.#open = open;
  }

  async connect(uri: Pick<CoapUri, "scheme" | "host" | "port">): Promise<Route> {
    const origin = `${uri.scheme} ${uri.host} ${uri.port}`;
    let connection = this.#connectionByOrigin.get(origin);
    if (connection === undefined) {
      connection = this.#open(uri);
      this.#connectionByOrigin.set(origin, connection);
      const forget = (): void => {
        this.#connectionByOrigin.delete(origin);
      };
      connection.then(({ closed }) => closed.then(forget), forget);
    }
    const transport = await connection;
    return { transport, address: transport.remote };
  }

  async close(): Promise<void> {
    const connections = await Promise.allSettled(this.#connectionByOrigin.values());
    await Promise.all(connections.flatMap((result) => (result.status === "fulfilled" ? [result.value.close()] : [])));
  }
}
