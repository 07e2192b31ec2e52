import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import { formatHost, formatUriPath, formatUriQuery } from "../codec/uri.js";
import type { IncomingRequest, RequestHandler } from "../endpoint/incoming.js";
import { CoapError, errorResponse } from "../server/coap-error.js";
import { coapTarget, parseProxyTarget, type ProxyTarget, type TargetPolicy } from "./proxy-target.js";
import type { Relay } from "./relay.js";

/** What a forward proxy does and does not. */
export interface ForwardProxyOptions {
  readonly relay: Relay;
  /** Which targets may be fetched. There is no default: an open proxy is a gift to attackers. */
  readonly allow: TargetPolicy;
  /** Gets the requests that are for no proxy. Default: they are answered 4.04. */
  readonly next?: RequestHandler;
  /** The proxy's own address: what Uri-Host defaults to beside Proxy-Scheme (RFC 7252 5.10.1). */
  readonly ownAddress?: string;
  /** Arguments of Uri-Query beside Proxy-Scheme that are for the proxy alone, as a token. Default none. */
  readonly ownArguments?: readonly string[];
}

/**
 * Fetches what requests name in Proxy-Uri or Proxy-Scheme (RFC 7252 5.7.2), and passes the others on. The endpoint must be
 * told `supportsProxying`.
 *
 * @example
 * const relay = new Relay({ upstreams: [coapUpstream(connector)] });
 * const proxy = createForwardProxy({ relay, allow: allowTargets([{ host: "fd00::/8" }]), next: server });
 * await bindUdp({ handler: proxy, supportsProxying: true });
 */
export function createForwardProxy(options: ForwardProxyOptions): RequestHandler {
  const { relay, allow, next } = options;
  return {
    handleRequest(now, request) {
      try {
        const target = targetOf(request.options, options);
        if (target === undefined) {
          if (next === undefined) throw new CoapError(Code.NOT_FOUND);
          next.handleRequest(now, request);
          return;
        }
        // RFC 7252 5.10.2: 5.05 as well when the proxy is unwilling.
        if (!allow(target)) throw new CoapError(Code.PROXYING_NOT_SUPPORTED, `the proxy does not fetch ${target.uri}`);
        relayRequest(now, relay, target, request);
      } catch (error) {
        request.respond(now, errorResponse(error, request.options.uint(Option.ACCEPT)));
      }
    },
  };
}

/** Where a reverse proxy finds what is asked of it. */
export interface ReverseProxyOptions {
  readonly relay: Relay;
  /** The URI of the server's resource for a request; undefined when there is none: 4.04. */
  readonly locate: (request: IncomingRequest) => string | undefined;
}

/**
 * Answers as if it were the server itself (RFC 7252 5.7.3): mount it at a path of a server.
 *
 * A path with a segment "." or ".." is answered 4.00: written as a URI it would lead out of what was asked for.
 *
 * @example
 * server.mount("/attic", createReverseProxy({ relay, locate: below("/attic", "coap://[fd00::7]") }));
 */
export function createReverseProxy({ relay, locate }: ReverseProxyOptions): RequestHandler {
  return {
    handleRequest(now, request) {
      try {
        if (request.path.segments.some(isDotSegment)) {
          throw new CoapError(Code.BAD_REQUEST, `${request.path.text} has dot segments`);
        }
        const uri = locate(request);
        if (uri === undefined) throw new CoapError(Code.NOT_FOUND);
        relayRequest(now, relay, parseProxyTarget(uri), request);
      } catch (error) {
        request.respond(now, errorResponse(error, request.options.uint(Option.ACCEPT)));
      }
    },
  };
}

/** RFC 7252 5.10.1: a Uri-Path MUST NOT be one. */
function isDotSegment(segment: string): boolean {
  return segment === "." || segment === "..";
}

/** Finds what is below `prefix` at the same path below `base`, an absolute CoAP URI, its query kept. */
export function below(prefix: string, base: string): ReverseProxyOptions["locate"] {
  const target = parseProxyTarget(base).coap;
  if (target === undefined) throw new TypeError(`"${base}" is no URI of CoAP`);
  const depth = prefix === "/" ? 0 : prefix.split("/").length - 1;
  return ({ path, options }) => {
    const segments = [...target.path, ...path.segments.slice(depth)];
    return coapTarget({ ...target, path: segments, query: options.texts(Option.URI_QUERY) }).uri;
  };
}

/** Relays `request` and answers it; a registration joins those who observe the same. */
function relayRequest(now: Instant, relay: Relay, target: ProxyTarget, request: IncomingRequest): void {
  const respond = request.respond.bind(request);
  if (!request.isRegistration) {
    relay.relay(now, target, request, respond);
    return;
  }
  relay.observe(now, target, request, (at, subject) => request.observe(at, subject) !== undefined, respond);
}

/** RFC 7252 5.10.2: Proxy-Uri says it all; Proxy-Scheme goes with the Uri options. */
function targetOf(options: Options, { ownAddress, ownArguments = [] }: ForwardProxyOptions): ProxyTarget | undefined {
  const proxyUri = options.text(Option.PROXY_URI);
  if (proxyUri !== undefined) return parseProxyTarget(proxyUri);
  const scheme = options.text(Option.PROXY_SCHEME)?.toLowerCase();
  if (scheme === undefined) return undefined;
  const host = options.text(Option.URI_HOST) ?? ownAddress;
  if (host === undefined) throw new CoapError(Code.BAD_OPTION, "Proxy-Scheme without Uri-Host");
  const port = options.uint(Option.URI_PORT);
  const authority = port === undefined ? formatHost(host) : `${formatHost(host)}:${port}`;
  const path = formatUriPath(options.texts(Option.URI_PATH));
  const query = options
    .texts(Option.URI_QUERY)
    .filter((argument) => !ownArguments.includes(argument.split("=")[0] ?? ""));
  return parseProxyTarget(`${scheme}://${authority}${path}${formatUriQuery(query)}`);
}
