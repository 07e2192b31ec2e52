import {
  checkPreconditions,
  Code,
  CoapError,
  errorResponse,
  type IncomingRequest,
  Media,
  NO_BYTES,
  Option,
  Options,
  type RequestHandler,
  type Response,
  ServerRequest,
} from "@isthmus/coap";
import { equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import type { Message } from "@isthmus/exchange";
import { contentTypeOfFormat } from "../../content/content-types.js";
import type { Publisher } from "../../publisher.js";
import type { Caller } from "../requests/caller.js";
import { checkArgumentNames, parseFlag, parsePublishArguments } from "../requests/publish-arguments.js";
import { RequestRefusedError } from "../requests/request-refusal.js";
import { nameOf, type TopicTarget } from "../requests/topic-space.js";
import { identifyPeer } from "./coap-caller.js";
import { toCoapError } from "./coap-refusal.js";
import { FilterObserver } from "./filter-observer.js";
import { etagOf, messageResponse, packFormat, packResponse } from "./message-representation.js";
import { NO_VALUE, ObservedTopic } from "./observed-topic.js";
import type { ObserverContext } from "./observer-context.js";
import type { TopicPlaces } from "./topic-places.js";

const CALLER_ARGUMENTS = ["user", "password", "token"];
const PUBLISH_ARGUMENTS = ["qos", "retain", "expiry", ...CALLER_ARGUMENTS];
const OBSERVE_ARGUMENTS = ["retained", ...CALLER_ARGUMENTS];

/** Topics as resources: each topic one of its own, and each filter one that tells of all its topics. */
export class TopicHandler implements RequestHandler {
  readonly #context: ObserverContext;
  readonly #publisher: Publisher;
  readonly #places: TopicPlaces;
  readonly #observedTopics = new Map<string, ObservedTopic>();
  readonly #filterObservers = new Set<FilterObserver>();
  readonly #media = new Media();

  constructor(context: ObserverContext, publisher: Publisher, places: TopicPlaces) {
    this.#context = context;
    this.#publisher = publisher;
    this.#places = places;
  }

  /** Topics and filters that somebody observes. */
  get observedCount(): number {
    return this.#observedTopics.size + this.#filterObservers.size;
  }

  handleRequest(_now: Instant, incoming: IncomingRequest): void {
    this.#answer(incoming).catch((error: unknown) => this.#fail(incoming, error));
  }

  /** Users or rules have changed: observers who may no longer see what they observe are told so. */
  recheck(): void {
    for (const observed of [...this.#observedTopics.values(), ...this.#filterObservers]) observed.recheck();
  }

  /** Leaves the first `max` observers of a topic, and tells the others `response`, an error. */
  limitObservers(topic: string, max: number, response: Response): void {
    this.#observedTopics.get(topic)?.limit(max, response);
  }

  /** Ends all observations: the hub closes. */
  close(): void {
    const gone = errorResponse(new CoapError(Code.SERVICE_UNAVAILABLE, "the hub closes"));
    for (const observed of [...this.#observedTopics.values(), ...this.#filterObservers]) observed.end(gone);
  }

  async #answer(incoming: IncomingRequest): Promise<void> {
    const { now } = this.#context;
    const request = new ServerRequest(incoming, undefined, this.#media);
    const target = this.#places.locate(incoming.path.segments);
    const caller = await identifyPeer(this.#context.hub, request);
    if (request.code === Code.GET && incoming.isRegistration) this.#observe(request, caller, target);
    else incoming.respond(now(), await this.#respond(request, caller, target));
  }

  async #respond(request: ServerRequest, caller: Caller, target: TopicTarget): Promise<Response> {
    switch (request.code) {
      case Code.GET:
        return this.#get(request, caller, target);
      case Code.PUT:
      case Code.POST:
        return this.#publish(request, caller, nameOf(target));
      case Code.DELETE:
        return this.#clear(request, caller, nameOf(target));
      default:
        throw new RequestRefusedError("method-not-allowed", `${request.method} is not allowed here`);
    }
  }

  #get(request: ServerRequest, caller: Caller, target: TopicTarget): Response {
    checkArgumentNames(namesOf(request), CALLER_ARGUMENTS);
    if (target.type === "filter") return this.#lastValues(request, caller, target.filter);
    const response = this.#lastValue(request, caller, target.name, true);
    if (response === undefined) throw new RequestRefusedError("not-found", `${target.name} has no value`);
    return response;
  }

  /** RFC 7641 4.1: enters the client and answers with the current state; nothing comes between the two. */
  #observe(request: ServerRequest, caller: Caller, target: TopicTarget): void {
    checkArgumentNames(namesOf(request), OBSERVE_ARGUMENTS);
    const { incoming } = request;
    const now = this.#context.now();
    const wantsRetained = parseFlag("retained", request.query.get("retained") ?? "true");
    if (target.type === "filter") {
      this.#context.topics.checkReadable(caller.identity, target.filter);
      const response = wantsRetained
        ? this.#lastValues(request, caller, target.filter)
        : packResponse([], packFormat(request.accept));
      this.#enterFilterObserver(now, request, caller, target.filter);
      incoming.respond(now, response);
    } else {
      const lastValue = this.#lastValue(request, caller, target.name, false);
      const isMissing = lastValue === undefined && !this.#places.isThereWithoutValue(target.name);
      const response = (wantsRetained ? lastValue : undefined) ?? NO_VALUE;
      // Too many observers: whoever asks gets the state, or hears that there is none.
      const isEntered = !isMissing && this.#observedTopic(target.name).enter(now, incoming, response, caller.identity);
      if (!isEntered && response === NO_VALUE) {
        throw new RequestRefusedError("not-found", `${target.name} has no value`);
      }
      incoming.respond(now, response);
    }
  }

  #observedTopic(topic: string): ObservedTopic {
    const known = this.#observedTopics.get(topic);
    if (known !== undefined) return known;
    const observed = new ObservedTopic(topic, this.#context, this.#places, () => this.#observedTopics.delete(topic));
    this.#observedTopics.set(topic, observed);
    return observed;
  }

  #enterFilterObserver(now: Instant, request: ServerRequest, { identity }: Caller, filter: string): void {
    const format = packFormat(request.accept);
    const observer: FilterObserver = new FilterObserver(filter, format, identity, this.#context, () =>
      this.#filterObservers.delete(observer),
    );
    this.#filterObservers.add(observer);
    observer.enter(now, request.incoming);
  }

  #lastValue(request: ServerRequest, { identity }: Caller, topic: string, hasEtag: boolean): Response | undefined {
    const { topics, hub, options } = this.#context;
    const message = topics.lastValue(identity, topic);
    if (message === undefined) return undefined;
    if (message.payloadBytes > options.maximumBodySize) throw tooLargeToTell(message, options.maximumBodySize);
    return validated(request, messageResponse(message, request.accept, hub.clock.epoch, hasEtag));
  }

  #lastValues(request: ServerRequest, { identity }: Caller, filter: string): Response {
    const { maxListedValues, maxListedBytes } = this.#context.options;
    const format = packFormat(request.accept);
    const limits = { maxCount: maxListedValues, maxBytes: maxListedBytes };
    const { messages, isTruncated } = this.#context.topics.lastValues(identity, filter, limits);
    if (!isTruncated) return packResponse(messages, format);
    throw new RequestRefusedError(
      "malformed",
      `${filter} has more values than the ${messages.length} that go at once: ask for fewer, or observe with ?retained=false`,
    );
  }

  async #publish(request: ServerRequest, caller: Caller, topic: string): Promise<Response> {
    checkArgumentNames(namesOf(request), PUBLISH_ARGUMENTS);
    const { options, incoming } = request;
    const { qos, retain, expiryS } = parsePublishArguments((name) => request.query.get(name), {
      qos: incoming.isConfirmable ? 1 : 0,
      // A PUT says what the state of the topic is, a POST that something has happened.
      retain: request.code === Code.PUT,
      expiryS: expiryOf(options),
    });
    const before = this.#context.topics.peek(topic);
    this.#checkPreconditions(options, caller, topic, before);
    const { contentFormat } = request;
    this.#places.checkContent(topic, contentFormat);
    await this.#publisher.publish(caller.identity, caller.origin, {
      topic,
      payload: request.payload,
      qos,
      retain,
      properties: contentFormat === undefined ? undefined : { contentType: contentTypeOfFormat(contentFormat) },
      ...(expiryS !== undefined && { expiresAt: this.#context.hub.clock.tick().epoch + expiryS * 1000 }),
    });
    const isCreated = retain && before === undefined && request.payload.length > 0;
    return { code: isCreated ? Code.CREATED : Code.CHANGED, options: Options.NONE };
  }

  /** RFC 7252 5.8.4: 2.02 as well when there was nothing. */
  async #clear(request: ServerRequest, caller: Caller, topic: string): Promise<Response> {
    checkArgumentNames(namesOf(request), CALLER_ARGUMENTS);
    this.#checkPreconditions(request.options, caller, topic, this.#context.topics.peek(topic));
    await this.#publisher.publish(caller.identity, caller.origin, {
      topic,
      payload: NO_BYTES,
      qos: 1,
      retain: true,
    });
    return { code: Code.DELETED };
  }

  /** @throws CoapError with 4.12; RequestRefusedError forbidden for who may not know the state. */
  #checkPreconditions(options: Options, caller: Caller, topic: string, before: Message | undefined): void {
    if (!options.has(Option.IF_MATCH) && !options.has(Option.IF_NONE_MATCH)) return;
    this.#context.topics.checkWritable(caller.identity, topic);
    checkPreconditions(options, before === undefined ? "absent" : { etags: [etagOf(before)] });
  }

  #fail(incoming: IncomingRequest, error: unknown): void {
    const { hub, options, now } = this.#context;
    const response = errorResponse(toCoapError(error, options.maximumBodySize), incoming.options.uint(Option.ACCEPT));
    if (response.code === Code.INTERNAL_SERVER_ERROR)
      hub.log.error({ err: error, path: incoming.path.text }, "CoAP request failed");
    incoming.respond(now(), response);
  }
}

/** 2.03 without the payload when the client has it (RFC 7252 5.10.6.2). */
function validated({ options }: ServerRequest, response: Response): Response {
  const etag = response.options?.bytes(Option.ETAG);
  if (etag === undefined || !options.all(Option.ETAG).some((known) => equalBytes(known, etag))) return response;
  const { options: all = Options.NONE } = response;
  return { code: Code.VALID, options: all.without(Option.CONTENT_FORMAT) };
}

function namesOf({ query }: ServerRequest): string[] {
  return [...query].map(([name]) => name);
}

/** Seconds that Max-Age gives the message. */
function expiryOf(options: Options): number | undefined {
  const maxAge = options.uint(Option.MAX_AGE);
  return maxAge === undefined || maxAge === 0 ? undefined : maxAge;
}

function tooLargeToTell({ topic, payloadBytes }: Message, limit: number): CoapError {
  return new CoapError(
    Code.INTERNAL_SERVER_ERROR,
    `the value of ${topic} has ${payloadBytes} bytes, and this door tells ${limit} at the most`,
  );
}
