import { encodeUtf8, Utf8Error } from "@isthmus/bytes";
import { type Instant, NEVER, type RandomSource } from "@isthmus/machine";
import { BERT_SZX, type Block, decodeBlock } from "../codec/block.js";
import { Code, isSafeMethod, isSuccessCode } from "../codec/codes.js";
import { datagramLength } from "../codec/datagram.js";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { Options } from "../codec/options.js";
import { type AssemblyLimits, type AssemblyStep, AssemblyTable } from "./block-assembly.js";
import { BodyCache, type BodyCacheLimits } from "./body-cache.js";
import { type DeadlineQueue, Timed } from "./deadline-queue.js";
import type { Peer } from "./endpoint.js";
import type { RequestHandler, Response } from "./incoming.js";
import type { Delivery, DeliveryListener, LowerLayer, Receipt } from "./lower-layer.js";
import { isSuppressed } from "./no-response.js";
import { ObserverTable } from "./observer-table.js";
import { operationKey } from "./operation-key.js";
import { OptionCheck } from "./option-check.js";
import { type Composition, composeResponse } from "./response-composition.js";
import { ServerExchange } from "./server-exchange.js";
import { type NotificationPolicy, type ObservationHost, ServerObservation } from "./server-observation.js";
import type { ObservationEnd, Subject } from "./subject.js";
import type { UriPath } from "./uri-path.js";
import { UriPathTable } from "./uri-path-table.js";

/** What the server side of an endpoint is made of. */
export interface ResponderOptions {
  readonly handler: RequestHandler;
  readonly random: RandomSource;
  readonly deadlines: DeadlineQueue;
  readonly leisureMs: number;
  /** Whether requests with Proxy-Uri or Proxy-Scheme reach the handler; else they are answered 5.05. */
  readonly supportsProxying: boolean;
  /** Critical options that the handler understands, beyond the standard ones. */
  readonly recognizedOptions: readonly number[];
  readonly maxObservers: number;
  readonly assembly: AssemblyLimits;
  readonly bodies: BodyCacheLimits;
  readonly notifications: NotificationPolicy;
  /** Paths that are remembered decoded; a power of two. */
  readonly pathPlaces: number;
}

/**
 * The server side of the request-response layer: checks a request, puts its blocks together, hands it to the handler,
 * and brings what comes back into the form that the client asked for.
 */
export class Responder<P extends Peer> implements ObservationHost<P> {
  readonly policy: NotificationPolicy;
  readonly #options: ResponderOptions;
  readonly #lower: LowerLayer<P>;
  readonly #check: OptionCheck;
  readonly #paths: UriPathTable;
  readonly #assemblies: AssemblyTable;
  readonly #bodies: BodyCache;
  readonly #observers: ObserverTable<P>;
  #lastNotification: { response: Response; sequence: number; options: Options } | undefined;

  constructor(options: ResponderOptions, lower: LowerLayer<P>) {
    this.#options = options;
    this.#lower = lower;
    this.policy = options.notifications;
    this.#check = OptionCheck.forRequests(options.recognizedOptions);
    this.#paths = new UriPathTable(options.pathPlaces);
    this.#assemblies = new AssemblyTable(options.assembly);
    this.#bodies = new BodyCache(options.bodies);
    this.#observers = new ObserverTable(options.maxObservers);
  }

  get observerCount(): number {
    return this.#observers.size;
  }

  get isReliable(): boolean {
    return this.#lower.isReliable;
  }

