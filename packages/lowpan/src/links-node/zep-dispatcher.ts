import type { RemoteInfo, Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { decodeZep, ZEP_PORT } from "../links/zep.js";
import { WireError } from "../wire/wire-error.js";
import { bind, type UdpEndpoint } from "./zep-link.js";

/** How a {@link ZepDispatcher} is opened. */
export interface ZepDispatcherOptions {
  /** Where to listen. Default `::1`, port 17754; port 0 takes a free one. */
  readonly local?: UdpEndpoint;
  /** Nodes at most; the one heard of least recently is forgotten. Default 256. */
  readonly maxNodes?: number;
  /** Is given each datagram that is passed on: for a capture. */
  readonly onDatagram?: (datagram: Uint8Array) => void;
}

/** A radio channel for RIOT's native nodes and others that speak ZEP: each datagram goes to all but its sender. */
export class ZepDispatcher {
  readonly #socket: Socket;
  readonly #options: ZepDispatcherOptions;
  /** The one heard of least recently comes first. */
  readonly #nodeByEndpoint = new Map<string, UdpEndpoint>();
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket, options: ZepDispatcherOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on("message", (datagram, sender) => this.#receive(datagram, sender));
    // A node that has gone away answers with errors: it is forgotten in time.
    socket.on("error", () => undefined);
  }

  /** Opens a dispatcher. @throws Error of the socket when it cannot listen. */
  static async open(options: ZepDispatcherOptions = {}): Promise<ZepDispatcher> {
    const local = options.local ?? { address: "::1", port: ZEP_PORT };
    return new ZepDispatcher(await bind(isIPv6(local.address), local), options);
  }

  /** Where it listens. */
  get local(): UdpEndpoint {
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  /** Nodes that have been heard of. */
  get nodeCount(): number {
    return this.#nodeByEndpoint.size;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closed;
  }

  #receive(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    let isFrame: boolean;
    try {
      isFrame = decodeZep(datagram).type !== "hello";
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return;
    }
    const key = `${address} ${port}`;
    this.#nodeByEndpoint.delete(key);
    this.#nodeByEndpoint.set(key, { address, port });
    if (this.#nodeByEndpoint.size > (this.#options.maxNodes ?? DEFAULT_MAX_NODES)) this.#forgetOldest();
    if (!isFrame) return;
    this.#options.onDatagram?.(datagram);
    for (const [other, endpoint] of this.#nodeByEndpoint) {
      if (other !== key) this.#socket.send(datagram, endpoint.port, endpoint.address);
    }
  }

  #forgetOldest(): void {
    for (const key of this.#nodeByEndpoint.keys()) {
      this.#nodeByEndpoint.delete(key);
      return;
    }
  }
}

const DEFAULT_MAX_NODES = 256;
