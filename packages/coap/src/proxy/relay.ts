import { equalBytes, toHex } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Code, isSafeMethod } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import type { Response } from "../endpoint/incoming.js";
import {
  type IncomingResponse,
  RequestError,
  type RequestFailureReason,
  type ResponseHandler,
} from "../endpoint/outgoing.js";
import type { Subject } from "../endpoint/subject.js";
import { CoapError, errorResponse } from "../server/coap-error.js";
import { optionsToForward, optionsToReturn } from "./proxy-options.js";
import type { ProxyTarget } from "./proxy-target.js";
import { type Applicant, JoinedObservation } from "./joined-observation.js";
import { type CacheLimits, cacheKey, type CacheQuestion, ResponseCache } from "./response-cache.js";
import type { Upstream } from "./upstream.js";

/** How a {@link Relay} asks on behalf of others. */
export interface RelayOptions {
  /** Who asks the servers; the first that can reach a target does. */
  readonly upstreams: readonly Upstream[];
  readonly cache?: Partial<CacheLimits>;
  /** Requests to servers at a time; more are answered 5.03. Default 1,024. */
  readonly maxExchanges?: number;
}

/** A request to be relayed. */
export interface RelayRequest {
  readonly code: number;
  readonly options: Options;
  readonly payload: Uint8Array;
}

/** Gets the response of a relayed request. */
export type Respond = (now: Instant, response: Response) => void;

/** What becomes of a request that failed on the side of the server (RFC 7252 5.9.3). */
const codeByFailure: Readonly<Record<RequestFailureReason, number>> = {
  timeout: Code.GATEWAY_TIMEOUT,
  reset: Code.BAD_GATEWAY,
  cancelled: Code.SERVICE_UNAVAILABLE,
  closed: Code.BAD_GATEWAY,
  overload: Code.SERVICE_UNAVAILABLE,
  "bad-response": Code.BAD_GATEWAY,
  "too-large": Code.BAD_GATEWAY,
  unreachable: Code.BAD_GATEWAY,
};

/**
 * The heart of all proxies: answers from its cache, asks the server once for all who ask for the same at the same time, and
 * observes once for all who observe (RFC 7252 5.7, RFC 7641 5).
 */
