import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type CoapServer,
  createServer,
  filterLinks,
  formatUriPath,
  link,
  type Link,
  links,
  parseLinkCriterion,
  type RequestHandler,
  type ServerRequest,
} from "@isthmus/coap";
import {
  acceptStream,
  bindUdp,
  clockNow,
  listenTcp,
  openWebSocketDoor,
  type Transport,
  type UdpTransport,
  type WebSocketDoor,
} from "@isthmus/coap/transport-node";
import type { HubContext } from "../../hub-context.js";
import { type Address, isLoopback, ListenError } from "../../listeners/listener.js";
import { Publisher } from "../../publisher.js";
import { asRequestRefusal } from "../requests/request-refusal.js";
import { TopicSpace } from "../requests/topic-space.js";
import { identifyPeer } from "./coap-caller.js";
import type { CoapEntrance } from "./coap-entrance.js";
import type { CoapDoorOptions } from "./coap-options.js";
import { toCoapError } from "./coap-refusal.js";
import { formatOf } from "./message-representation.js";
import type { ObserverContext } from "./observer-context.js";
import { PubsubCollection } from "./pubsub/pubsub-collection.js";
import { TopicHandler } from "./topic-handler.js";
import { AllTopics } from "./topic-places.js";
import { TurnEnd } from "../requests/turn-end.js";

/** Where the topics are. */
export const TOPICS_PATH = "/t";

/** What a CoAP door is made of. */
export interface CoapDoorInit {
  readonly context: HubContext;
  readonly options: CoapDoorOptions;
  /** Levels of a topic or a filter at the most. */
  readonly maxTopicLevels: number;
  /** What gets requests before the server does: a proxy. Default: nothing, and requests for a proxy are answered 5.05. */
  readonly proxyInFrontOf?: ((server: RequestHandler) => RequestHandler) | undefined;
}

/** Something that listens, and is closed with the door. */
interface Closable {
  close(): Promise<void>;
}

/** A way to some hosts that is not this machine's network. */
export interface CoapRoute {
  readonly reaches: (host: string) => boolean;
  readonly transport: Transport;
}

/**
 * The CoAP door: topics as resources, over UDP, TCP and WebSocket alike.
 *
 * `server` is open to other parts of the hub: what they add to it is there on all transports.
 */
export class CoapDoor {
  readonly server: CoapServer;
  readonly #init: CoapDoorInit;
  readonly #observers: ObserverContext;
  readonly #topicHandler: TopicHandler;
  readonly #pubsub: PubsubCollection;
  readonly #transports: Closable[] = [];
  /** The connections of other listeners. */
  readonly #accepted = new Set<Closable>();
  #isClosed = false;
  #webSocketDoor: WebSocketDoor | undefined;
  #url: string | undefined;
  #udp: UdpTransport | undefined;
  readonly #routes: CoapRoute[] = [];

