import type { Socket } from "node:net";
import type { Transport, TransportListener } from "./transport.js";

/** How long {@link Transport.end} waits for the peer to take the rest and close, before the socket is destroyed. */
export const LINGER_MS = 5_000;

/**
 * A {@link Transport} over a connected `node:net` or `node:tls` socket, of a client or a server.
 *
 * Writes go straight to the socket. Nagle's algorithm is turned off: drivers gather their own writes.
 */
export class NodeStreamTransport implements Transport {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  #isClosed = false;
  #lingerTimer: NodeJS.Timeout | undefined;

  /** @param remoteAddress for a proxy's connection: the client's own. Default: what the socket says. */
  constructor(socket: Socket, remoteAddress = formatAddress(socket.remoteAddress, socket.remotePort)) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    socket.setNoDelay(true);
    socket.on("error", (error) => (this.#error = error));
    socket.on("close", () => this.#handleClose());
    this.#isClosed = socket.closed;
  }

  /** Bytes that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
    if (this.#isClosed) {
      queueMicrotask(() => listener.handleClose(this.#error));
      return;
    }
    this.#socket.on("drain", () => listener.handleDrain());
    this.#socket.on("data", (bytes) => listener.receiveBytes(bytes));
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.writable && this.#socket.write(bytes);
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return false;
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    const socket = this.#socket;
    if (this.#lingerTimer || this.#isClosed) return;
    // Input is read and dropped until the peer closes: closing over unread input resets the connection, and the
    // peer would lose what was sent last (the CONNACK or DISCONNECT that says why).
    socket.removeAllListeners("data");
    socket.resume();
    socket.end();
    this.#lingerTimer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #handleClose(): void {
    this.#isClosed = true;
    clearTimeout(this.#lingerTimer);
    this.#listener?.handleClose(this.#error);
  }
}

/** `127.0.0.1:51234`, `[::1]:51234`; IPv4 in its IPv6 clothes (`::ffff:127.0.0.1`) is shown as IPv4. */
export function formatAddress(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "unknown";
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  return `${plain.includes(":") ? `[${plain}]` : plain}:${port ?? 0}`;
}
