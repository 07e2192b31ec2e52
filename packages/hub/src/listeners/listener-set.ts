import type { Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import type { Transport } from "@isthmus/mqtt";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import type { ListenerAccess } from "../access/access-options.js";
import { COAP_LISTENER } from "../doors/coap/coap-entrance.js";
import { type HttpListenerOptions, openHttpListener } from "./http-listener.js";
import { isLoopback } from "./listener.js";
import type { ListenerLimits, ListenerOptions } from "./listener-options.js";
import { type Peer, peerOf } from "./peer.js";
import { openStreamListener, type StreamListener } from "./stream-listener.js";
import { loadTlsContext } from "./tls-context.js";

const LOOPBACK = "127.0.0.1";
/** RFC 8323 8.2. */
const COAP_ALPN = "coap";

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
  handleConnection(transport: Transport, listener: string, peer: Peer, limits: ListenerLimits | undefined): void;
  /** A connection for CoAP has come in, over TLS. */
  handleCoapConnection(socket: Socket, listener: string): void;
  /** A connection came to nothing. `label` is a word for metrics. */
  handleRefusal(address: string, listener: string, label: string, reason: string): void;
}

type Named = ListenerOptions & { readonly name: string; readonly host: string };

/** A listener that is open, as it was asked for. */
interface Entry extends OpenListener, StreamListener {
  readonly options: Named;
  isServing: boolean;
}

/** What is to become of the listeners. Nothing has changed on its account yet. */
export interface ListenerPlan {
  readonly listeners: readonly {
    readonly options: Named;
    /** Undefined: it has to be opened. */
    readonly entry: Entry | undefined;
  }[];
  /** What access has to know of each. */
  readonly access: readonly ListenerAccess[];
  /** Those that differ in what cannot change as long as they are open. */
  readonly waiting: readonly string[];
}

/** All doors over TCP, in order. */
export class ListenerSet {
  readonly #owner: ListenerSetOwner;
  #open: readonly Entry[] = [];
  readonly #closing: Promise<void>[] = [];

  constructor(owner: ListenerSetOwner) {
    this.#owner = owner;
  }

  /** Those that are open. */
  get open(): readonly OpenListener[] {
    return this.#open;
  }

  /**
   * Finds out which of the listeners are open already: those at the same address.
   *
   * @param isServed whether there is a door for what comes in; without one a listener is not opened.
   * @throws RangeError for a name that two have, or that is CoAP's own.
   */
  plan(wanted: readonly ListenerOptions[], isServed: (type: ListenerOptions["type"]) => boolean): ListenerPlan {
    checkNames(wanted);
    const free = new Set(this.#open);
    const waiting: string[] = [];
    const servable = wanted.flatMap((options) => {
      if (isServed(options.type)) return [options];
      const { host = LOOPBACK } = options;
      const open = this.#open.find((each) => each.options.host === host && each.options.port === options.port);
      return open === undefined ? [] : [open.options];
    });
    const listeners = named(servable, this.#open).map((options) => {
      const entry = [...free].find((open) => isSameAddress(open.options, options));
      if (entry === undefined) return { options, entry };
      free.delete(entry);
      if (!isUnchanged(entry.options, options)) waiting.push(entry.name);
      return { options: withChanges(entry.options, options), entry };
    });
    return { listeners, waiting, access: listeners.map(({ options }) => accessOf(options)) };
  }

  /** Reads certificates and keys, and opens nothing. @throws TlsError */
  async check({ listeners }: ListenerPlan): Promise<void> {
    for (const { options } of listeners) if (options.tls !== undefined) await loadTlsContext(options.tls);
  }

  /**
   * Opens what is new, and reads certificates and keys, for the first time or again.
   *
   * @returns what puts them to use, and closes what is no longer wanted. New listeners turn clients away until then.
   * @throws ListenError, TlsError: then all is as it was.
   */
  async prepare({ listeners }: ListenerPlan): Promise<() => void> {
    const opened: Entry[] = [];
    const next: { readonly entry: Entry; readonly options: Named; readonly useTls: () => void }[] = [];
    try {
      for (const { entry, options } of listeners) {
        if (entry === undefined) opened.push(await this.#start(options));
        const open = entry ?? opened.at(-1);
        if (open !== undefined) next.push({ entry: open, options, useTls: await open.reload(options.tls) });
      }
    } catch (error) {
      await Promise.all(opened.map((entry) => entry.close()));
      throw error;
    }
    return () => {
      const before = this.#open;
      this.#open = next.map(({ entry, options, useTls }) => {
        useTls();
        return Object.assign(entry, { options, isServing: true });
      });
      for (const entry of before) if (!this.#open.includes(entry)) this.#closing.push(entry.close());
    };
  }

