import { concatBytes, encodeUtf8, toHex } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Code, isSuccessCode } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import { type OptionEntry, Options } from "../codec/options.js";
import { RequestError, type ResponseHandler } from "../endpoint/outgoing.js";
import { contentEtag } from "../server/etag.js";
import { locationOptions } from "../server/reply.js";
import { clockNow } from "../transport/clock.js";
import { codeOfHttpStatus } from "./code-mapping.js";
import { contentFormatOfHttp, httpMediaOf, looseMediaTypes, type MediaGeneralization } from "./media-mapping.js";
import type { ProxyTarget } from "./proxy-target.js";
import type { Upstream, UpstreamExchange, UpstreamRequest } from "./upstream.js";

/** How HTTP servers are asked. */
export interface HttpUpstreamOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** Most milliseconds for a response. Default 30,000. */
  readonly timeoutMs?: number;
  /** Most bytes of its body. Default 8 MiB. */
  readonly maxBodyBytes?: number;
  /** What media types without a Content-Format are taken for. Default: {@link looseMediaTypes}. */
  readonly generalizations?: readonly MediaGeneralization[];
}

/** HTTP's methods for those of CoAP (RFC 7252 10.1); FETCH and iPATCH have none. */
const httpMethods: ReadonlyMap<number, string> = new Map([
  [Code.GET, "GET"],
  [Code.POST, "POST"],
  [Code.PUT, "PUT"],
  [Code.DELETE, "DELETE"],
  [Code.PATCH, "PATCH"],
]);

/** Entity-tags of HTTP that are remembered by their CoAP form. */
const MAX_ETAGS = 4_096;

/** Servers that speak HTTP (RFC 7252 10.1). Redirections are not followed: where to is for the policy to say. */
export function httpUpstream(options: HttpUpstreamOptions = {}): Upstream {
  return new HttpUpstream(options);
}

class HttpUpstream implements Upstream {
  readonly #options: HttpUpstreamOptions;
  /** HTTP's entity-tags by the bytes that stand for them in CoAP, which has room for eight. */
  readonly #httpEtagByHex = new Map<string, string>();

  constructor(options: HttpUpstreamOptions) {
    this.#options = options;
  }

  canReach({ scheme }: ProxyTarget): boolean {
    return scheme === "http" || scheme === "https";
  }

  send(now: Instant, target: ProxyTarget, request: UpstreamRequest, handler: ResponseHandler): UpstreamExchange {
    const method = httpMethods.get(request.code);
    const controller = new AbortController();
    if (method === undefined) this.#answer(now, target, Code.NOT_IMPLEMENTED, [], new Uint8Array(), handler);
    else void this.#fetch(target, request, method, controller.signal, handler);
    return { cancel: () => controller.abort() };
  }

