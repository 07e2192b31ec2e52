import {
  Code,
  type CoapServer,
  created,
  errorResponse,
  CoapError,
  filterLinks,
  link,
  type Link,
  links,
  NO_BYTES,
  parseLinkCriterion,
  reply,
  representation,
  type ServerRequest,
} from "@isthmus/coap";
import { createMessage } from "@isthmus/exchange";
import type { Identity } from "../../../access/access.js";
import type { Publisher } from "../../../publisher.js";
import { RequestRefusedError } from "../../requests/request-refusal.js";
import { nameOf, type TopicTarget } from "../../requests/topic-space.js";
import { identifyPeer } from "../coap-caller.js";
import { toCoapError } from "../coap-refusal.js";
import type { ObserverContext } from "../observer-context.js";
import { TopicHandler } from "../topic-handler.js";
import type { TopicPlaces } from "../topic-places.js";
import { PubsubTopic } from "./pubsub-topic.js";
import {
  checkFixed,
  CONFIGURATION_TYPE,
  DATA_TYPE,
  decodeConfFilter,
  decodeParameters,
  encodeParameters,
  PUBSUB_FORMAT,
  type TopicParameters,
} from "./topic-configuration.js";

const COLLECTION_PATH = "/ps";
const DATA_PATH = "/ps/data";
/** The longest time that a timer takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The topic collection of a publish-subscribe broker (draft-ietf-core-coap-pubsub). A topic of the collection is the topic of
 * the hub that its `topic-name` says, so that what is published to its data reaches all doors. It is half created while
 * that has no value. The collection lives as long as the hub; the values of its topics are kept as others are.
 */
export class PubsubCollection implements TopicPlaces {
  readonly #context: ObserverContext;
  readonly #topicById = new Map<string, PubsubTopic>();
  readonly #topicByName = new Map<string, PubsubTopic>();
  readonly #expiryById = new Map<string, NodeJS.Timeout>();
  readonly #dataHandler: TopicHandler;
  #lastId = 0;

  constructor(server: CoapServer, context: ObserverContext, publisher: Publisher) {
    this.#context = context;
    this.#dataHandler = new TopicHandler(context, publisher, this);
    server.resource(COLLECTION_PATH, {
      attributes: { rt: ["core.ps", "core.ps.coll"], ct: 40 },
      accepts: [PUBSUB_FORMAT],
      get: this.#guarded((request, identity) => this.#list(request, identity)),
      fetch: this.#guarded((request, identity) => this.#find(request, identity)),
      post: this.#guarded((request, identity) => this.#create(request, identity)),
    });
    server.resource(`${COLLECTION_PATH}/:id`, {
      accepts: [PUBSUB_FORMAT],
      get: this.#guarded((request, identity) => configurationOf(this.#readable(request, identity))),
      fetch: this.#guarded((request, identity) => this.#fetch(request, identity)),
      put: this.#guarded((request, identity) => this.#put(request, identity)),
      ipatch: this.#guarded((request, identity) => this.#patch(request, identity)),
      delete: this.#guarded((request, identity) => this.#delete(this.#writable(request, identity))),
    });
    server.mount(DATA_PATH, this.#dataHandler);
  }

  /** Links to the topics for `/.well-known/core`, of those that `identity` may read. */
  links(identity: Identity): Link[] {
    return this.#readableTopics(identity).map(linkOf);
  }

  /** Users or rules have changed. */
  recheck(): void {
    this.#dataHandler.recheck();
  }

  close(): void {
    for (const timer of this.#expiryById.values()) clearTimeout(timer);
    this.#dataHandler.close();
  }

  // What the handler of the data asks.

  locate([, , id, ...more]: readonly string[]): TopicTarget {
    const topic = id === undefined || more.length > 0 ? undefined : this.#topicById.get(id);
    if (topic === undefined) throw new RequestRefusedError("not-found", "there is no such topic");
    return { type: "topic", name: topic.name };
  }

  /** Draft 3.2.2: a half created topic cannot be observed, unless it was to be initialized. */
  isThereWithoutValue(name: string): boolean {
    return this.#topicByName.get(name)?.isInitialized ?? false;
  }

  maxObservers(name: string): number {
    return this.#topicByName.get(name)?.maxSubscribers ?? 0;
  }

  observerCheckMs(name: string): number {
    return this.#topicByName.get(name)?.observerCheckMs ?? Number.POSITIVE_INFINITY;
  }

  /** Draft 3.2.1. */
  checkContent(name: string, contentFormat: number | undefined): void {
    const wanted = this.#topicByName.get(name)?.contentFormat;
    if (wanted === undefined || wanted === contentFormat) return;
    throw new RequestRefusedError("unsupported-content", `the data of this topic is of Content-Format ${wanted}`);
  }

  #list(request: ServerRequest, identity: Identity): unknown {
    const topics = this.#readableTopics(identity);
    const criteria = request.query.arguments
      .filter((argument) => !/^(?:user|password|token)=/.test(argument))
      .map(parseLinkCriterion);
    // Draft 2.3.4: links to the data are only for who asks for them.
    const wantsData = request.query.get("rt") === DATA_TYPE;
    return links([...filterLinks(topics.map(wantsData ? dataLinkOf : linkOf), criteria)]);
  }

  #find(request: ServerRequest, identity: Identity): unknown {
    const wanted = decodeParameters(request.payload);
    const isMatch = ({ parameters }: PubsubTopic): boolean =>
      [...wanted].every(([name, value]) => parameters.get(name) === value);
    return links(this.#readableTopics(identity).filter(isMatch).map(linkOf));
  }

  #create(request: ServerRequest, identity: Identity): unknown {
    const { maxPubsubTopics } = this.#context.options;
    const id = (this.#lastId + 1).toString(36);
    const topic = new PubsubTopic(id, `${DATA_PATH}/${id}`.slice(1), decodeParameters(request.payload));
    nameOf(this.#context.topics.parse(topic.name.split("/")));
    this.#context.topics.checkWritable(identity, topic.name);
    if (this.#topicByName.has(topic.name)) throw new RequestRefusedError("malformed", "this topic-name is in use");
    if (this.#topicById.size >= maxPubsubTopics) {
      throw new RequestRefusedError("unavailable", `the collection has ${maxPubsubTopics} topics`);
    }
    this.#lastId++;
    this.#topicById.set(id, topic);
    this.#topicByName.set(topic.name, topic);
    this.#armExpiry(topic);
    const { fields } = created(`${COLLECTION_PATH}/${id}`);
    return reply(Code.CREATED, configurationOf(topic), fields);
  }

  #fetch(request: ServerRequest, identity: Identity): unknown {
    const { parameters } = this.#readable(request, identity);
    const wanted = decodeConfFilter(request.payload);
    const found: TopicParameters = new Map([...parameters].filter(([name]) => wanted.includes(name)));
    return representation(encodeParameters(found), PUBSUB_FORMAT);
  }

  /** Draft 2.5.3: what is not said has its default again. */
  #put(request: ServerRequest, identity: Identity): unknown {
    const topic = this.#writable(request, identity);
    const changes = decodeParameters(request.payload);
    const fixed = [...topic.parameters].filter(([name]) =>
      ["topic-name", "topic-data", "resource-type"].includes(name),
    );
    return this.#configure(topic, changes, new Map([...fixed, ...changes]));
  }

  #patch(request: ServerRequest, identity: Identity): unknown {
    const topic = this.#writable(request, identity);
    const changes = decodeParameters(request.payload);
    return this.#configure(topic, changes, new Map([...topic.parameters, ...changes]));
  }

