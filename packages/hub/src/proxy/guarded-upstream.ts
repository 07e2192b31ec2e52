import { lookup } from "node:dns";
import { lookup as lookUp } from "node:dns/promises";
import type { IncomingMessage, RequestOptions } from "node:http";
import { isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import {
  coapUpstream,
  type Connector,
  httpUpstream,
  parseProxyTarget,
  type ProxyTarget,
  type Upstream,
  type UpstreamRequest,
} from "@isthmus/coap";
import { createConnector } from "@isthmus/coap/transport-node";
import type { ProxyPolicy } from "./proxy-policy.js";

/** Servers of CoAP, at addresses that the policy lets pass: the one that was looked at is the one that is asked. */
export function guardedCoapUpstream(policy: ProxyPolicy): Upstream & { close(): Promise<void> } {
  const sockets = createConnector();
  const upstreamOf = (target: ProxyTarget): Upstream => coapUpstream(guardedConnector(sockets, policy, target));
  return {
    canReach: ({ coap }) => coap !== undefined,
    send: (now, target: ProxyTarget, request: UpstreamRequest, handler) =>
      upstreamOf(target).send(now, target, request, handler),
    close: () => sockets.close(),
  };
}

function guardedConnector(sockets: Connector, policy: ProxyPolicy, target: ProxyTarget): Connector {
  return {
    async connect({ scheme, host, port }) {
      const address =
        isIP(host.split("%")[0] ?? "") === 0 ? (await lookUp(host, { order: "ipv4first" })).address : host;
      policy.checkAddress(target, address);
      return sockets.connect({ scheme, host: address, port });
    },
    close: async () => undefined,
  };
}

/** Servers of HTTP, likewise. */
export function guardedHttpUpstream(
  policy: ProxyPolicy,
  limits: { timeoutMs: number; maxBodyBytes: number },
): Upstream {
  return httpUpstream({ ...limits, fetch: (input, init = {}) => guardedFetch(policy, uriOf(input), init) });
}

function uriOf(input: string | URL | Request): string {
  if (typeof input === "string") return input;
  return input instanceof URL ? input.href : input.url;
}

/** As much of `fetch` as the upstream asks for, with a look at each address before it is connected to. */
async function guardedFetch(policy: ProxyPolicy, uri: string, init: RequestInit): Promise<Response> {
  const target = parseProxyTarget(uri);
  if (isIP(target.host) !== 0) policy.checkAddress(target, target.host);
  // The upstream gives names and values, and bytes.
  const { method = "GET", headers = {}, body, signal } = init as RequestInit & { headers?: Record<string, string> };
  const options: RequestOptions = {
    method,
    headers,
    lookup: guardedLookup(policy, target),
    ...(signal && { signal }),
  };
  const { request } = target.scheme === "https" ? await import("node:https") : await import("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request(uri, options, resolve);
  outgoing.on("error", reject);
  // What the upstream gives is a copy of bytes of its own.
  outgoing.end(body instanceof Uint8Array ? body : undefined);
  const answered = await promise;
  return toResponse(answered);
}

function guardedLookup(policy: ProxyPolicy, target: ProxyTarget): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      try {
        if (error !== null) throw error;
        for (const { address } of addresses) policy.checkAddress(target, address);
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else if (first === undefined) throw new Error(`${host} has no address`);
        else callback(null, first.address, first.family);
      } catch (cause) {
        callback(cause instanceof Error ? cause : new Error(String(cause)), []);
      }
    });
  };
}

function toResponse(incoming: IncomingMessage): Response {
  const { statusCode: status = 502, rawHeaders } = incoming;
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  const isBodiless = status === 204 || status === 304 || status < 200;
  if (isBodiless) incoming.resume();
  // A web stream of bytes is one, whichever library declares it.
  const body = isBodiless ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
  return new Response(body, { status: status < 200 ? 502 : status, headers });
}