  handleRequest(now: Instant, peer: P, message: CoapMessage, receipt: Receipt): void {
    const fault = this.#check.findFault(message.options);
    if (fault !== undefined) {
      this.#refuseOptions(now, peer, message, receipt, fault);
      return;
    }
    const options = this.#check.withoutMalformed(message.options);
    let path: UriPath;
    try {
      path = this.#paths.find(options);
    } catch (error) {
      if (!(error instanceof Utf8Error)) throw error;
      this.#refuseOptions(now, peer, message, receipt, "Uri-Path is not UTF-8");
      return;
    }
    const exchange = new ServerExchange(this, peer, message, options, path, receipt);
    const waitMs = this.#lower.admit(now, peer);
    if (waitMs > 0) {
      this.#refuseRate(now, exchange, waitMs);
      return;
    }
    const last = options.count === 0 ? 0 : options.numberAt(options.count - 1);
    // Hop-Limit, Block, Proxy and Echo options have higher numbers than what most requests carry.
    if (last > Option.URI_QUERY && !this.#prepare(now, exchange)) return;
    if (options.has(Option.OBSERVE)) this.#deregister(now, exchange);
    this.#options.handler.handleRequest(now, exchange);
  }

  /** Sends `response` to the request of `exchange`, which has not been answered. */
  answer(now: Instant, exchange: ServerExchange<P>, response: Response): void {
    const { observation, receipt, options } = exchange;
    if (observation !== undefined && !isSuccessCode(response.code)) observation.finish(now, "error-response");
    const noResponse = options.count === 0 ? undefined : options.uint(Option.NO_RESPONSE);
    if (isSuppressed(noResponse, response.code, receipt.isMulticast)) {
      receipt.ignore(now);
    } else if (receipt.isMulticast) {
      // RFC 7252 8.2: answers to a group are spread over the leisure.
      const delay = this.#options.leisureMs * (this.#options.random.nextUint32() / 0x1_0000_0000);
      this.schedule(new DelayedReply((later) => this.#reply(later, exchange, response)), now + delay);
    } else {
      this.#reply(now, exchange, response);
    }
  }

  /** Enters the requester of `exchange` as an observer of `subject`. */
  register(now: Instant, exchange: ServerExchange<P>, subject: Subject): ServerObservation<P> | undefined {
    // RFC 7641 4.1: an entry with the same endpoint and token is replaced.
    this.#observers.find(exchange.peer, exchange.token)?.finish(now, "replaced");
    if (this.#observers.isFull) return undefined;
    const observation = new ServerObservation(now, this, exchange, subject);
    this.#observers.add(observation);
    this.#lower.hold(exchange.peer);
    subject.enter(observation);
    exchange.observation = observation;
    return observation;
  }

  unregister(_now: Instant, observation: ServerObservation<P>, _reason: ObservationEnd): void {
    this.#observers.delete(observation);
    this.#options.deadlines.cancel(observation);
    this.#lower.release(observation.request.peer);
  }

  /** A notification was rejected: the observation is over (RFC 7641 3.6). */
  handleReset(now: Instant, peer: P, messageId: number): void {
    this.#observers.findByMessageId(peer, messageId)?.finish(now, "reset");
  }

  composeNotification(
    now: Instant,
    observation: ServerObservation<P>,
    sequence: number | undefined,
    response: Response,
  ): CoapMessage {
    const { peer, token, block2 } = observation.request;
    const payload = response.payload ?? NO_BYTES;
    const isWhole = block2 === undefined && payload.length <= this.#lower.blockLimit(peer).payloadBytes;
    if (sequence === undefined || !isWhole || this.isUnverified(peer)) {
      // RFC 7959 2.6, figure 13: notifications come in blocks of the size that the registration asked for.
      const first = block2 && { ...block2, number: 0 };
      return this.#compose(now, observation.request, response, sequence, undefined, first).message;
    }
    return { code: response.code, token, options: this.#optionsOfNotification(response, sequence), payload };
  }

  /** The options of a notification are the same for all observers: they are made once. */
  #optionsOfNotification(response: Response, sequence: number): Options {
    const last = this.#lastNotification;
    if (last?.response === response && last.sequence === sequence) return last.options;
    const options = (response.options ?? Options.NONE).with(Option.OBSERVE, sequence);
    this.#lastNotification = { response, sequence, options };
    return options;
  }

  sendConfirmable(now: Instant, peer: P, message: CoapMessage, listener: DeliveryListener): Delivery | undefined {
    return this.#lower.send(now, peer, message, true, listener);
  }

  sendNonConfirmable(now: Instant, peer: P, message: CoapMessage): number {
    return this.#lower.sendNotification(now, peer, message);
  }

  isUnverified(peer: P): boolean {
    return this.#lower.sendAllowance(peer) !== NEVER;
  }

  schedule(timed: Timed, at: Instant): void {
    this.#options.deadlines.schedule(timed, at);
  }

  close(now: Instant): void {
    this.#observers.finishAll(now, "closed");
  }

  /** Deals with the options that most requests do not have. @returns false when the request goes no further. */
  #prepare(now: Instant, exchange: ServerExchange<P>): boolean {
    const { options, peer } = exchange;
    const echo = options.bytes(Option.ECHO);
    if (echo !== undefined) this.#lower.receiveEcho(peer, echo);
    const isForProxy = options.has(Option.PROXY_URI) || options.has(Option.PROXY_SCHEME);
    // RFC 7252 5.7.2, 5.10.2.
    if (isForProxy && !this.#options.supportsProxying) return this.#refuse(now, exchange, Code.PROXYING_NOT_SUPPORTED);
    // RFC 8768 3: a value of 0 is a Bad Request.
    if (options.uint(Option.HOP_LIMIT) === 0) return this.#refuse(now, exchange, Code.BAD_REQUEST, "Hop-Limit is 0");

    const block1 = blockOf(options, Option.BLOCK1);
    const block2 = blockOf(options, Option.BLOCK2);
    // RFC 7959 2.2: SZX 7 is reserved, on datagrams.
    if (!this.isReliable && (block1?.szx === BERT_SZX || block2?.szx === BERT_SZX)) {
      return this.#refuse(now, exchange, Code.BAD_REQUEST, "SZX 7 is reserved");
    }
    exchange.block2 = block2;
    if (block1 !== undefined && !this.#receiveBlock1(now, exchange, block1)) return false;
    if (block2 !== undefined && block2.number > 0 && block1 === undefined) return !this.#sendKeptBlock(now, exchange);
    return true;
  }

  /** @returns whether the body is whole: the request goes on with it. */
  #receiveBlock1(now: Instant, exchange: ServerExchange<P>, block: Block): boolean {
    const { options, peer, code, payload } = exchange;
    exchange.block1 = { ...block, szx: Math.min(block.szx, this.#lower.blockLimit(peer).szx) };
    const { maxBodyBytes } = this.#options.assembly;
    // RFC 7959 4: Size1 announces the whole; better refused before it is sent.
    if ((options.uint(Option.SIZE1) ?? 0) > maxBodyBytes) return this.#refuseSize(now, exchange, maxBodyBytes);
    const step = this.#assemblies.put(now, operationKey(peer.id, code, options), block, payload);
    if (step.type === "complete") {
      exchange.payload = step.body;
      return true;
    }
    this.#answerStep(now, exchange, step);
    return false;
  }

  /** Answers a block that does not complete its body. */
  #answerStep(now: Instant, exchange: ServerExchange<P>, step: Exclude<AssemblyStep, { type: "complete" }>): void {
    switch (step.type) {
      case "continue":
        // RFC 7959 2.3: 2.31 with M set says that the response comes when the body is whole.
        exchange.respond(now, { code: Code.CONTINUE });
        return;
      case "incomplete":
        this.#refuse(now, exchange, Code.REQUEST_ENTITY_INCOMPLETE, "not the block that was expected");
        return;
      case "malformed":
        this.#refuse(now, exchange, Code.BAD_REQUEST, "block and payload differ in size");
        return;
      case "too-large":
        this.#refuseSize(now, exchange, step.maxBytes);
        return;
    }
  }

  /** Answers a request for a later block from the body that was kept. @returns whether the request is answered. */
  #sendKeptBlock(now: Instant, exchange: ServerExchange<P>): boolean {
    const kept = this.#bodies.take(now, operationKey(exchange.peer.id, exchange.code, exchange.options));
    if (kept !== undefined) {
      exchange.respond(now, kept);
      return true;
    }
    // A safe request may be asked again: random access (RFC 7959 2.4).
    if (isSafeMethod(exchange.code)) return false;
    this.#refuse(now, exchange, Code.REQUEST_ENTITY_INCOMPLETE, "the response is no longer kept");
    return true;
  }

  #reply(now: Instant, exchange: ServerExchange<P>, response: Response): void {
    const observation = exchange.observation?.isActive ? exchange.observation : undefined;
    if (observation !== undefined && this.isUnverified(exchange.peer)) {
      this.#replyToStranger(now, exchange, response, observation);
      return;
    }
    const observe = observation?.subject.nextSequence(now);
    const { message, isChallenge } = this.#compose(now, exchange, response, observe, exchange.block1, exchange.block2);
    exchange.receipt.reply(now, message, isChallenge ? false : response.isConfirmable);
  }

  /**
   * Answers a registration from an address that may be forged: with a Confirmable message of its own, so that the
   * acknowledgement shows that the address wants what will follow. It acknowledges the request as well; when it is
   * lost, the client asks again, and pays for sending it again.
   */
  #replyToStranger(
    now: Instant,
    exchange: ServerExchange<P>,
    response: Response,
    observation: ServerObservation<P>,
  ): void {
    const { message } = this.#compose(now, exchange, response, 0xff_ffff, undefined, exchange.block2);
    if (datagramLength(message) <= this.#lower.sendAllowance(exchange.peer)) {
      exchange.receipt.withhold(now);
      observation.notify(now, response);
    } else {
      // Not even a small block fits: a plain request, which is challenged.
      observation.finish(now, "error-response");
      this.#reply(now, exchange, response);
    }
  }

  #compose(
    now: Instant,
    exchange: ServerExchange<P>,
    response: Response,
    observe: number | undefined,
    block1: Block | undefined,
    block2: Block | undefined,
  ): Composition {
    const { peer, token, code } = exchange;
    const allowance = this.#lower.sendAllowance(peer);
    const composition = composeResponse(response, {
      token,
      block1,
      block2,
      observe,
      limit: this.#lower.blockLimit(peer),
      allowance,
      challenge: allowance === NEVER ? undefined : this.#lower.challenge(peer),
      isSafe: isSafeMethod(code),
    });
    const { more } = composition;
    if (more || (block2 !== undefined && block2.number > 0)) this.#keepBody(now, exchange, response, more);
    return composition;
  }

  /** Keeps the body while blocks of it are left; the last one of a safe request ends that. */
  #keepBody(now: Instant, exchange: ServerExchange<P>, response: Response, more: boolean): void {
    const { peer, code, options } = exchange;
    const operation = operationKey(peer.id, code, options);
    if (!more) {
      if (isSafeMethod(code)) this.#bodies.drop(operation);
      return;
    }
    this.#bodies.put(now, operation, response);
    // Some clients leave the Request-Tag of the upload out when they ask for the blocks of the response.
    const untagged = options.without(Option.REQUEST_TAG);
    if (untagged !== options) this.#bodies.put(now, operationKey(peer.id, code, untagged), response);
  }

