import { connectWebSocket } from "../transport/websocket.js";
import { ConnectionPool } from "./connection-pool.js";
import { type Connector, type ConnectorOptions, UnsupportedSchemeError } from "./connector.js";

/** The connector of a web page: WebSocket alone. */
export function createConnector(options: ConnectorOptions = {}): Connector {
  return new ConnectionPool(({ scheme, host, port }) => {
    if (scheme !== "coap+ws" && scheme !== "coaps+ws") throw new UnsupportedSchemeError(scheme);
    return connectWebSocket({ ...options, host, port, isSecure: scheme === "coaps+ws" });
  });
}
