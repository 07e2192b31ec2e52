import type { Instant } from "@isthmus/machine";
import { Code, formatCode, isSuccessCode } from "../codec/codes.js";
import { CoapUriError } from "../codec/errors.js";
import { Option } from "../codec/option-definitions.js";
import { type OptionEntry, Options } from "../codec/options.js";
import type { CoapUri } from "../codec/uri.js";
import type { Response } from "../endpoint/incoming.js";
import { type Link, link } from "../media/link-format.js";
import { clockNow } from "../transport/clock.js";
import { httpStatusOf } from "./code-mapping.js";
import { formatHttpEtag, parseHttpEtags } from "./entity-tag.js";
import { HcTemplate } from "./hc-template.js";
import { acceptOfHttp, contentFormatOfHttp, httpMediaOf, looseMediaTypes } from "./media-mapping.js";
import { parseProxyTarget, type ProxyTarget, type TargetPolicy } from "./proxy-target.js";
import type { Relay } from "./relay.js";

/** A request of HTTP, as any HTTP server can give it. */
export interface HttpRequest {
  readonly method: string;
  /** The request target, as `/hc/coap://[fd00::7]/light?x`. */
  readonly target: string;
  /** By name in lower case; those that came several times joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** A response of HTTP. */
export interface HttpResponse {
  readonly status: number;
  /** The reason phrase, where HTTP's own does not say enough. */
  readonly statusText?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** How an HTTP-to-CoAP proxy behaves. */
export interface HcProxyOptions {
  readonly relay: Relay;
  /** Which targets may be fetched. There is no default: an open proxy is a gift to attackers. */
  readonly allow: TargetPolicy;
  /** The path of the proxy. Default `/hc/` (RFC 8075 5.3). */
  readonly path?: string;
  /** How CoAP URIs are packed into its URIs (RFC 8075 5.4). Default `{+tu}`. */
  readonly template?: string;
  /** Whether media types without a Content-Format are taken for what they are a special case of. Default false: 415. */
  readonly isLoose?: boolean;
  /** Default: the clock of all transports. */
  readonly now?: () => Instant;
}

/** CoAP's methods for those of HTTP (RFC 8075 4, 7). */
const methodCodes: ReadonlyMap<string, number> = new Map([
  ["GET", Code.GET],
  ["HEAD", Code.GET],
  ["POST", Code.POST],
  ["PUT", Code.PUT],
  ["DELETE", Code.DELETE],
  ["PATCH", Code.PATCH],
]);

/** Lets clients of HTTP reach servers of CoAP (RFC 8075). */
export class HcProxy {
  readonly #options: HcProxyOptions;
  readonly #path: string;
  readonly #template: HcTemplate;
  readonly #now: () => Instant;

  constructor(options: HcProxyOptions) {
    this.#options = options;
    this.#path = options.path ?? "/hc/";
    this.#template = new HcTemplate(options.template);
    this.#now = options.now ?? clockNow;
  }

  /** The link that lets clients find it: on the CoAP side with the HTTP origin as its anchor (RFC 8075 5.5). */
  link(anchor?: string): Link {
    const { text } = this.#template;
    return link(this.#path, { anchor, rt: "core.hc", hct: text === "{+tu}" ? undefined : text });
  }

  /** The request target that reaches `uri` through this proxy. */
  targetFor(uri: CoapUri): string {
    return this.#path + this.#template.pack(uri);
  }

  /** Whether a request target is below its path. */
  handles(target: string): boolean {
    return target.startsWith(this.#path);
  }

  /** Answers a request whose target is below its path. */
  async handle(request: HttpRequest): Promise<HttpResponse> {
    const code = methodCodes.get(request.method.toUpperCase());
    if (code === undefined) return refuse(501, `${request.method} has no counterpart in CoAP`);
    const target = this.#targetOf(request.target);
    if (target === undefined) return refuse(400, `what follows ${this.#path} is not a URI of CoAP`);
    if (!this.#options.allow(target)) return refuse(403, `the proxy does not fetch ${target.uri}`);
    const options = this.#optionsOf(request);
    if (!(options instanceof Options)) return options;
    const response = await this.#relay(target, code, options, request.body);
    return this.#responseOf(response, target, request);
  }

  #targetOf(target: string): ProxyTarget | undefined {
    const uri = this.handles(target) ? this.#template.unpack(target.slice(this.#path.length)) : undefined;
    if (uri === undefined) return undefined;
    try {
      const parsed = parseProxyTarget(uri);
      return parsed.coap === undefined ? undefined : parsed;
    } catch (error) {
      if (error instanceof CoapUriError) return undefined;
      throw error;
    }
  }

  /** What the headers say, or the response when they say what CoAP cannot. */
  #optionsOf({ headers, body, method }: HttpRequest): Options | HttpResponse {
    const entries: OptionEntry[] = [];
    const accept = acceptOfHttp(headers["accept"]);
    if (accept !== undefined) entries.push([Option.ACCEPT, accept]);
    if (body.length > 0) {
      const format = this.#contentFormatOf(headers);
      // RFC 8075 6.1.
      if (format === undefined) return refuse(415, "the media type has no Content-Format");
      entries.push([Option.CONTENT_FORMAT, format]);
    }
    const conditions = conditionsOf(headers, method === "GET" || method === "HEAD");
    if (!Array.isArray(conditions)) return conditions;
    return Options.of(...entries, ...conditions);
  }

  #contentFormatOf(headers: HttpRequest["headers"]): number | undefined {
    // RFC 9110 8.3: without a Content-Type it may be taken for bytes.
    const { "content-type": contentType = "application/octet-stream", "content-encoding": contentEncoding } = headers;
    const generalizations = this.#options.isLoose === true ? looseMediaTypes : [];
    return contentFormatOfHttp(
      { contentType, ...(contentEncoding !== undefined && { contentEncoding }) },
      generalizations,
    );
  }

