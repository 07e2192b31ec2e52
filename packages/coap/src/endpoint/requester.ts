import type { Instant, RandomSource } from "@isthmus/machine";
import { isRequestCode } from "../codec/codes.js";
import type { CoapMessage } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { ClientExchange } from "./client-exchange.js";
import type { DeadlineQueue } from "./deadline-queue.js";
import type { Peer } from "./endpoint.js";
import { GroupExchange } from "./group-exchange.js";
import type { LowerLayer } from "./lower-layer.js";
import { OptionCheck } from "./option-check.js";
import { type OutgoingRequest, type Request, RequestError, type ResponseHandler } from "./outgoing.js";
import { PingExchange } from "./ping-exchange.js";
import { TokenTable } from "./token-table.js";

/** What the client side of an endpoint is made of. */
export interface RequesterOptions {
  readonly random: RandomSource;
  readonly deadlines: DeadlineQueue;
  /** Wait for the response to a Confirmable request. */
  readonly responseTimeoutMs: number;
  /** Wait for the response to a Non-confirmable request. */
  readonly nonResponseTimeoutMs: number;
  /** Wait for responses to a request to a group. */
  readonly groupResponseTimeoutMs: number;
  /** Most bytes of the body of a response. */
  readonly maxBodyBytes: number;
  /** Requests under way, observations among them. */
  readonly maxRequests: number;
  /** Critical options of responses that the upper layer understands. */
  readonly recognizedOptions: readonly number[];
}

/** Options that the endpoint sets itself. */
const ownOptions = [Option.BLOCK1, Option.SIZE1, Option.REQUEST_TAG];

/** The client side of the request-response layer: the requests under way, found by the token of a response. */
export class Requester<P extends Peer> {
  readonly options: RequesterOptions;
  readonly lower: LowerLayer<P>;
  readonly tokens: TokenTable<P>;
  readonly responseCheck: OptionCheck;
  readonly #running = new Set<RunningRequest>();
  #nextRequestTag: number;

  constructor(options: RequesterOptions, lower: LowerLayer<P>) {
    this.options = options;
    this.lower = lower;
    this.tokens = new TokenTable(options.random);
    this.responseCheck = OptionCheck.forResponses(options.recognizedOptions);
    this.#nextRequestTag = options.random.nextUint32();
  }

  /** Requests under way. */
  get size(): number {
    return this.#running.size;
  }

  /** @throws TypeError for a code that is no method, or an option that is the endpoint's to set. */
  request(now: Instant, peer: P, request: Request, handler: ResponseHandler): OutgoingRequest {
    checkRequest(request);
    const exchange = request.isMulticast
      ? new GroupExchange(this, peer, request, handler)
      : new ClientExchange(this, peer, request, handler);
    return this.#run(now, exchange);
  }

  ping(now: Instant, peer: P, handler: ResponseHandler): OutgoingRequest {
    return this.#run(now, new PingExchange(this, peer, handler));
  }

  /** @returns false when nobody waits for it, or it must be rejected. */
  handleResponse(now: Instant, peer: P, message: CoapMessage): boolean {
    const owner = this.tokens.find(message.token);
    if (owner === undefined) return false;
    // RFC 7252 5.3.2: the source of the response is the destination of the request.
    if (owner.responder !== undefined && owner.responder !== peer) return false;
    return owner.receiveResponse(now, peer, message);
  }

  /** A value that no other block-wise operation of this endpoint has had for long (RFC 9175 3.3). */
  nextRequestTag(): number {
    this.#nextRequestTag = (this.#nextRequestTag + 1) >>> 0;
    return this.#nextRequestTag;
  }

  /** The request is over. */
  remove(exchange: RunningRequest): void {
    this.#running.delete(exchange);
  }

  close(now: Instant): void {
    for (const exchange of this.#running) exchange.fail(now, new RequestError("closed", "the endpoint was closed"));
  }

  #run(now: Instant, exchange: RunningRequest): OutgoingRequest {
    if (this.#running.size >= this.options.maxRequests) {
      exchange.fail(now, new RequestError("overload", `${this.#running.size} requests are under way`));
      return exchange;
    }
    this.#running.add(exchange);
    exchange.start(now);
    return exchange;
  }
}

/** A request as the {@link Requester} keeps it. */
export interface RunningRequest extends OutgoingRequest {
  start(now: Instant): void;
  /** Ends it with a failure. */
  fail(now: Instant, error: RequestError): void;
}

function checkRequest(request: Request): void {
  if (!isRequestCode(request.code)) throw new TypeError(`${request.code} is not a method`);
  for (const number of ownOptions) {
    if (request.options?.has(number)) throw new TypeError(`option ${number} is set by the endpoint`);
  }
}
