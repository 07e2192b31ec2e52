import {
  ConnectionEndpoint,
  type ConnectionEndpointOptions,
  type ConnectionOutput,
} from "../endpoint/connection-endpoint.js";
import type { Address } from "../endpoint/endpoint.js";
import { clockNow } from "./clock.js";
import { StrongRandom } from "./strong-random.js";
import type { ConnectionTransport } from "./transport.js";
import { WakeTimer } from "./wake-timer.js";

/** What the endpoint of a connection can be told. */
export type ConnectionOptions = Omit<ConnectionEndpointOptions, "random" | "framing" | "remote" | "context">;

/** What whoever let a connection in knows of it. */
export interface AcceptedConnection {
  /** The far end, where a proxy stands between. Default: what the socket says. */
  readonly remote?: Address;
  /** What comes back as `peer.context` with each request. Default none. */
  readonly context?: unknown;
}

/** What a {@link ConnectionDriver} needs of a socket, be it TCP, TLS or WebSocket. */
export interface ConnectionSocket {
  send(bytes: Uint8Array): void;
  /** Bytes that wait to be sent. */
  bufferedBytes(): number;
  /** Closes once all is sent. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Beyond this much unsent, notifications wait for newer ones. */
const CONGESTION_BYTES = 256 * 1024;
/** A peer that does not read for so long after the end is cut off. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Joins a {@link ConnectionEndpoint} to an open socket; the socket's events are passed on by whoever made it. */
export class ConnectionDriver implements ConnectionTransport {
  readonly scheme: string;
  readonly remote: Address;
  readonly endpoint: ConnectionEndpoint;
  readonly closed: Promise<string>;
  /** Settles when the peer's capabilities are known; rejects when the connection closes before. */
  readonly opened: Promise<void>;
  readonly #socket: ConnectionSocket;
  readonly #timer = new WakeTimer((now) => this.endpoint.handleTimeout(now));
  #cutOff: ReturnType<typeof setTimeout> | undefined;
  #reason = "the connection was closed";
  readonly #closing = Promise.withResolvers<string>();
  readonly #opening = Promise.withResolvers<void>();

  constructor(
    scheme: string,
    remote: Address,
    framing: ConnectionEndpointOptions["framing"],
    options: ConnectionOptions,
    socket: ConnectionSocket,
    context?: unknown,
  ) {
    this.scheme = scheme;
    this.remote = remote;
    this.#socket = socket;
    this.closed = this.#closing.promise;
    this.opened = this.#opening.promise;
    // Whoever does not wait for it need not hear of its failure.
    this.opened.catch(() => {});
    const given = { ...options, framing, remote, context };
    this.endpoint = new ConnectionEndpoint({ ...given, random: new StrongRandom() }, this.#output());
    this.endpoint.start(clockNow());
  }

  now(): number {
    return clockNow();
  }

  /** Bytes came in. */
  handleBytes(bytes: Uint8Array): void {
    this.endpoint.receive(clockNow(), bytes);
  }

  /** The socket is closed, on account of `error` if there was one. */
  handleClosed(error?: Error): void {
    clearTimeout(this.#cutOff);
    this.#timer.stop();
    this.endpoint.handleClosed(clockNow());
    this.#opening.reject(error ?? new Error(this.#reason));
    this.#closing.resolve(this.#reason);
  }

  async close(): Promise<void> {
    this.endpoint.close(clockNow());
    await this.closed;
  }

  #output(): ConnectionOutput {
    return {
      write: (bytes) => this.#socket.send(bytes),
      isCongested: () => this.#socket.bufferedBytes() > CONGESTION_BYTES,
      close: (reason) => {
        this.#reason = reason;
        this.#cutOff = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
        this.#socket.close();
      },
      ready: () => this.#opening.resolve(),
      wake: (deadline) => this.#timer.wake(deadline),
    };
  }
}