  /** RFC 7641 3.6, 4.1: Observe 1 takes the client off the list; the request is then an ordinary one. */
  #deregister(now: Instant, exchange: ServerExchange<P>): void {
    if (exchange.options.uint(Option.OBSERVE) !== 1) return;
    this.#observers.find(exchange.peer, exchange.token)?.finish(now, "deregistered");
  }

  #refuse(now: Instant, exchange: ServerExchange<P>, code: number, diagnostic?: string): false {
    exchange.respond(now, diagnostic === undefined ? { code } : { code, payload: encodeUtf8(diagnostic) });
    return false;
  }

  /** RFC 8516 2: 4.29 says in Max-Age, in seconds, when to ask again. */
  #refuseRate(now: Instant, exchange: ServerExchange<P>, waitMs: number): void {
    const options = Options.of([Option.MAX_AGE, Math.ceil(waitMs / 1_000)]);
    exchange.respond(now, { code: Code.TOO_MANY_REQUESTS, options });
  }

  /** RFC 7959 2.9.3: 4.13 says in Size1 how much would be accepted. */
  #refuseSize(now: Instant, exchange: ServerExchange<P>, maxBytes: number): false {
    exchange.respond(now, { code: Code.REQUEST_ENTITY_TOO_LARGE, options: Options.of([Option.SIZE1, maxBytes]) });
    return false;
  }

  #refuseOptions(now: Instant, peer: P, message: CoapMessage, receipt: Receipt, diagnostic: string): void {
    // RFC 7252 5.4.1: a Confirmable request is answered 4.02, a Non-confirmable one rejected.
    if (!receipt.isConfirmable) {
      receipt.reject(now);
      return;
    }
    const exchange = new ServerExchange(this, peer, message, message.options, NO_PATH, receipt);
    this.#refuse(now, exchange, Code.BAD_OPTION, diagnostic);
  }
}

/** Stands for the path of a request that no handler sees. */
const NO_PATH: UriPath = { segments: [], text: "/" };

function blockOf(options: Options, number: number): Block | undefined {
  const value = options.uint(number);
  return value === undefined ? undefined : decodeBlock(value);
}

/** An answer that waits for its moment. */
class DelayedReply extends Timed {
  readonly #send: (now: Instant) => void;

  constructor(send: (now: Instant) => void) {
    super();
    this.#send = send;
  }

  handleDue(now: Instant): void {
    this.#send(now);
  }
}
