import {
  Code,
  CoapError,
  coapUpstream,
  type Connector,
  createReverseProxy,
  formatUriPath,
  formatUriQuery,
  type IncomingRequest,
  isSafeMethod,
  Media,
  Option,
  parseProxyTarget,
  Relay,
  type RequestHandler,
  ServerRequest,
} from "@isthmus/coap";
import { clockNow } from "@isthmus/coap/transport-node";
import type { Instant } from "@isthmus/machine";
import { CALLER_ARGUMENTS, identifyPeer } from "../doors/coap/coap-caller.js";
import { respondError } from "../doors/coap/respond-error.js";
import { TopicSpace } from "../doors/requests/topic-space.js";
import type { HubContext } from "../hub-context.js";
import type { TopicMapping } from "./topic-mapping.js";

/** What the proxy needs to know of the devices. */
export interface DeviceProxyInit {
  readonly hub: HubContext;
  readonly connector: Connector;
  readonly mapping: TopicMapping;
  readonly maxTopicLevels: number;
  /** Where the device of this name is asked; undefined when there is none. */
  readonly baseOf: (endpoint: string) => string | undefined;
}

/**
 * `coap://hub/ENDPOINT/PATH` answers as `/PATH` of the device: from a cache, and for all who observe it at once.
 *
 * Who may read or write a resource is who may read or write its topic.
 */
export class DeviceProxy implements RequestHandler {
  readonly #init: DeviceProxyInit;
  readonly #relay: Relay;
  readonly #proxy: RequestHandler;
  readonly #topics: TopicSpace;
  readonly #media = new Media();

  constructor(init: DeviceProxyInit) {
    this.#init = init;
    this.#relay = new Relay({ upstreams: [coapUpstream(init.connector)] });
    this.#proxy = createReverseProxy({ relay: this.#relay, locate: (request) => this.#locate(request) });
    this.#topics = new TopicSpace(init.hub, init.maxTopicLevels);
  }

  handleRequest(_now: Instant, incoming: IncomingRequest): void {
    this.#relayAllowed(incoming).catch((error: unknown) => respondError(this.#init.hub, incoming, error));
  }

  /** What is stored of the resource at `uri` is out of date. */
  expire(uri: string): void {
    this.#relay.cache.expire(parseProxyTarget(uri).uri);
  }

  close(): void {
    this.#relay.close(clockNow());
  }

  async #relayAllowed(incoming: IncomingRequest): Promise<void> {
    const [endpoint = "", ...rest] = incoming.path.segments;
    if (this.#init.baseOf(endpoint) === undefined) {
      throw new CoapError(Code.NOT_FOUND, `there is nothing at ${incoming.path.text}`);
    }
    const { identity } = await identifyPeer(this.#init.hub, new ServerRequest(incoming, undefined, this.#media));
    const path = formatUriPath(rest);
    // What is left out of the topics is reached by the name that it would have.
    const topic =
      this.#init.mapping.topicOf(endpoint, path) ?? this.#init.mapping.statusTopicOf(endpoint, rest.join("/"));
    if (isSafeMethod(incoming.code)) this.#topics.checkReadable(identity, topic);
    else this.#topics.checkWritable(identity, topic);
    this.#proxy.handleRequest(clockNow(), incoming);
  }

  #locate({ path, options }: IncomingRequest): string | undefined {
    const [endpoint = "", ...rest] = path.segments;
    const base = this.#init.baseOf(endpoint);
    const query = options.texts(Option.URI_QUERY);
    const own = query.filter((argument) => !CALLER_ARGUMENTS.includes(argument.split("=")[0] ?? ""));
    return base && base + formatUriPath(rest) + formatUriQuery(own);
  }
}