  #configure(topic: PubsubTopic, changes: TopicParameters, parameters: TopicParameters): unknown {
    checkFixed(topic.parameters, changes);
    topic.configure(parameters);
    this.#armExpiry(topic);
    // Draft 2.5.3: those who are too many get a final 4.04.
    this.#dataHandler.limitObservers(topic.name, topic.maxSubscribers, gone);
    return configurationOf(topic);
  }

  /** Resolves once its value is cleared as safely as the store makes it. */
  #delete(topic: PubsubTopic): Promise<void> {
    clearTimeout(this.#expiryById.get(topic.id));
    this.#expiryById.delete(topic.id);
    this.#topicById.delete(topic.id);
    this.#topicByName.delete(topic.name);
    this.#dataHandler.limitObservers(topic.name, 0, gone);
    const { exchange, clock, flushScheduler } = this.#context.hub;
    const publishedAt = clock.tick().epoch;
    // As a DELETE of its data would, to the subscribers of all doors.
    exchange.publishMessage(createMessage({ topic: topic.name, payload: NO_BYTES, retain: true, publishedAt }));
    return flushScheduler.whenStored();
  }

  #armExpiry(topic: PubsubTopic): void {
    clearTimeout(this.#expiryById.get(topic.id));
    this.#expiryById.delete(topic.id);
    if (!Number.isFinite(topic.expiresAt)) return;
    const waitMs = Math.max(0, topic.expiresAt - this.#context.hub.clock.tick().epoch);
    const timer = setTimeout(() => this.#handleExpiry(topic), Math.min(waitMs, LONGEST_TIMER_MS));
    timer.unref();
    this.#expiryById.set(topic.id, timer);
  }

  #handleExpiry(topic: PubsubTopic): void {
    if (topic.expiresAt > this.#context.hub.clock.tick().epoch) this.#armExpiry(topic);
    // The log tells of a store that fails.
    else this.#delete(topic).catch(() => undefined);
  }

  #topicOf({ incoming }: ServerRequest): PubsubTopic {
    const topic = this.#topicById.get(incoming.path.segments[1] ?? "");
    if (topic === undefined) throw new RequestRefusedError("not-found", "there is no such topic");
    return topic;
  }

  #readable(request: ServerRequest, identity: Identity): PubsubTopic {
    const topic = this.#topicOf(request);
    this.#context.topics.checkReadable(identity, topic.name);
    return topic;
  }

  #writable(request: ServerRequest, identity: Identity): PubsubTopic {
    const topic = this.#topicOf(request);
    this.#context.topics.checkWritable(identity, topic.name);
    return topic;
  }

  #readableTopics(identity: Identity): PubsubTopic[] {
    return [...this.#topicById.values()].filter(({ name }) => this.#context.topics.mayRead(identity, name));
  }

  /** A handler that knows who asks, and whose refusals become CoAP's. */
  #guarded(handle: (request: ServerRequest, identity: Identity) => unknown) {
    return async (request: ServerRequest): Promise<unknown> => {
      try {
        const { identity } = await identifyPeer(this.#context.hub, request);
        return await handle(request, identity);
      } catch (error) {
        throw toCoapError(error, this.#context.options.maximumBodySize);
      }
    };
  }
}

const gone = errorResponse(new CoapError(Code.NOT_FOUND, "the topic is gone"));

function linkOf({ id }: PubsubTopic): Link {
  return link(`${COLLECTION_PATH}/${id}`, { rt: CONFIGURATION_TYPE, ct: PUBSUB_FORMAT });
}

function dataLinkOf({ id }: PubsubTopic): Link {
  return link(`${DATA_PATH}/${id}`, { rt: DATA_TYPE, obs: true });
}

function configurationOf({ parameters }: PubsubTopic): unknown {
  return representation(encodeParameters(parameters), PUBSUB_FORMAT);
}
