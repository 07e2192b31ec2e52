import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import type { Address } from "../endpoint/endpoint.js";
import { clockNow } from "./clock.js";
import type { AcceptedConnection, ConnectionDriver, ConnectionOptions } from "./connection-driver.js";
import type { ConnectionTransport, Listener } from "./transport.js";
import { driveWebSocket, webSocketPath, webSocketSubprotocol } from "./websocket.js";

/** How WebSockets are accepted. */
export interface WebSocketAcceptOptions extends ConnectionOptions {
  /** Whether the HTTP server speaks TLS, for the scheme. Default false. */
  readonly isSecure?: boolean;
  /** Connections at a time. Default 16,384. */
  readonly maxConnections?: number;
}

/** Takes WebSocket upgrades of an HTTP server that somebody else runs. */
export interface WebSocketDoor {
  /** The connections that are open. */
  readonly connections: ReadonlySet<ConnectionTransport>;
  /**
   * For the server's `upgrade` event, when the path is {@link webSocketPath}. A client that does not offer the
   * subprotocol `coap` is refused.
   * One that comes when as many are open as may be gets 503.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accepted?: AcceptedConnection): void;
  /** Closes all connections; idempotent. */
  close(): Promise<void>;
}

/** Where to listen for WebSockets, with an HTTP server of its own. */
export interface WebSocketListenOptions extends WebSocketAcceptOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
}

const MAX_CONNECTIONS = 16_384;
/** Most bytes of a frame, when `maxMessageBytes` does not say. */
const MAX_FRAME_BYTES = 2 ** 20;

/** A door for the HTTP server of a hub. */
export function openWebSocketDoor(options: WebSocketAcceptOptions = {}): WebSocketDoor {
  const connections = new Set<ConnectionDriver>();
  let isClosed = false;
  const server = new (loadWebSocketServer())({
    noServer: true,
    clientTracking: false,
    maxPayload: options.maxMessageBytes ?? MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(webSocketSubprotocol) ? webSocketSubprotocol : false),
  });
  const accept = (socket: WebSocket, request: IncomingMessage, accepted: AcceptedConnection): void => {
    const { remoteAddress, remotePort } = request.socket;
    const { remote = { address: remoteAddress ?? "", port: remotePort ?? 0 }, context } = accepted;
    const driver = driveWebSocket(socket, options.isSecure ? "coaps+ws" : "coap+ws", remote, options, context);
    connections.add(driver);
    void driver.closed.then(() => connections.delete(driver));
  };
  return {
    connections,
    handleUpgrade(request, socket, head, accepted = {}) {
      if (isClosed) {
        socket.destroy();
        return;
      }
      if (connections.size >= (options.maxConnections ?? MAX_CONNECTIONS)) {
        refuseUpgrade(socket, "503 Service Unavailable");
        return;
      }
      const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
      if (!offered.includes(webSocketSubprotocol)) {
        refuseUpgrade(socket, "400 Bad Request");
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, request, accepted));
    },
    close: async () => {
      isClosed = true;
      await Promise.all([...connections].map((connection) => connection.close()));
    },
  };
}

/**
 * Listens for CoAP over WebSocket on a port of its own.
 *
 * @throws the system's error when the address cannot be bound.
 */
export async function listenWebSocket(options: WebSocketListenOptions = {}): Promise<Listener> {
  const door = openWebSocketDoor(options);
  // An import statement would load all that node:http offers, a fetch client among it: fourteen megabytes.
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url === webSocketPath) door.handleUpgrade(request, socket, head);
    else refuseUpgrade(socket, "404 Not Found");
  });
  server.listen(options.port ?? 0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  return {
    scheme: options.isSecure ? "coaps+ws" : "coap+ws",
    address: addressOf(server),
    connections: door.connections,
    now: clockNow,
    close: async () => {
      const closed = server.listening ? once(server, "close") : undefined;
      server.close();
      await door.close();
      await closed;
    },
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  // With the upgrade the HTTP server let go of the socket: an error that nobody hears would end the process.
  socket.on("error", () => socket.destroy());
  // The client may leave its side open.
  socket.on("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

/** Loaded with the first WebSocket, at once: it takes twelve megabytes that most servers have no use for. */
function loadWebSocketServer(): typeof WebSocketServer {
  const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  const ws: { readonly WebSocketServer: typeof WebSocketServer } = require("ws");
  return ws.WebSocketServer;
}

function addressOf(server: Server): Address {
  const address = server.address();
  return typeof address === "object" && address !== null ? address : { address: "", port: 0 };
}
