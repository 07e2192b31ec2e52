import { once } from "node:events";
import { connect as connectPlain, createServer, type Server, type Socket } from "node:net";
import type { ConnectionOptions as TlsConnectOptions, TlsOptions } from "node:tls";
import type { Address } from "../endpoint/endpoint.js";
import { clockNow } from "./clock.js";
import {
  type AcceptedConnection,
  ConnectionDriver,
  type ConnectionOptions,
  type ConnectionSocket,
} from "./connection-driver.js";
import { plainBytes } from "./plain-bytes.js";
import type { ConnectionTransport, Listener } from "./transport.js";

/** Where to connect to over TCP, or TLS. */
export interface TcpConnectOptions extends ConnectionOptions {
  readonly host: string;
  /** Default 5683, or 5684 with TLS (RFC 8323 8.1, 8.2). */
  readonly port?: number;
  /** Options of `tls.connect`; without them the connection is plain TCP. */
  readonly tls?: TlsConnectOptions;
  /** Wait for the connection and the peer's first message, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
}

/** Where to listen for TCP, or TLS. */
export interface TcpListenOptions extends ConnectionOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Options of `tls.createServer`; without them connections are plain TCP. */
  readonly tls?: TlsOptions;
  /** Connections at a time; more are closed at once. Default 16,384. */
  readonly maxConnections?: number;
}

/** RFC 8323 8.2: the ALPN protocol of CoAP over TLS. */
const ALPN = "coap";
/** Beyond this much unsent, nothing more is read: the peer asks faster than it takes the answers. */
const PAUSE_BYTES = 1024 * 1024;

/**
 * Connects to a CoAP server over TCP or TLS; settles when the server has said what it takes.
 *
 * @throws the system's error when there is no connection, or an Error when it closes before that.
 */
export async function connectTcp(options: TcpConnectOptions): Promise<ConnectionTransport> {
  const { host, tls } = options;
  const signal = AbortSignal.timeout(options.connectTimeoutMs ?? 10_000);
  const port = options.port ?? (tls ? 5684 : 5683);
  const socket = tls
    ? tlsModule().connect({ host, port, servername: host, ALPNProtocols: [ALPN], ...tls })
    : connectPlain({ host, port });
  try {
    await once(socket, tls ? "secureConnect" : "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const driver = drive(socket, tls ? "coaps+tcp" : "coap+tcp", options);
  const cutOff = (): void => void socket.destroy();
  signal.addEventListener("abort", cutOff);
  await driver.opened;
  signal.removeEventListener("abort", cutOff);
  return driver;
}

/**
 * Listens for CoAP over TCP or TLS.
 *
 * @throws the system's error when the address cannot be bound.
 */
export async function listenTcp(options: TcpListenOptions = {}): Promise<Listener> {
  const connections = new Set<ConnectionDriver>();
  const scheme = options.tls ? "coaps+tcp" : "coap+tcp";
  let isClosed = false;
  const accept = (socket: Socket): void => {
    // A handshake that was under way at the end.
    if (isClosed) {
      socket.destroy();
      return;
    }
    const driver = drive(socket, scheme, options);
    connections.add(driver);
    void driver.closed.then(() => connections.delete(driver));
  };
  const server = options.tls
    ? tlsModule().createServer({ ALPNProtocols: [ALPN], ...options.tls }, accept)
    : createServer(accept);
  server.maxConnections = options.maxConnections ?? 16_384;
  server.listen(options.port ?? 0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  return {
    scheme,
    address: addressOf(server),
    connections,
    now: clockNow,
    close: async () => {
      isClosed = true;
      const closed = server.listening ? once(server, "close") : undefined;
      server.close();
      await Promise.all([...connections].map((connection) => connection.close()));
      await closed;
    },
  };
}

/**
 * Speaks CoAP on a connection that somebody else has accepted, TCP or TLS: for servers that look at connections before
 * they let them in.
 */
export function acceptStream(
  socket: Socket,
  options: ConnectionOptions = {},
  accepted: AcceptedConnection = {},
): ConnectionTransport {
  return drive(socket, "encrypted" in socket ? "coaps+tcp" : "coap+tcp", options, accepted);
}

/** Loaded where TLS is spoken: it takes four megabytes. */
function tlsModule() {
  return process.getBuiltinModule("node:tls");
}

function drive(
  socket: Socket,
  scheme: string,
  options: ConnectionOptions,
  { remote = addressOfPeer(socket), context }: AcceptedConnection = {},
): ConnectionDriver {
  socket.setNoDelay(true);
  const needs: ConnectionSocket = {
    send: (bytes) => socket.write(bytes),
    bufferedBytes: () => socket.writableLength,
    close: () => socket.end(),
    destroy: () => socket.destroy(),
  };
  const driver = new ConnectionDriver(scheme, remote, "stream", options, needs, context);
  let failure: Error | undefined;
  socket.on("data", (chunk: Buffer) => {
    // What the chunk brings about goes out in one write.
    socket.cork();
    driver.handleBytes(plainBytes(chunk));
    socket.uncork();
    if (socket.writableLength > PAUSE_BYTES) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  // The close event follows and tells the endpoint.
  socket.on("error", (error) => {
    failure = error;
    socket.destroy();
  });
  socket.on("close", () => driver.handleClosed(failure));
  // Over TLS the peer may be gone by the time that the handshake is told of: then nothing more is heard of it.
  if (socket.destroyed) driver.handleClosed();
  return driver;
}

function addressOfPeer({ remoteAddress, remotePort }: Socket): Address {
  return { address: remoteAddress ?? "", port: remotePort ?? 0 };
}

function addressOf(server: Server): Address {
  const address = server.address();
  return typeof address === "object" && address !== null ? address : { address: "", port: 0 };
}