  async #fetch(
    target: ProxyTarget,
    request: UpstreamRequest,
    method: string,
    cancelled: AbortSignal,
    handler: ResponseHandler,
  ): Promise<void> {
    const { fetch: ask = fetch, timeoutMs = 30_000, maxBodyBytes = 8 * 2 ** 20 } = this.#options;
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(timeoutMs)]);
    try {
      const response = await ask(target.uri, {
        method,
        headers: this.#headersOf(request.options),
        redirect: "manual",
        signal,
        // A view may be of a larger buffer: what is sent is the view.
        ...(request.payload.length > 0 && { body: request.payload.slice() }),
      });
      const code = codeOfHttpStatus(response.status, request.code);
      const payload = await readBody(response, maxBodyBytes);
      this.#answer(clockNow(), target, code, this.#optionsOf(response, code, target), payload, handler);
    } catch (error) {
      handler.handleEnd(clockNow(), asRequestError(error, target));
    }
  }

  #answer(
    now: Instant,
    { host: address, port }: ProxyTarget,
    code: number,
    options: readonly OptionEntry[],
    payload: Uint8Array,
    handler: ResponseHandler,
  ): void {
    const peer = { id: 0, isReliable: true, address, port };
    // RFC 7252 5.9.1.3: 2.03 has no payload.
    const body = code === Code.VALID ? new Uint8Array() : payload;
    handler.handleResponse(now, { peer, code, options: Options.of(...options), payload: body, isNotification: false });
    handler.handleEnd(now, undefined);
  }

  #headersOf(options: Options): Record<string, string> {
    const headers: Record<string, string> = {};
    const accept = options.uint(Option.ACCEPT);
    if (accept !== undefined) headers["accept"] = httpMediaOf(accept).contentType;
    const format = options.uint(Option.CONTENT_FORMAT);
    if (format !== undefined) {
      const { contentType, contentEncoding } = httpMediaOf(format);
      headers["content-type"] = contentType;
      if (contentEncoding !== undefined) headers["content-encoding"] = contentEncoding;
    }
    const known = this.#httpEtags(options.all(Option.ETAG));
    if (known.length > 0) headers["if-none-match"] = known.join(", ");
    if (options.has(Option.IF_NONE_MATCH)) headers["if-none-match"] = "*";
    const wanted = options.all(Option.IF_MATCH);
    if (wanted.some((etag) => etag.length === 0)) headers["if-match"] = "*";
    // None that is known cannot match: any tag that no server makes says so.
    else if (wanted.length > 0) headers["if-match"] = this.#httpEtags(wanted).join(", ") || '"unknown to the proxy"';
    return headers;
  }

  #httpEtags(etags: readonly Uint8Array[]): string[] {
    return etags.map((etag) => this.#httpEtagByHex.get(toHex(etag))).filter((etag) => etag !== undefined);
  }

  #optionsOf({ headers }: Response, code: number, target: ProxyTarget): OptionEntry[] {
    const entries: OptionEntry[] = [[Option.MAX_AGE, maxAgeOf(headers, code)]];
    const etag = headers.get("etag");
    if (etag !== null) entries.push([Option.ETAG, this.#rememberEtag(etag)]);
    const contentType = headers.get("content-type");
    if (contentType !== null && isSuccessCode(code)) {
      // fetch has undone a Content-Encoding already.
      const format = contentFormatOfHttp({ contentType }, this.#options.generalizations ?? looseMediaTypes);
      if (format !== undefined) entries.push([Option.CONTENT_FORMAT, format]);
    }
    const location = headers.get("location");
    if (location !== null && code === Code.CREATED) entries.push(...locationWithin(location, target));
    return entries;
  }

  #rememberEtag(httpEtag: string): Uint8Array {
    const etag = contentEtag(undefined, encodeUtf8(httpEtag));
    const hex = toHex(etag);
    this.#httpEtagByHex.delete(hex);
    this.#httpEtagByHex.set(hex, httpEtag);
    const [oldest] = this.#httpEtagByHex.keys();
    if (this.#httpEtagByHex.size > MAX_ETAGS && oldest !== undefined) this.#httpEtagByHex.delete(oldest);
    return etag;
  }
}

/** Seconds for which a response of HTTP is fresh; none that it does not claim (RFC 9111 4.2.1). */
function maxAgeOf(headers: Headers, code: number): number {
  const retryAfter = headers.get("retry-after");
  const isBusy = code === Code.SERVICE_UNAVAILABLE || code === Code.TOO_MANY_REQUESTS;
  if (isBusy && retryAfter !== null) return clampSeconds(Number(retryAfter));
  const control = headers.get("cache-control")?.toLowerCase() ?? "";
  if (/\b(no-store|no-cache|private)\b/.test(control)) return 0;
  const [, seconds] = /\bs-maxage=([0-9]+)/.exec(control) ?? /\bmax-age=([0-9]+)/.exec(control) ?? [];
  if (seconds !== undefined) return clampSeconds(Number(seconds) - Number(headers.get("age") ?? 0));
  const expires = Date.parse(headers.get("expires") ?? "");
  return clampSeconds((expires - Date.parse(headers.get("date") ?? "")) / 1_000);
}

/** Max-Age has 32 bits; what is no number is not fresh. */
function clampSeconds(seconds: number): number {
  return Number.isFinite(seconds) ? Math.min(Math.max(0, Math.floor(seconds)), 0xffff_ffff) : 0;
}

/** Location-Path and Location-Query can say no other server (RFC 7252 5.10.7). */
function locationWithin(location: string, target: ProxyTarget): OptionEntry[] {
  if (!URL.canParse(location, target.uri)) return [];
  const { origin, pathname, search } = new URL(location, target.uri);
  return origin === new URL(target.uri).origin ? locationOptions(pathname + search) : [];
}

async function readBody({ body }: Response, maxBodyBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBodyBytes) throw new RequestError("too-large", `the body exceeds ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

function asRequestError(error: unknown, { host }: ProxyTarget): RequestError {
  if (error instanceof RequestError) return error;
  const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
  return isTimeout
    ? new RequestError("timeout", `${host} did not answer in time`, { cause: error })
    : new RequestError("unreachable", `no way to ${host}`, { cause: error });
}
