import { Option } from "../codec/option-definitions.js";
import type { OptionEntry } from "../codec/options.js";
import { parseCoapUri } from "../codec/uri.js";
import type { Peer } from "../endpoint/endpoint.js";
import { RequestError } from "../endpoint/outgoing.js";
import type { Link } from "../media/link-format.js";
import { Media } from "../media/media.js";
import { Format, type MediaCodec } from "../media/media-codec.js";
import { ClientRequest, type Patience } from "./client-request.js";
import type { Connector } from "./connector.js";
import { type PreparedRequest, prepareRequest, type RequestOptions } from "./request-options.js";
import { CoapResponse } from "./response.js";
import { ResponseStream } from "./response-stream.js";

/** What a client is made of. */
export interface ClientOptions {
  /** Finds the way to servers. */
  readonly connector: Connector;
  /** Content-Formats beside the built-in ones, or in their place. */
  readonly codecs?: readonly MediaCodec[];
}

/** What an observation says beside its URI. */
export interface ObserveOptions extends Omit<RequestOptions, "method"> {
  /** Default GET; FETCH observes what its body asks for (RFC 8132 2.4). */
  readonly method?: "GET" | "FETCH";
  /** Most notifications that wait to be taken; beyond it the oldest is dropped. Default 256. */
  readonly maxWaiting?: number;
}

/** What to look for, and how. */
export interface DiscoverOptions extends RequestOptions {
  /** Filter queries, as `rt=temperature-c` (RFC 6690 4.1). Default none: all that there is. */
  readonly query?: readonly string[];
}

/** What one server of a group has. */
export interface Discovery {
  readonly peer: Peer;
  readonly links: readonly Link[];
}

/**
 * Asks servers, over transports that it keeps open from one request to the next.
 *
 * @example
 * const client = createClient();
 * const response = await client.request("coap://[::1]/hello");
 * console.log(response.status, response.text());
 * await client.close();
 */
export class CoapClient {
  readonly #connector: Connector;
  readonly #media: Media;

  constructor(options: ClientOptions) {
    this.#connector = options.connector;
    this.#media = new Media(options.codecs);
  }

