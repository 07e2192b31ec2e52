import type { Instant } from "@isthmus/machine";
import { Code, isSafeMethod, isSuccessCode } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { IncomingRequest, Response } from "../endpoint/incoming.js";
import type { Observation } from "../endpoint/subject.js";
import type { Media } from "../media/media.js";
import type { LinkAttributeValues } from "../media/link-format.js";
import { CoapError, errorResponse } from "./coap-error.js";
import { Observers } from "./observers.js";
import { checkPreconditions, type CurrentState, hasPreconditions } from "./preconditions.js";
import { allEtags, asReply, renderResult, type RenderingPolicy } from "./render.js";
import { type Notification, ServerRequest } from "./server-request.js";

/**
 * Answers a request: with a plain value, which goes out as the client likes it; a {@link Representation} to say in which
 * formats; a {@link Reply} to say more; or nothing, for the bare success of the method. An error that it throws becomes
 * an error response. A promise of any of these will do.
 */
export type Handler<Parameters = unknown> = (request: ServerRequest<Parameters>) => unknown;

/** What a resource does, and what is said of it. */
export interface ResourceDefinition<Parameters = unknown> {
  readonly get?: Handler<Parameters>;
  readonly post?: Handler<Parameters>;
  readonly put?: Handler<Parameters>;
  readonly delete?: Handler<Parameters>;
  readonly fetch?: Handler<Parameters>;
  readonly patch?: Handler<Parameters>;
  readonly ipatch?: Handler<Parameters>;
  /** Whether it can be observed (RFC 7641); say `notify` when it changes. Default false. */
  readonly isObservable?: boolean;
  /** Whether its observers are not told a state that is the same as before. Default false: saying it again keeps it fresh. */
  readonly onlyNotifiesChanges?: boolean;
  /** Attributes of its link in `/.well-known/core`, as `{ rt: "temperature-c" }`. `obs` is added. */
  readonly attributes?: LinkAttributeValues;
  /** Whether it is listed in `/.well-known/core`. Default: when its path has no parameters. */
  readonly isListed?: boolean;
  /** Seconds for which its representations are fresh, unless the handler says. Default 60. */
  readonly maxAge?: number;
  /** Whether its representations get an entity-tag made of their content. Default: bodies of more than 1024 bytes. */
  readonly hasContentEtag?: boolean;
  /**
   * The state that If-Match and If-None-Match are held against. Default: what `get` returns, its entity-tags made of
   * the content unless it says them; a `get` that throws 4.04 says that the resource does not exist.
   */
  readonly currentState?: (request: ServerRequest<Parameters>) => CurrentState | Promise<CurrentState>;
  /** Content-Formats that requests may have; others are answered 4.15. Default: any. */
  readonly accepts?: readonly number[];
}

/** A handler's key in {@link ResourceDefinition}. */
export type MethodKey = "get" | "post" | "put" | "delete" | "fetch" | "patch" | "ipatch";

const methodKeyByCode: Readonly<Record<number, MethodKey>> = {
  [Code.GET]: "get",
  [Code.POST]: "post",
  [Code.PUT]: "put",
  [Code.DELETE]: "delete",
  [Code.FETCH]: "fetch",
  [Code.PATCH]: "patch",
  [Code.IPATCH]: "ipatch",
};

/** What a resource has of its server. */
export interface ResourceHost {
  readonly media: Media;
  now(): Instant;
  /** Told of errors that nobody foresaw. */
  handleError(error: unknown, request: IncomingRequest): void;
}

/** A resource of a server, or all that a path pattern stands for. */
export class Resource {
  /** Its path or pattern. */
  readonly path: string;
  readonly #host: ResourceHost;
  readonly #observersByPath = new Map<string, Observers>();
  /** Paths where a conditional request is being looked into, until it is done. */
  readonly #turnByPath = new Map<string, Promise<unknown>>();
  #definition: ResourceDefinition;
  #rendering: RenderingPolicy;