  /** Takes no more connections, and resolves once those over HTTP are gone; MQTT's are the door's to close. */
  async close(): Promise<void> {
    await Promise.all([...this.#closing, ...this.#open.map((listener) => listener.close())]);
  }

  async #start(options: Named): Promise<Entry> {
    const { name, type } = options;
    const state = { name, type, options, isServing: false };
    return Object.assign(state, await this.#listen(options, () => state.isServing));
  }

  #listen(listener: Named, isServing: () => boolean): Promise<StreamListener> {
    const owner = this.#owner;
    const { name, host, port, tls, type, proxyProtocol, limits } = listener;
    const handleRefusal = (address: string, label: string, reason: string): void =>
      owner.handleRefusal(address, name, label, reason);
    const options = { host, port, tls, proxyProtocol, limits, scheme: schemeOf(listener), isServing, handleRefusal };
    switch (type) {
      case "mqtt":
        return openStreamListener(options, (socket) => {
          const peer = peerOf(socket);
          owner.handleConnection(new NodeStreamTransport(socket, peer.address), name, peer, limits);
        });
      case "coaps":
        return openStreamListener({ ...options, alpnProtocols: [COAP_ALPN] }, (socket) =>
          owner.handleCoapConnection(socket, name),
        );
      case "http": {
        const { maximumMessageSize, mounts } = owner;
        const describe = (): string => owner.describe();
        const isReady = (): boolean => owner.isReady();
        const allowedOrigins = listener.allowedOrigins ?? [];
        return openHttpListener(
          { ...options, name, maximumMessageSize, mounts, describe, isReady, allowedOrigins },
          (transport, peer) => owner.handleConnection(transport, name, peer, limits),
        );
      }
    }
  }
}

function checkNames(listeners: readonly ListenerOptions[]): void {
  const names = listeners.flatMap(({ name }) => name ?? []);
  for (const [index, name] of names.entries()) {
    if (name === COAP_LISTENER) throw new RangeError(`a listener cannot be called ${name}: CoAP's own is`);
    if (names.indexOf(name) !== index) throw new RangeError(`two listeners are called ${name}`);
  }
}

/** Each by its own name: `mqtt`, `mqtts`, `mqtt-2`; one that is open at the address keeps its name. */
function named(listeners: readonly ListenerOptions[], open: readonly Entry[]): Named[] {
  const taken = new Set(listeners.map(({ name }) => name));
  const withHosts = listeners.map((listener) => ({ ...listener, host: listener.host ?? LOOPBACK }));
  const known = withHosts.map(
    (listener) => listener.name ?? open.find(({ options }) => isSameAddress(options, listener))?.name,
  );
  for (const name of known) taken.add(name);
  return withHosts.map((listener, index) => {
    const name = known[index] ?? freeName(kindOf(listener), taken);
    taken.add(name);
    return { ...listener, name };
  });
}

/** `mqtt`, `mqtts`, `http`, `https`, `coaps`. */
function kindOf({ type, tls }: ListenerOptions): string {
  return type === "coaps" || tls === undefined ? type : `${type}s`;
}

/** RFC 8323 8.2 for CoAP over TLS. */
function schemeOf(listener: ListenerOptions): string {
  return listener.type === "coaps" ? "coaps+tcp" : kindOf(listener);
}

function freeName(kind: string, taken: ReadonlySet<string | undefined>): string {
  let name = kind;
  for (let number = 2; taken.has(name); number++) name = `${kind}-${number}`;
  return name;
}

/** A proxy on this machine brings clients from anywhere. */
function accessOf({ name, host, access, proxyProtocol }: Named): ListenerAccess {
  return { name, isLocal: isLoopback(host) && proxyProtocol === undefined, access };
}

type Addressed = ListenerOptions & { readonly host: string };

function isSameAddress(a: Addressed, b: Addressed): boolean {
  return a.host === b.host && a.port === b.port && (a.port !== 0 || isSameProtocol(a, b));
}

function isSameProtocol(a: Addressed, b: Addressed): boolean {
  return a.type === b.type && (a.tls === undefined) === (b.tls === undefined);
}

/** What is open, with what can change while it is. */
function withChanges(open: Named, { tls, access }: Named): Named {
  if (open.type === "coaps") return { ...open, access, tls: tls ?? open.tls };
  return { ...open, access, tls: open.tls && tls };
}

/** Whether nothing differs but what can change while it is open. */
function isUnchanged(open: Named, wanted: Named): boolean {
  const fixed = ({ tls: _tls, access: _access, ...rest }: Named): Readonly<Record<string, unknown>> => rest;
  return isSameProtocol(open, wanted) && isDeepStrictEqual(fixed(open), fixed(wanted));
}
