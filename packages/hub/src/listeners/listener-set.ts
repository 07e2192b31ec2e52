import type { Transport } from "@isthmus/mqtt";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import type { ListenerAccess } from "../access/access-options.js";
import { type HttpListenerOptions, openHttpListener } from "./http-listener.js";
import { isLoopback } from "./listener.js";
import type { ListenerOptions } from "./listener-options.js";
import { type Peer, peerOf } from "./peer.js";
import { openStreamListener, type StreamListener } from "./stream-listener.js";

const LOOPBACK = "127.0.0.1";

/** A listener that is open. */
export interface OpenListener {
  readonly name: string;
  readonly type: ListenerOptions["type"];
  readonly url: string;
}

/** What listeners hand on, and what they ask. */
export interface ListenerSetOwner extends Pick<
  HttpListenerOptions,
  "maximumMessageSize" | "describe" | "isReady" | "mounts"
> {
  /** An MQTT connection has come in, over TCP, TLS or WebSocket. */
  handleConnection(transport: Transport, listener: string, peer: Peer): void;
  /** A connection came to nothing. `label` is a word for metrics. */
  handleRefusal(address: string, listener: string, label: string, reason: string): void;
}

type Named = ListenerOptions & { readonly name: string; readonly host: string };

/** All doors over TCP, opened in order. */
export class ListenerSet {
  readonly #owner: ListenerSetOwner;
  readonly #listeners: readonly Named[];
  readonly #open: (StreamListener & OpenListener)[] = [];

  constructor(listeners: readonly ListenerOptions[], owner: ListenerSetOwner) {
    this.#listeners = named(listeners);
    this.#owner = owner;
  }

  /** Those that are open. */
  get open(): readonly OpenListener[] {
    return this.#open;
  }

  /** What access has to know of each. */
  get access(): readonly ListenerAccess[] {
    return this.#listeners.map(({ name, host, access }) => ({ name, isLocal: isLoopback(host), access }));
  }

  /** @throws ListenError, TlsError; those that were opened stay so until {@link close}. */
  async start(): Promise<void> {
    for (const listener of this.#listeners) {
      const { name, type } = listener;
      this.#open.push({ name, type, ...(await this.#start(listener)) });
    }
  }

  /** Reads certificates and keys again. @returns what puts them to use. @throws TlsError */
  async reload(): Promise<() => void> {
    const uses = await Promise.all(this.#open.map((listener) => listener.reload()));
    return () => {
      for (const use of uses) use();
    };
  }

  /** Takes no more connections, and resolves once those over HTTP are gone; MQTT's are the door's to close. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.close()));
  }

  #start(listener: Named): Promise<StreamListener> {
    const owner = this.#owner;
    const { name, host, port, tls, type } = listener;
    const handleRefusal = (address: string, label: string, reason: string): void =>
      owner.handleRefusal(address, name, label, reason);
    const options = { host, port, tls, scheme: type, handleRefusal };
    switch (type) {
      case "mqtt":
        return openStreamListener(options, (socket) => {
          const peer = peerOf(socket);
          owner.handleConnection(new NodeStreamTransport(socket, peer.address), name, peer);
        });
      case "http": {
        const { maximumMessageSize, mounts } = owner;
        const describe = (): string => owner.describe();
        const isReady = (): boolean => owner.isReady();
        const allowedOrigins = listener.allowedOrigins ?? [];
        return openHttpListener(
          { ...options, name, maximumMessageSize, mounts, describe, isReady, allowedOrigins },
          (transport, peer) => owner.handleConnection(transport, name, peer),
        );
      }
    }
  }
}

/** Each by its own name: `mqtt`, `mqtts`, `mqtt-2`. */
function named(listeners: readonly ListenerOptions[]): Named[] {
  const countByKind = new Map<string, number>();
  return listeners.map((listener) => {
    const kind = `${listener.type}${listener.tls === undefined ? "" : "s"}`;
    const count = (countByKind.get(kind) ?? 0) + 1;
    countByKind.set(kind, count);
    const name = listener.name ?? (count === 1 ? kind : `${kind}-${count}`);
    return { ...listener, name, host: listener.host ?? LOOPBACK };
  });
}