  constructor(init: CoapDoorInit) {
    this.#init = init;
    const { context, options, maxTopicLevels } = init;
    const topics = new TopicSpace(context, maxTopicLevels);
    this.#observers = { hub: context, topics, turnEnd: new TurnEnd(), options, now: clockNow };
    const publisher = new Publisher(context, options.maximumBodySize);
    this.#topicHandler = new TopicHandler(this.#observers, publisher, new AllTopics(topics));
    this.server = createServer({
      handleError: (err, { path }) => context.log.error({ err, path: path.text }, "CoAP request failed"),
    });
    this.server.mount(TOPICS_PATH, this.#topicHandler);
    this.#pubsub = new PubsubCollection(this.server, this.#observers, publisher);
    this.server.resource("/.well-known/core", { get: (request) => this.#discover(request) });
    context.access.watch(() => {
      this.#topicHandler.recheck();
      this.#pubsub.recheck();
    });
  }

  /** Where it can be reached; undefined while it is closed. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Its UDP socket, for those parts of the hub that ask devices; undefined while it is closed. */
  get udp(): UdpTransport | undefined {
    return this.#udp;
  }

  /** Ways to hosts that this machine's network does not reach: those who ask devices look there first. */
  get routes(): readonly CoapRoute[] {
    return this.#routes;
  }

  /** Adds the way to a network of its own. */
  addRoute(route: CoapRoute): void {
    this.#routes.push(route);
  }

  /** What an endpoint for datagrams is told that belongs to this door. */
  get datagramOptions() {
    return this.#commonOptions();
  }

  /** Opens UDP and TCP on the same port. @throws ListenError */
  async open({ host, port }: Address): Promise<void> {
    const bound = await this.#bind(host, port);
    this.#url = `coap://${host.includes(":") ? `[${host}]` : host}:${bound}`;
  }

  /** Takes the upgrade of an HTTP server to CoAP over WebSocket (RFC 8323 4). */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, entrance: CoapEntrance): void {
    this.#webSocketDoor ??= openWebSocketDoor(this.#connectionOptions());
    this.#webSocketDoor.handleUpgrade(request, socket, head, { remote: entrance.remote, context: entrance });
  }

  /** Speaks CoAP on a connection that was let in, unless there are too many. */
  accept(socket: Socket, entrance: CoapEntrance): void {
    const { maxConnections } = this.#init.options;
    if (this.#isClosed || this.#accepted.size >= maxConnections) {
      socket.destroy();
      return;
    }
    const accepted = { remote: entrance.remote, context: entrance };
    const connection = acceptStream(socket, this.#connectionOptions(), accepted);
    this.#accepted.add(connection);
    void connection.closed.then(() => this.#accepted.delete(connection));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#topicHandler.close();
    this.#pubsub.close();
    await Promise.all([...this.#transports, ...this.#accepted].map((transport) => transport.close()));
    await this.#webSocketDoor?.close();
  }

  /** A port that is free for both, when any will do. */
  async #bind(name: string, port: number): Promise<number> {
    // The socket is told no names but its own addresses, see bindUdp.
    const { address: host } = await this.#listen(name, port, () => lookup(name));
    for (let attempt = 1; ; attempt++) {
      const udp = await this.#listen(host, port, () => bindUdp({ host, port, ...this.#datagramOptions() }));
      try {
        const tcp = await this.#listen(host, port, () =>
          listenTcp({ host, port: udp.address.port, ...this.#connectionOptions() }),
        );
        this.#transports.push(udp, tcp);
        this.#udp = udp;
        return udp.address.port;
      } catch (error) {
        await udp.close();
        if (port !== 0 || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async #listen<T>(host: string, port: number, listen: () => Promise<T>): Promise<T> {
    try {
      return await listen();
    } catch (cause) {
      // What the system's calls fail with has a code.
      throw ListenError.from(cause as NodeJS.ErrnoException, { host, port });
    }
  }

  #datagramOptions() {
    return {
      ...(!this.#init.options.isBatching && { batchingThresholdPerSecond: Number.POSITIVE_INFINITY }),
      ...this.#commonOptions(),
      // This machine cannot be flooded from itself.
      amplification: { isTrusted: ({ address }: { address: string }) => isLoopback(address.replace(/^::ffff:/, "")) },
    };
  }

  #connectionOptions() {
    const { maxConnections } = this.#init.options;
    return { ...this.#commonOptions(), maxConnections };
  }

  #commonOptions() {
    const { maximumBodySize, maxObservers, requestRate, endpoint } = this.#init.options;
    const { proxyInFrontOf } = this.#init;
    return {
      handler: proxyInFrontOf?.(this.server) ?? this.server,
      supportsProxying: proxyInFrontOf !== undefined,
      limits: { maxBodyBytes: maximumBodySize, maxObservers, ...endpoint },
      ...(requestRate && { requestRate }),
    };
  }

  /** RFC 6690 4.1: what is here, and some of the topics that whoever asks may read. */
  async #discover(request: ServerRequest): Promise<unknown> {
    const criteria = request.query.arguments.filter((argument) => !/^(?:user|password|token)=/.test(argument));
    const all = [...this.server.links, ...(await this.#topicLinks(request))];
    return links(filterLinks(all, criteria.map(parseLinkCriterion)));
  }

  async #topicLinks(request: ServerRequest): Promise<Link[]> {
    const { context, options } = this.#init;
    try {
      const { identity } = await identifyPeer(context, request);
      const { messages } = this.#observers.topics.lastValues(identity, "#", {
        maxCount: options.maxListedTopics,
        maxBytes: Number.POSITIVE_INFINITY,
      });
      const topicLinks = messages.map((message) => {
        const path = formatUriPath([TOPICS_PATH.slice(1), ...message.topic.split("/")]);
        return link(path, { ct: formatOf(message), obs: true });
      });
      return [...topicLinks, ...this.#pubsub.links(identity).slice(0, options.maxListedTopics)];
    } catch (error) {
      // Whoever may read nothing still learns what kind of server this is.
      if (asRequestRefusal(error) !== undefined) return [];
      throw toCoapError(error, options.maximumBodySize);
    }
  }
}

/** How often to look for a port that neither UDP nor TCP uses. */
const PORT_ATTEMPTS = 10;