  /** For the server: {@link CoapServer.resource} makes them. */
  constructor(path: string, definition: ResourceDefinition, host: ResourceHost) {
    this.path = path;
    this.#host = host;
    this.#definition = definition;
    this.#rendering = renderingOf(definition);
  }

  get definition(): ResourceDefinition {
    return this.#definition;
  }

  /** Those who observe it now. */
  get observerCount(): number {
    let count = 0;
    for (const observers of this.#observersByPath.values()) count += observers.count;
    return count;
  }

  /** The paths that are observed now: several where its own is a pattern. */
  get observedPaths(): string[] {
    return [...this.#observersByPath.keys()];
  }

  /** Adds to what it does, in place of what it did. */
  define(definition: ResourceDefinition): this {
    this.#definition = { ...this.#definition, ...definition };
    this.#rendering = renderingOf(this.#definition);
    return this;
  }

  /**
   * Tells the observers that it changed: `value`, or else what its handler returns now.
   *
   * @param options.path tells only those who observe this path, of a resource whose pattern has parameters.
   */
  notify(value?: unknown, options: { readonly path?: string } = {}): void {
    const { path } = options;
    if (path === undefined) for (const observers of this.#observersByPath.values()) this.#tell(observers, value);
    else this.#tell(this.#observersByPath.get(path), value);
  }

  /** Ends all observations with an error. Default: 4.04, it is gone. */
  endObservations(error: CoapError = new CoapError(Code.NOT_FOUND)): void {
    for (const observers of this.#observersByPath.values()) observers.end(errorResponse(error));
  }

  /** For the server: answers `incoming`. */
  handle(now: Instant, incoming: IncomingRequest, params: unknown): void {
    const observers = this.#isRegistration(incoming) ? this.#observersOf(incoming, params) : undefined;
    observers?.apply();
    const changeCount = observers?.changeCount;
    const response = this.#respond(incoming, params);
    if (response instanceof Promise) {
      void response.then((late) => this.#answer(this.#host.now(), incoming, late, observers, changeCount));
    } else {
      this.#answer(now, incoming, response, observers, changeCount);
    }
  }

  #answer(
    now: Instant,
    incoming: IncomingRequest,
    response: Response,
    observers: Observers | undefined,
    changeCount: number | undefined,
  ): void {
    let observation: Observation | undefined;
    // RFC 7641 4.1: an error enters nobody.
    if (isSuccessCode(response.code)) observation = observers?.register(now, incoming, response);
    else observers?.refuse();
    incoming.respond(now, response);
    // A change while the handler was at work: what it found is history already.
    if (observation !== undefined && observers?.changeCount !== changeCount) observers?.notifyOne(observation);
  }

  #tell(observers: Observers | undefined, value: unknown): void {
    if (value === undefined) observers?.notify();
    else observers?.notify((request, contentFormat) => this.#renderValue(request, value, contentFormat));
  }

  #isRegistration(incoming: IncomingRequest): boolean {
    return this.#definition.isObservable === true && incoming.isRegistration;
  }

  #observersOf({ path }: IncomingRequest, params: unknown): Observers {
    const known = this.#observersByPath.get(path.text);
    if (known !== undefined) return known;
    const observers = new Observers({
      now: () => this.#host.now(),
      represent: (request, accept) => this.#respond(request, params, { accept }),
      onlyNotifiesChanges: this.#definition.onlyNotifiesChanges ?? false,
      handleUnobserved: () => this.#observersByPath.delete(path.text),
    });
    this.#observersByPath.set(path.text, observers);
    return observers;
  }

  /** The response of the handler, or of the error that it threw. */
  #respond(incoming: IncomingRequest, params: unknown, notification?: Notification): Response | Promise<Response> {
    try {
      const request = new ServerRequest(incoming, params, this.#host.media, notification);
      const handler = this.#handlerFor(request);
      const turn = this.#turnByPath.size === 0 ? undefined : this.#turnByPath.get(incoming.path.text);
      if (turn !== undefined && !isSafeMethod(incoming.code)) {
        return turn.then(() => this.#respond(incoming, params, notification));
      }
      const response = hasPreconditions(incoming.options)
        ? this.#actConditionally(request, handler)
        : this.#act(request, handler);
      return response instanceof Promise ? this.#settle(incoming, response) : response;
    } catch (error) {
      return this.#fail(incoming, error);
    }
  }

  async #settle(incoming: IncomingRequest, response: Promise<Response>): Promise<Response> {
    try {
      return await response;
    } catch (error) {
      return this.#fail(incoming, error);
    }
  }

  #act(request: ServerRequest, handler: Handler): Response | Promise<Response> {
    const result = handler(request);
    return result instanceof Promise
      ? result.then((value: unknown) => this.#render(request, value))
      : this.#render(request, result);
  }

  /** Looks, then acts. Where looking takes time, others that may change the resource wait until it is done. */
  #actConditionally(request: ServerRequest, handler: Handler): Response | Promise<Response> {
    const state = this.#currentState(request);
    if (!(state instanceof Promise)) {
      checkPreconditions(request.options, state);
      return this.#act(request, handler);
    }
    const path = request.path;
    const response = state.then((found) => {
      checkPreconditions(request.options, found);
      return this.#act(request, handler);
    });
    const turn = response.then(
      () => this.#turnByPath.delete(path),
      () => this.#turnByPath.delete(path),
    );
    this.#turnByPath.set(path, turn);
    return response;
  }

  #currentState(request: ServerRequest): CurrentState | Promise<CurrentState> {
    const { currentState, get } = this.#definition;
    if (currentState !== undefined) return currentState(request);
    // Without a way to look, what has a path exists.
    if (get === undefined) return { etags: [] };
    try {
      const result = get(request);
      return result instanceof Promise
        ? result.then((value: unknown) => this.#stateOf(value)).catch(stateWhenFailed)
        : this.#stateOf(result);
    } catch (error) {
      return stateWhenFailed(error);
    }
  }

  #stateOf(result: unknown): CurrentState {
    const reply = asReply(Code.GET, result);
    return isSuccessCode(reply.code) ? { etags: allEtags(reply, this.#host.media) } : "absent";
  }

  #handlerFor(request: ServerRequest): Handler {
    const key = methodKeyByCode[request.code];
    const handler = key && this.#definition[key];
    if (handler === undefined) throw new CoapError(Code.METHOD_NOT_ALLOWED, `${request.method} is not allowed here`);
    const { accepts } = this.#definition;
    if (accepts !== undefined) checkContentFormat(request, accepts);
    return handler;
  }

  #render(request: ServerRequest, result: unknown): Response {
    return renderResult(request, result, this.#host.media, this.#rendering);
  }

  #renderValue(incoming: IncomingRequest, value: unknown, accept: number | undefined): Response {
    try {
      const request = new ServerRequest(incoming, {}, this.#host.media, { accept });
      return renderResult(request, value, this.#host.media, this.#rendering);
    } catch (error) {
      return this.#fail(incoming, error);
    }
  }

  #fail(incoming: IncomingRequest, error: unknown): Response {
    const response = errorResponse(error, incoming.options.uint(Option.ACCEPT));
    if (response.code === Code.INTERNAL_SERVER_ERROR && !(error instanceof CoapError)) {
      this.#host.handleError(error, incoming);
    }
    return response;
  }
}

function checkContentFormat({ contentFormat }: ServerRequest, accepts: readonly number[]): void {
  if (contentFormat !== undefined && !accepts.includes(contentFormat)) {
    throw new CoapError(Code.UNSUPPORTED_CONTENT_FORMAT, `Content-Format is one of ${accepts.join(", ")}`);
  }
}

function stateWhenFailed(error: unknown): CurrentState {
  if (error instanceof CoapError && error.code === Code.NOT_FOUND) return "absent";
  throw error;
}

function renderingOf({ maxAge, hasContentEtag }: ResourceDefinition): RenderingPolicy {
  return { maxAge, hasContentEtag: hasContentEtag ?? false };
}