export class Relay {
  readonly cache: ResponseCache;
  readonly #options: RelayOptions;
  readonly #maxExchanges: number;
  /** Who waits for a safe request that is under way, by what was asked. */
  readonly #waitingByKey = new Map<string, Respond[]>();
  readonly #observationByKey = new Map<string, JoinedObservation>();
  #exchangeCount = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#maxExchanges = options.maxExchanges ?? 1_024;
    this.cache = new ResponseCache(options.cache);
  }

  /** Requests to servers that are under way, observations not counted. */
  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  /** Observations of servers that are held. */
  get observationCount(): number {
    return this.#observationByKey.size;
  }

  /** Gets `respond` the response to `request` from the cache or from the server. */
  relay(now: Instant, target: ProxyTarget, request: RelayRequest, respond: Respond): void {
    try {
      const question = questionOf(target, request);
      const found = isSafeMethod(request.code) ? this.cache.find(now, question) : NOTHING;
      if (found.type === "fresh") respond(now, found.response);
      else this.#ask(now, target, question, found.type === "stale" ? found.etag : undefined, respond);
    } catch (error) {
      respond(now, errorResponse(error));
    }
  }

  /**
   * Observes `target` for whoever is entered at the subject that `register` is given; the first response comes to `respond`.
   *
   * @param register enters the requester among the observers of the subject, before the response; undefined when it cannot.
   */
  observe(
    now: Instant,
    target: ProxyTarget,
    request: RelayRequest,
    register: (now: Instant, subject: Subject) => boolean,
    respond: Respond,
  ): void {
    try {
      const question = questionOf(target, request);
      const key = cacheKey(question);
      const known = this.#observationByKey.get(key);
      if (known !== undefined) known.join(now, register, respond);
      else this.#startObservation(now, target, question, key, { register, respond });
    } catch (error) {
      respond(now, errorResponse(error));
    }
  }

  /** Ends all observations with 5.03 and forgets what is stored. */
  close(now: Instant): void {
    const response = errorResponse(new CoapError(Code.SERVICE_UNAVAILABLE, "the proxy closes"));
    for (const observation of this.#observationByKey.values()) observation.end(now, response);
    this.#observationByKey.clear();
    this.cache.clear();
  }

  /** Asks the server, or joins those who wait for the answer to the same question. */
  #ask(
    now: Instant,
    target: ProxyTarget,
    question: CacheQuestion,
    storedEtag: Uint8Array | undefined,
    respond: Respond,
  ): void {
    const key = isSafeMethod(question.code) ? exchangeKey(question) : undefined;
    const running = key === undefined ? undefined : this.#waitingByKey.get(key);
    if (running !== undefined) {
      running.push(respond);
      return;
    }
    const upstream = this.#upstreamFor(target);
    if (this.#exchangeCount >= this.#maxExchanges) {
      throw new CoapError(Code.SERVICE_UNAVAILABLE, "the proxy is busy", { maxAge: 5 });
    }
    const waiting = [respond];
    this.#exchangeCount++;
    if (key !== undefined) this.#waitingByKey.set(key, waiting);
    const handler = once((at, response) => {
      this.#exchangeCount--;
      if (key !== undefined) this.#waitingByKey.delete(key);
      const answer =
        response instanceof RequestError ? failureResponse(response) : this.#returned(at, question, response);
      // The stored response that 2.03 is about went out of the cache meanwhile: once more, without its entity-tag.
      const isForgotten = storedEtag !== undefined && answer.code === Code.VALID && !names(question.options, answer);
      for (const waiter of waiting) {
        if (isForgotten) this.#ask(at, target, question, undefined, waiter);
        else waiter(at, answer);
      }
    });
    upstream.send(now, target, withEtag(question, storedEtag), handler);
  }

  #startObservation(
    now: Instant,
    target: ProxyTarget,
    { code, options, payload, uri }: CacheQuestion,
    key: string,
    first: Applicant,
  ): void {
    const upstream = this.#upstreamFor(target);
    // Each member has entity-tags of its own: the server is asked for the state, not for a comparison.
    const question = { uri, code, options: options.without(Option.ETAG), payload };
    const observation = new JoinedObservation({
      receive: (at, response) => this.#returned(at, question, response),
      fail: failureResponse,
      handleOver: () => this.#observationByKey.delete(key),
    });
    this.#observationByKey.set(key, observation);
    observation.join(now, first.register, first.respond);
    const observing = { ...question, options: question.options.with(Option.OBSERVE, 0) };
    observation.start((handler) => upstream.send(now, target, observing, handler));
  }

  /** What a server answered, as it goes back; the cache takes note. */
  #returned(now: Instant, question: CacheQuestion, incoming: IncomingResponse): Response {
    try {
      const { code, payload } = incoming;
      const response = { code, options: optionsToReturn(incoming.options), payload };
      return this.cache.receive(now, question, response);
    } catch (error) {
      return errorResponse(error);
    }
  }

  /** @throws CoapError with 5.05 when nobody here speaks the scheme of `target` (RFC 7252 5.10.2). */
  #upstreamFor(target: ProxyTarget): Upstream {
    const upstream = this.#options.upstreams.find((candidate) => candidate.canReach(target));
    if (upstream !== undefined) return upstream;
    throw new CoapError(Code.PROXYING_NOT_SUPPORTED, `the proxy does not speak ${target.scheme}`);
  }
}

const NOTHING = { type: "none" } as const;

/** What goes on of a request, which is also what the cache knows it by. @throws CoapError when it may not go on. */
function questionOf(target: ProxyTarget, { code, options, payload }: RelayRequest): CacheQuestion {
  return { uri: target.uri, code, options: optionsToForward(options), payload };
}

/** Requests of the same key get the same answer, 2.03 included. */
function exchangeKey(question: CacheQuestion): string {
  return [cacheKey(question), ...question.options.all(Option.ETAG).map((etag) => toHex(etag))].join(" ");
}

/** RFC 7252 5.6.2: the stored response's entity-tag beside those that the client named. */
function withEtag(question: CacheQuestion, etag: Uint8Array | undefined): CacheQuestion {
  if (etag === undefined) return question;
  const { options } = question;
  return { ...question, options: options.with(Option.ETAG, etag, ...options.all(Option.ETAG)) };
}

/** Whether the client named the entity-tag of a response. */
function names(options: Options, response: Response): boolean {
  const etag = response.options?.bytes(Option.ETAG);
  return etag !== undefined && options.all(Option.ETAG).some((known) => equalBytes(known, etag));
}

/** A handler for the first of what comes: a response, or the end without one. */
function once(settle: (now: Instant, outcome: IncomingResponse | RequestError) => void): ResponseHandler {
  let isSettled = false;
  const settleOnce = (now: Instant, outcome: IncomingResponse | RequestError): void => {
    if (isSettled) return;
    isSettled = true;
    settle(now, outcome);
  };
  return {
    handleResponse: settleOnce,
    handleEnd: (now, failure) =>
      settleOnce(now, failure ?? new RequestError("bad-response", "the server said nothing")),
  };
}

/** The response for a request that got none. */
function failureResponse(failure: RequestError | undefined): Response {
  const code = failure === undefined ? Code.BAD_GATEWAY : codeByFailure[failure.reason];
  return errorResponse(new CoapError(code, failure?.message ?? "the server ended it"));
}
