import { connect, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { NodeStreamTransport } from "../transport/node-stream-transport.js";
import type { Transport } from "../transport/transport.js";
import { WebSocketTransport } from "../transport/web-socket-transport.js";
import { type OpenTransport, webSocketProtocol } from "./open-transport.js";

/** What `connect` takes in Node besides the options that it takes everywhere. */
export interface NodeTransportOptions {
  /** TLS options for mqtts:// and wss://: `ca`, `cert`, `key`, `rejectUnauthorized`... */
  readonly tls?: ConnectionOptions | undefined;
  /** HTTP headers of the WebSocket handshake. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The address or host name to connect from; default: the system chooses. */
  readonly localAddress?: string | undefined;
}

/** Opens mqtt:// (TCP), mqtts:// (TLS), ws:// or wss://. What is not used is not loaded. */
export const openNodeTransport: OpenTransport<NodeTransportOptions> = async (url, options, signal) => {
  signal.throwIfAborted();
  switch (url.protocol) {
    case "mqtt:":
      return openTcp(url, options, signal);
    case "mqtts:":
      return openTls(url, options, signal);
    case "ws:":
    case "wss:":
      return openWebSocket(url, options, signal);
    default:
      throw new TypeError(`${url.protocol}// is not one of mqtt://, mqtts://, ws://, wss://`);
  }
};

function openTcp(url: URL, { localAddress }: NodeTransportOptions, signal: AbortSignal): Promise<Transport> {
  const socket = connect({ host: hostOf(url), port: portOf(url, 1883), ...(localAddress && { localAddress }) });
  return whenOpen(socket, "connect", signal);
}

async function openTls(url: URL, options: NodeTransportOptions, signal: AbortSignal): Promise<Transport> {
  const { connect } = await import("node:tls");
  const { localAddress } = options;
  const socket = connect({
    host: hostOf(url),
    port: portOf(url, 8883),
    ...(localAddress && { localAddress }),
    ...serverName(url),
    ...options.tls,
  });
  return whenOpen(socket, "secureConnect", signal);
}

function whenOpen(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.destroy();
      // A signal's reason may be anything; the default is an Error.
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", reject);
    socket.once(event, () => {
      signal.removeEventListener("abort", abort);
      socket.removeListener("error", reject);
      resolve(new NodeStreamTransport(socket));
    });
  });
}

async function openWebSocket(
  url: URL,
  options: Parameters<typeof openNodeTransport>[1],
  signal: AbortSignal,
): Promise<Transport> {
  const { WebSocket } = await import("ws");
  const { headers, localAddress, tls, protocolVersion } = options;
  const socket = new WebSocket(url, webSocketProtocol(protocolVersion), {
    ...(headers && { headers }),
    ...(localAddress && { localAddress }),
    ...tls,
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      // Its "error" event follows, and rejects a promise that is rejected already.
      socket.terminate();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", reject);
    socket.once("open", () => {
      signal.removeEventListener("abort", abort);
      socket.removeListener("error", reject);
      resolve(new WebSocketTransport(socket, url.host));
    });
  });
}

function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : decodeURIComponent(hostname);
}

function portOf({ port }: URL, defaultPort: number): number {
  return port === "" ? defaultPort : Number(port);
}

/** The name that the server's certificate must bear; TLS knows none for addresses. */
function serverName(url: URL): { servername?: string } {
  const host = hostOf(url);
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
