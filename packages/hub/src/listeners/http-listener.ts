import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Transport } from "@isthmus/mqtt";
import { WebSocketTransport } from "@isthmus/mqtt/transport-node";
import type { WebSocketServer } from "ws";
import { findMount, type HttpHandler, type HttpMount } from "./http-mount.js";
import { type Peer, peerOf } from "./peer.js";
import { openStreamListener, type StreamListener, type StreamListenerOptions } from "./stream-listener.js";
import { isOriginAllowed } from "./web-origin.js";

export interface HttpListenerOptions extends StreamListenerOptions {
  /** See {@link HttpEntrance}. */
  readonly name: string;
  /** The largest WebSocket message taken, in bytes. */
  readonly maximumMessageSize: number;
  /** Origins of web pages that may connect, beside pages of this host and of this machine. */
  readonly allowedOrigins: readonly string[];
  /** The text of the start page. */
  readonly describe: () => string;
  /** Whether the hub is ready to serve. */
  readonly isReady: () => boolean;
  /** What is served beside MQTT over WebSocket. */
  readonly mounts: readonly HttpMount[];
}

type ConnectionHandler = (transport: Transport, peer: Peer) => void;

/** The sub-protocol of MQTT over WebSocket [MQTT-6.0.0-3], and the name that it had in MQTT 3.1. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
const WEB_SOCKET_PATH = "/mqtt";

/** Listens for HTTP: MQTT over WebSocket at `/mqtt` (section 6), `/livez`, `/readyz` and a start page. */
export async function openHttpListener(
  options: HttpListenerOptions,
  handleConnection: ConnectionHandler,
): Promise<StreamListener> {
  // What speaks HTTP is loaded with the first connection: many hubs never see one, and it takes four megabytes.
  let http: Server | undefined;
  const listener = await openStreamListener(options, (socket) => {
    http ??= createHttpServer(options, handleConnection);
    http.emit("connection", socket);
  });
  return {
    ...listener,
    close: async () => {
      const closed = listener.close();
      http?.closeAllConnections();
      http?.close();
      await closed;
    },
  };
}

function createHttpServer(options: HttpListenerOptions, handleConnection: ConnectionHandler): Server {
  // An import statement would also load all that node:http offers by name, a fetch client and WebSockets of its own
  // among it: fourteen megabytes that a hub has no use for.
  const http = process.getBuiltinModule("node:http");
  const handlerByMount = new Map<HttpMount, Promise<HttpHandler | undefined>>();
  const server = http.createServer((request, response) => {
    const pathname = pathOf(request);
    const mount = findMount(options.mounts, pathname);
    if (mount === undefined || mount.wants?.(pathname, request) === false) {
      answer(options, request, response);
      return;
    }
    const loading = handlerByMount.get(mount) ?? mount.load();
    handlerByMount.set(mount, loading);
    loading.then(
      (handle) => (handle === undefined ? answer(options, request, response) : handle(request, response, options)),
      (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
    );
  });
  // It gets its connections from the listener; only one that listens keeps track of them, for time limits and the end.
  server.emit("listening");
  // Loaded with the first WebSocket.
  let loading: Promise<WebSocketServer> | undefined;
  server.on("upgrade", (request, socket, head) => {
    // The server has let go of the socket. Until somebody else takes it, perhaps after modules were loaded, the client may
    // reset it, and an error that nobody hears would end the process.
    socket.on("error", () => socket.destroy());
    const mount = findMount(options.mounts, pathOf(request));
    const problem = checkUpgrade(options, request, mount);
    if (problem !== undefined) {
      options.handleRefusal(peerOf(request.socket).address, problem.label, problem.reason);
      refuseUpgrade(socket, problem);
      return;
    }
    if (mount?.loadUpgrade !== undefined) {
      mount.loadUpgrade().then(
        (handle) => handle(request, socket, head, options),
        () => socket.destroy(),
      );
      return;
    }
    loading ??= createWebSocketServer(options.maximumMessageSize);
    upgrade(loading, request, socket, head, handleConnection).catch(() => socket.destroy());
  });
  return server;
}

async function upgrade(
  loading: Promise<WebSocketServer>,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  handleConnection: ConnectionHandler,
): Promise<void> {
  const webSockets = await loading;
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    const peer = peerOf(request.socket);
    handleConnection(new WebSocketTransport(webSocket, peer.address), peer);
  });
}

async function createWebSocketServer(maxPayload: number): Promise<WebSocketServer> {
  const ws = await import("ws");
  return new ws.WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
}

interface Problem {
  /** As metrics name it. */
  readonly label: string;
  readonly status: string;
  readonly reason: string;
}

function checkUpgrade(
  options: HttpListenerOptions,
  request: IncomingMessage,
  mount: HttpMount | undefined,
): Problem | undefined {
  const pathname = pathOf(request);
  if (pathname !== WEB_SOCKET_PATH && mount?.loadUpgrade === undefined) {
    const reason = `no WebSocket at ${pathname}: MQTT is at ${WEB_SOCKET_PATH}`;
    return { label: "wrong-path", status: "404 Not Found", reason };
  }
  const { origin } = request.headers;
  if (origin !== undefined && !isOriginAllowed(options, request, origin)) {
    return { label: "origin-not-allowed", status: "403 Forbidden", reason: `web pages of ${origin} may not connect` };
  }
  return undefined;
}

function refuseUpgrade(socket: Duplex, { status, reason }: Problem): void {
  // The client may leave its side open.
  socket.on("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  );
}

function answer(options: HttpListenerOptions, request: IncomingMessage, response: ServerResponse): void {
  const pathname = pathOf(request);
  if (request.method !== "GET" && request.method !== "HEAD") {
    reply(response, 405, `${request.method} is not allowed here\n`);
    return;
  }
  switch (pathname) {
    case "/":
      reply(response, 200, options.describe());
      return;
    case "/livez":
      reply(response, 200, "ok\n");
      return;
    case "/readyz":
      if (options.isReady()) reply(response, 200, "ready\n");
      else reply(response, 503, "not ready\n");
      return;
    case WEB_SOCKET_PATH:
      response.setHeader("Upgrade", "websocket");
      reply(response, 426, "MQTT over WebSocket: connect with ws:// and the sub-protocol mqtt\n");
      return;
    default:
      reply(response, 404, `nothing at ${pathname}\n`);
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

/** The path of a request, in origin form or in absolute form (RFC 9112 3.2); empty when it has none. */
function pathOf({ url = "/" }: IncomingMessage): string {
  if (!url.startsWith("/")) return URL.canParse(url) ? new URL(url).pathname : "";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}
