import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { IncomingRequest, RequestHandler, Response } from "../endpoint/incoming.js";
import type { Link } from "../media/link-format.js";
import { Media } from "../media/media.js";
import type { MediaCodec } from "../media/media-codec.js";
import { clockNow } from "../transport/clock.js";
import { CoapError, errorResponse } from "./coap-error.js";
import { type Handler, type MethodKey, Resource, type ResourceDefinition, type ResourceHost } from "./resource.js";
import { type PathParameters } from "./route-pattern.js";
import { Router } from "./router.js";
import { linkOf, listLinks, WELL_KNOWN_CORE } from "./well-known-core.js";

/** How a server behaves. */
export interface ServerOptions {
  /** Content-Formats beside the built-in ones, or in their place. */
  readonly codecs?: readonly MediaCodec[];
  /** Asked first for each request: a response refuses it, `undefined` lets it pass. Default: all pass. */
  readonly guard?: (now: Instant, request: IncomingRequest) => Response | undefined;
  /** Told of errors that handlers did not mean: the client got 5.00. Default: they are printed. */
  readonly handleError?: (error: unknown, request: IncomingRequest) => void;
  /** The clock of the transports that it serves. Default: that of all transports of the process. */
  readonly now?: () => Instant;
}

/** What a path leads to: a resource, or another handler altogether. */
type Target = Resource | RequestHandler;

/**
 * Answers requests by their paths. It stands on any number of transports: each is given it as its `handler`.
 *
 * @example
 * const server = createServer();
 * server.get("/hello", () => "world");
 * server.put("/rooms/:room/light", (request) => lights.set(request.params.room, request.body()));
 * const clock = server.resource("/time", { get: () => new Date().toISOString(), isObservable: true });
 * setInterval(() => clock.notify(), 1_000);
 * const transport = await bindUdp({ port: 5683, handler: server });
 */
export class CoapServer implements RequestHandler {
  readonly #router = new Router<Target>();
  readonly #resourceByPath = new Map<string, Resource>();
  readonly #options: ServerOptions;
  readonly #host: ResourceHost;
  #additionalLinks: readonly Link[] = [];

  constructor(options: ServerOptions = {}) {
    this.#options = options;
    this.#host = {
      media: new Media(options.codecs),
      now: options.now ?? clockNow,
      handleError: options.handleError ?? ((error) => console.error(error)),
    };
    this.resource(WELL_KNOWN_CORE, {
      get: (request) => listLinks(request, this.links),
      isObservable: true,
      isListed: false,
    });
  }

  /** The Content-Formats that it reads and writes. */
  get media(): Media {
    return this.#host.media;
  }

  /** What `/.well-known/core` lists. */
  get links(): readonly Link[] {
    const own = [...this.#resourceByPath.values()].map(linkOf).filter((item) => item !== undefined);
    return [...own, ...this.#additionalLinks];
  }

  /** Further links for `/.well-known/core`, in place of those set before. */
  set additionalLinks(links: readonly Link[]) {
    this.#additionalLinks = links;
    this.#notifyLinks();
  }

  /**
   * The resource at `path`, which is made or added to.
   *
   * A path may have parameters: `/rooms/:room` captures one segment, `/files/*path` all that are left.
   *
   * @throws TypeError for a malformed path, or one that was mounted.
   */
  resource<Path extends string>(path: Path, definition: ResourceDefinition<PathParameters<Path>>): Resource {
    // Its handlers get the parameters from a match of this very pattern.
    const untyped = definition as ResourceDefinition;
    const known = this.#resourceByPath.get(path);
    const resource = known?.define(untyped) ?? new Resource(path, untyped, this.#host);
    if (known === undefined) {
      this.#router.add(path, resource);
      this.#resourceByPath.set(path, resource);
    }
    this.#notifyLinks();
    return resource;
  }

  get<Path extends string>(
    path: Path,
    handler: Handler<PathParameters<Path>>,
    definition: ResourceDefinition<PathParameters<Path>> = {},
  ): Resource {
    return this.resource(path, { ...definition, get: handler });
  }

  post<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "post", handler);
  }

  put<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "put", handler);
  }

  delete<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "delete", handler);
  }

  fetch<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "fetch", handler);
  }

  patch<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "patch", handler);
  }

  ipatch<Path extends string>(path: Path, handler: Handler<PathParameters<Path>>): Resource {
    return this.#method(path, "ipatch", handler);
  }

  /**
   * Lets `handler` answer for `prefix` and all paths below it.
   *
   * @throws TypeError when one of them is taken.
   */
  mount(prefix: string, handler: RequestHandler): void {
    const base = prefix === "/" ? "" : prefix;
    this.#router.add(prefix, handler);
    this.#router.add(`${base}/*rest`, handler);
  }

  /** Removes a resource; its observers are told 4.04. @returns whether there was one. */
  remove(path: string): boolean {
    const resource = this.#resourceByPath.get(path);
    if (resource === undefined) return false;
    this.#resourceByPath.delete(path);
    this.#router.remove(path);
    resource.endObservations();
    this.#notifyLinks();
    return true;
  }

  /** For the transport. */
  handleRequest(now: Instant, request: IncomingRequest): void {
    const refusal = this.#options.guard?.(now, request);
    if (refusal !== undefined) {
      request.respond(now, refusal);
      return;
    }
    const match = this.#router.match(request.path);
    if (match === undefined) {
      const error = new CoapError(Code.NOT_FOUND, `there is nothing at ${request.path.text}`);
      request.respond(now, errorResponse(error, request.options.uint(Option.ACCEPT)));
    } else if (match.target instanceof Resource) {
      match.target.handle(now, request, match.parameters);
    } else {
      match.target.handleRequest(now, request);
    }
  }

  #method<Path extends string>(path: Path, key: MethodKey, handler: Handler<PathParameters<Path>>): Resource {
    return this.resource(path, { [key]: handler });
  }

  #notifyLinks(): void {
    this.#resourceByPath.get(WELL_KNOWN_CORE)?.notify();
  }
}

/** A server without resources, but for `/.well-known/core`. */
export function createServer(options: ServerOptions = {}): CoapServer {
  return new CoapServer(options);
}
