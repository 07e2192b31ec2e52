import type { Address } from "../endpoint/endpoint.js";
import { ConnectionDriver, type ConnectionOptions, type ConnectionSocket } from "./connection-driver.js";
import type { ConnectionTransport } from "./transport.js";

/** RFC 8323 4.1: the subprotocol of CoAP over WebSocket. */
export const webSocketSubprotocol = "coap";
/** RFC 8323 8.3: where an HTTP server offers it. */
export const webSocketPath = "/.well-known/coap";

/** What is used of a WebSocket: that of browsers and of Node has it, and that of the `ws` package. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/** Where to connect to over WebSocket. */
export interface WebSocketConnectOptions extends ConnectionOptions {
  readonly host: string;
  /** Default 80, or 443 when secure (RFC 8323 8.3, 8.4). */
  readonly port?: number;
  /** Whether over TLS. Default false. */
  readonly isSecure?: boolean;
  /** Wait for the connection and the peer's first message, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Makes the socket. Default: the platform's WebSocket. */
  readonly open?: (url: string, subprotocol: string) => WebSocketLike;
}

/**
 * Connects to a CoAP server over WebSocket, from a browser or from Node; settles when the server has said what it takes.
 *
 * @throws Error when there is no connection, or it closes before that.
 */
export async function connectWebSocket(options: WebSocketConnectOptions): Promise<ConnectionTransport> {
  const { host, isSecure = false, open = openPlatformSocket } = options;
  const port = options.port ?? (isSecure ? 443 : 80);
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const socket = open(`${isSecure ? "wss" : "ws"}://${authority}${webSocketPath}`, webSocketSubprotocol);
  const timeout = setTimeout(() => socket.close(), options.connectTimeoutMs ?? 10_000);
  try {
    await waitForOpen(socket, authority);
    const driver = driveWebSocket(socket, isSecure ? "coaps+ws" : "coap+ws", { address: host, port }, options);
    await driver.opened;
    return driver;
  } finally {
    clearTimeout(timeout);
  }
}

/** Runs an endpoint on a WebSocket that is open. */
export function driveWebSocket(
  socket: WebSocketLike,
  scheme: "coap+ws" | "coaps+ws",
  remote: Address,
  options: ConnectionOptions,
  context?: unknown,
): ConnectionDriver {
  socket.binaryType = "arraybuffer";
  const needs: ConnectionSocket = {
    // Messages are made by the codec, in buffers of their own.
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    bufferedBytes: () => socket.bufferedAmount,
    close: () => socket.close(1000),
    destroy: () => socket.close(),
  };
  const driver = new ConnectionDriver(scheme, remote, "frame", options, needs, context);
  socket.addEventListener("message", ({ data }) => {
    // RFC 8323 4.2: messages are binary frames; an empty frame is what the framing makes of anything else.
    driver.handleBytes(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
  });
  socket.addEventListener("close", () => driver.handleClosed());
  socket.addEventListener("error", () => driver.handleClosed());
  return driver;
}

async function waitForOpen(socket: WebSocketLike, authority: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (): void => reject(new Error(`no CoAP over WebSocket at ${authority}`));
  socket.addEventListener("open", resolve);
  socket.addEventListener("error", fail);
  socket.addEventListener("close", fail);
  await promise;
}

function openPlatformSocket(url: string, subprotocol: string): WebSocketLike {
  return new WebSocket(url, subprotocol);
}