  /**
   * Asks for `uri`. An error that the server answers is a response like any other: see {@link CoapResponse.ok}.
   *
   * @throws CoapUriError for a URI that is none, RequestError when there is no response, the reason of the signal when it
   * aborts, or the system's error when there is no way to the host.
   */
  async request(uri: string, options: RequestOptions = {}): Promise<CoapResponse> {
    const prepared = prepareRequest(uri, options, this.#media);
    const { promise, resolve, reject } = Promise.withResolvers<CoapResponse>();
    const request = new ClientRequest(
      {
        handleResponse: (_, response) => resolve(new CoapResponse(response, this.#media)),
        // After a response this changes nothing.
        handleEnd: (_, failure) => reject(failure ?? new RequestError("timeout", `no response from ${uri}`)),
        handleProgress: (_, progress) => options.handleProgress?.(progress),
      },
      reject,
      options,
    );
    void this.#run(request, prepared);
    return promise;
  }

  /**
   * Observes `uri`: first its state, then each change, for as long as the loop runs and the signal does not abort, which
   * ends it. When notifications stay away beyond Max-Age, it is registered again (RFC 7641 3.3.1).
   *
   * A server that cannot be observed answers once. An error response is the last one.
   *
   * @throws what {@link request} throws, from the loop.
   *
   * @example
   * for await (const { ok, text } of client.observe("coap://[::1]/temp")) ...
   */
  observe(uri: string, options: ObserveOptions = {}): AsyncIterableIterator<CoapResponse, undefined> {
    return this.#stream(uri, options, [[Option.OBSERVE, 0]], options.maxWaiting ?? 256);
  }

  /**
   * Asks all members of a group, as `coap://224.0.1.187/...`: one response from each that cares to answer, until the time
   * for it is over (RFC 7252 8).
   */
  requestGroup(uri: string, options: RequestOptions = {}): AsyncIterableIterator<CoapResponse, undefined> {
    return this.#stream(uri, options, [], MAX_GROUP_RESPONSES);
  }

  /**
   * The links of a server's `/.well-known/core`, or of the path of `uri` where it has one, as that of a resource directory.
   *
   * @throws DiscoveryError when the answer is no list of links, and what {@link request} throws.
   */
  async discover(uri: string, options: DiscoverOptions = {}): Promise<Link[]> {
    const { target, request } = discoveryOf(uri, options);
    return linksOf(await this.request(target, request));
  }

  /** What the members of a group have, one after the other as they answer. Answers that are no list of links are skipped. */
  async *discoverGroup(uri: string, options: DiscoverOptions = {}): AsyncGenerator<Discovery, void, undefined> {
    const { target, request } = discoveryOf(uri, options);
    for await (const response of this.requestGroup(target, request)) {
      try {
        yield { peer: response.peer, links: linksOf(response) };
      } catch (error) {
        if (!(error instanceof DiscoveryError)) throw error;
      }
    }
  }

  /**
   * Asks for a sign of life (RFC 7252 4.3, RFC 8323 5.4).
   *
   * @returns the milliseconds that it took.
   * @throws RequestError when there is none.
   */
  async ping(uri: string, patience: Patience = {}): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let startedAt = 0;
    const handler = {
      handleResponse() {},
      handleEnd: (now: number, failure: RequestError | undefined) =>
        failure === undefined ? resolve(now - startedAt) : reject(failure),
    };
    const request = new ClientRequest(handler, reject, patience);
    void request.run(this.#connector, parseCoapUri(uri), (endpoint, now, to, handler) => {
      startedAt = now;
      return endpoint.ping(now, to, handler);
    });
    return promise;
  }

  /** Closes the transports; requests under way fail with reason `closed`. Idempotent. */
  async close(): Promise<void> {
    await this.#connector.close();
  }

  /** `await using client = createClient()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #stream(
    uri: string,
    options: RequestOptions,
    entries: readonly OptionEntry[],
    maxWaiting: number,
  ): ResponseStream<CoapResponse> {
    const all = { ...options, options: [...(options.options ?? []), ...entries] };
    const stream = new ResponseStream<CoapResponse>({
      convert: (response) => new CoapResponse(response, this.#media),
      maxWaiting,
      cancel: () => request.cancel(),
    });
    const handler = {
      handleResponse: stream.handleResponse.bind(stream),
      handleEnd: stream.handleEnd.bind(stream),
      handleProgress: (_: number, progress: Parameters<NonNullable<RequestOptions["handleProgress"]>>[0]) =>
        options.handleProgress?.(progress),
    };
    // A signal is how such a loop is meant to end.
    const fail = (error: unknown): void => stream.end(options.signal?.aborted ? undefined : error);
    const request = new ClientRequest(handler, fail, options);
    void this.#run(request, prepareRequest(uri, all, this.#media));
    return stream;
  }

  #run(request: ClientRequest, { destination, requestTo }: PreparedRequest): Promise<void> {
    return request.run(this.#connector, destination, (endpoint, now, to, handler) =>
      endpoint.request(now, to, requestTo(to), handler),
    );
  }
}

/** Responses of a group that wait to be taken: as many as an endpoint knows peers. */
const MAX_GROUP_RESPONSES = 65_536;

/** A server did not answer a discovery with links. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
  readonly response: CoapResponse;

  constructor(response: CoapResponse, message: string, options?: ErrorOptions) {
    super(message, options);
    this.response = response;
  }
}

function discoveryOf(uri: string, options: DiscoverOptions): { target: string; request: RequestOptions } {
  const { query = [], ...rest } = options;
  const { path } = parseCoapUri(uri);
  const base = path.length === 0 ? `${uri.replace(/\/$/, "")}/.well-known/core` : uri;
  const filters = query.map((argument): OptionEntry => [Option.URI_QUERY, argument]);
  return {
    target: base,
    request: { accept: Format.LINKS, ...rest, options: [...(rest.options ?? []), ...filters] },
  };
}

function linksOf(response: CoapResponse): Link[] {
  if (!response.ok) throw new DiscoveryError(response, `the server answered ${response.toString()}`);
  try {
    const { contentFormat = Format.LINKS } = response;
    const links = new Media().decode(response.payload, contentFormat);
    // What the codec of this format gives.
    if (contentFormat === Format.LINKS) return links as Link[];
  } catch (cause) {
    throw new DiscoveryError(response, "the server answered no links", { cause });
  }
  throw new DiscoveryError(response, `the server answered in Content-Format ${response.contentFormat}`);
}