  #relay(target: ProxyTarget, code: number, options: Options, payload: Uint8Array): Promise<Response> {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.#options.relay.relay(this.#now(), target, { code, options, payload }, (_, response) => resolve(response));
    return promise;
  }

  #responseOf(response: Response, target: ProxyTarget, request: HttpRequest): HttpResponse {
    const { code, options = Options.NONE, payload = new Uint8Array() } = response;
    const status = httpStatusOf(code, payload.length > 0);
    return {
      status,
      // RFC 8075 7, note 7.
      ...(code === Code.METHOD_NOT_ALLOWED && { statusText: `CoAP server returned ${formatCode(code)}` }),
      headers: { ...this.#headersOf(response, target), ...contentHeaders(code, options, payload) },
      body: request.method === "HEAD" || status === 304 ? new Uint8Array() : payload,
    };
  }

  #headersOf({ code, options = Options.NONE }: Response, { coap }: ProxyTarget): Record<string, string> {
    const headers: Record<string, string> = {};
    const etag = options.bytes(Option.ETAG);
    if (etag !== undefined) headers["etag"] = formatHttpEtag(etag);
    const maxAge = options.uint(Option.MAX_AGE) ?? 60;
    if (code === Code.SERVICE_UNAVAILABLE || code === Code.TOO_MANY_REQUESTS) headers["retry-after"] = String(maxAge);
    else if (isCacheableInHttp(code)) headers["cache-control"] = maxAge === 0 ? "no-cache" : `max-age=${maxAge}`;
    const path = options.texts(Option.LOCATION_PATH);
    const query = options.texts(Option.LOCATION_QUERY);
    if (coap !== undefined && path.length + query.length > 0)
      headers["location"] = this.targetFor({ ...coap, path, query });
    return headers;
  }
}

/** Preconditions (RFC 9110 13.1) as CoAP has them; the response when it has not: none may get lost on the way. */
function conditionsOf(headers: HttpRequest["headers"], isSafe: boolean): OptionEntry[] | HttpResponse {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers;
  const entries: OptionEntry[] = [];
  if (ifMatch?.trim() === "*") {
    entries.push([Option.IF_MATCH, ""]);
  } else if (ifMatch !== undefined) {
    const etags = parseHttpEtags(ifMatch, false);
    if (etags.length === 0) return refuse(412, "no CoAP server has made such an entity-tag");
    entries.push(...etags.map((etag): OptionEntry => [Option.IF_MATCH, etag]));
  }
  if (ifNoneMatch?.trim() === "*") {
    entries.push([Option.IF_NONE_MATCH, ""]);
  } else if (ifNoneMatch !== undefined) {
    if (!isSafe) return refuse(501, "If-None-Match with entity-tags has no counterpart in CoAP here");
    entries.push(...parseHttpEtags(ifNoneMatch, true).map((etag): OptionEntry => [Option.ETAG, etag]));
  }
  return entries;
}

/** What goes out as it is for errors as well: CoAP's diagnostic payload is text (RFC 8075 6.5.3). */
function contentHeaders(code: number, options: Options, payload: Uint8Array): Record<string, string> {
  if (payload.length === 0) return {};
  const format = options.uint(Option.CONTENT_FORMAT);
  if (format === undefined) {
    return { "content-type": isSuccessCode(code) ? "application/octet-stream" : "text/plain; charset=utf-8" };
  }
  const { contentType, contentEncoding } = httpMediaOf(format);
  return { "content-type": contentType, ...(contentEncoding !== undefined && { "content-encoding": contentEncoding }) };
}

/** RFC 7252 5.9: 2.03, 2.05 and errors are cacheable in CoAP; HTTP's caches get to know it of the first two. */
function isCacheableInHttp(code: number): boolean {
  return code === Code.CONTENT || code === Code.VALID;
}

function refuse(status: number, reason: string): HttpResponse {
  const body = new TextEncoder().encode(`${reason}\n`);
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body };
}
