import { Code } from "../codec/codes.js";
import { isMulticastAddress } from "../codec/ip-address.js";
import { Option } from "../codec/option-definitions.js";
import { type OptionEntry, Options } from "../codec/options.js";
import { type CoapUri, coapUriToOptions, parseCoapUri } from "../codec/uri.js";
import type { Address } from "../endpoint/endpoint.js";
import type { Request, TransferProgress } from "../endpoint/outgoing.js";
import type { Media } from "../media/media.js";
import { representation } from "../media/representation.js";

/** The methods by name. */
export const methodCodes = {
  GET: Code.GET,
  POST: Code.POST,
  PUT: Code.PUT,
  DELETE: Code.DELETE,
  FETCH: Code.FETCH,
  PATCH: Code.PATCH,
  iPATCH: Code.IPATCH,
} as const;

/** The name of a method. */
export type Method = keyof typeof methodCodes;

/** What a request says beside its URI. */
export interface RequestOptions {
  /** Default GET. */
  readonly method?: Method;
  /** Bytes, or a value to be encoded as `contentFormat` says: text as text, objects as JSON when it says nothing. */
  readonly body?: unknown;
  /** The Content-Format of the body. */
  readonly contentFormat?: number;
  /** The Content-Format that is wanted. */
  readonly accept?: number;
  /** Entity-tags that are known: 2.03 says that one of them still holds (RFC 7252 5.10.6.2). */
  readonly etags?: readonly Uint8Array[];
  /** Entity-tags of which one must be current, an empty one for any (RFC 7252 5.10.8.1). */
  readonly ifMatch?: readonly Uint8Array[];
  /** Whether the resource must not exist (RFC 7252 5.10.8.2). */
  readonly ifNoneMatch?: boolean;
  /** Further options. */
  readonly options?: readonly OptionEntry[];
  /** The token of the first message, perhaps empty. Default: a random one, as safety asks for (RFC 7252 5.3.1). */
  readonly token?: Uint8Array;
  /** Whether it goes as a Confirmable message. Default true. */
  readonly isConfirmable?: boolean;
  /** Most bytes of a block of the body either way: 16 to 1024. Default: the transport's. */
  readonly blockSizeBytes?: number;
  /** Most milliseconds for all of it. Default: as long as the endpoint waits. */
  readonly timeoutMs?: number;
  /** Gives up when it aborts; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** The URI of a forward proxy to ask instead of the server, as `coap://proxy` (RFC 7252 5.7.2). */
  readonly proxy?: string;
  /** Called after each block of a body that takes several. */
  readonly handleProgress?: (progress: TransferProgress) => void;
}

/** Where a request goes, and what the endpoint is given. */
export interface PreparedRequest {
  /** Of the server, or of the proxy. */
  readonly destination: CoapUri;
  /** The request, once the address of the destination is known. */
  readonly requestTo: (address: Address) => Request;
}

/**
 * What `uri` and `options` ask for.
 *
 * @throws CoapUriError for a URI that is none of CoAP, but with a proxy, which may speak others; TypeError for a body that
 * has no such representation, or a method that is none.
 */
export function prepareRequest(uri: string, options: RequestOptions, media: Media): PreparedRequest {
  const { method = "GET", proxy, token, isConfirmable, blockSizeBytes } = options;
  const code: number | undefined = methodCodes[method];
  if (code === undefined) throw new TypeError(`"${method}" is not a method`);
  const { entries, payload } = describe(options, media);
  const target = proxy === undefined ? parseCoapUri(uri) : undefined;
  const destination = target ?? parseCoapUri(proxy ?? "");
  return {
    destination,
    requestTo: ({ address, port }) => {
      const own = target === undefined ? proxyOptions(uri) : coapUriToOptions(target, { address, port });
      return {
        code,
        // With a body the size of its own blocks says what is wanted back.
        options: Options.of(...own, ...entries, ...(payload === undefined ? blockOptions(blockSizeBytes) : [])),
        isMulticast: isMulticastAddress(address),
        ...(payload !== undefined && { payload }),
        ...(token !== undefined && { token }),
        ...(isConfirmable !== undefined && { isConfirmable }),
        ...(blockSizeBytes !== undefined && { blockSizeBytes }),
      };
    },
  };
}

/** RFC 7252 5.10.2: what a proxy is asked for. */
function proxyOptions(uri: string): Options {
  return Options.of([Option.PROXY_URI, uri]);
}

/** RFC 7959 2.4: Block2 of block 0 says beforehand which size is wanted. */
function blockOptions(blockSizeBytes: number | undefined): OptionEntry[] {
  if (blockSizeBytes === undefined) return [];
  const szx = Math.log2(blockSizeBytes) - 4;
  if (!Number.isInteger(szx) || szx < 0 || szx > 6) {
    throw new RangeError(`blockSizeBytes is ${blockSizeBytes}, not a power of two from 16 to 1024`);
  }
  return [[Option.BLOCK2, szx]];
}

function describe(options: RequestOptions, media: Media): { entries: OptionEntry[]; payload: Uint8Array | undefined } {
  const { body, contentFormat, accept, etags = [], ifMatch = [], ifNoneMatch = false } = options;
  const entries: OptionEntry[] = [...(options.options ?? [])];
  for (const etag of ifMatch) entries.push([Option.IF_MATCH, etag]);
  for (const etag of etags) entries.push([Option.ETAG, etag]);
  if (ifNoneMatch) entries.push([Option.IF_NONE_MATCH, ""]);
  if (accept !== undefined) entries.push([Option.ACCEPT, accept]);
  const encoded = encodeBody(body, contentFormat, media);
  if (encoded.contentFormat !== undefined) entries.push([Option.CONTENT_FORMAT, encoded.contentFormat]);
  return { entries, payload: encoded.payload };
}

function encodeBody(
  body: unknown,
  contentFormat: number | undefined,
  media: Media,
): { contentFormat: number | undefined; payload: Uint8Array | undefined } {
  if (body === undefined) return { contentFormat, payload: undefined };
  if (body instanceof Uint8Array) return { contentFormat, payload: body };
  const encoded = media.encode(contentFormat === undefined ? body : representation(body, contentFormat));
  if (encoded === undefined) throw new TypeError(`the body has no representation in Content-Format ${contentFormat}`);
  return encoded;
}
