import { equalBytes } from "@isthmus/bytes";
import { Code, isSafeMethod, isSuccessCode } from "../codec/codes.js";
import { NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { type OptionEntry, Options } from "../codec/options.js";
import type { Response } from "../endpoint/incoming.js";
import type { EncodedRepresentation, Media } from "../media/media.js";
import { CoapError } from "./coap-error.js";
import { contentEtag } from "./etag.js";
import { locationOptions, Reply, type ReplyFields } from "./reply.js";
import type { ServerRequest } from "./server-request.js";

/** What a resource says of its representations. */
export interface RenderingPolicy {
  /** Seconds for which representations are fresh when the handler does not say. */
  readonly maxAge: number | undefined;
  /** Whether representations get an entity-tag made of their content. */
  readonly hasContentEtag: boolean;
}

/** Max-Age of a response that does not say (RFC 7252 5.10.5). */
const DEFAULT_MAX_AGE = 60;
/** A body beyond this takes several blocks: an entity-tag tells the client that they belong together (RFC 7959 2.4). */
const LARGEST_BLOCK_BYTES = 1_024;

const NO_FIELDS: ReplyFields = {};

/** The code of a handler's plain result, by method. */
const codeByMethod: Readonly<Record<number, number>> = {
  [Code.GET]: Code.CONTENT,
  [Code.FETCH]: Code.CONTENT,
  [Code.POST]: Code.CHANGED,
  [Code.PUT]: Code.CHANGED,
  [Code.DELETE]: Code.DELETED,
  [Code.PATCH]: Code.CHANGED,
  [Code.IPATCH]: Code.CHANGED,
};

/** A result with a code of its own, as it is or made of a plain value. */
export function asReply(method: number, result: unknown): Reply {
  return result instanceof Reply ? result : new Reply(codeByMethod[method] ?? Code.CONTENT, result, NO_FIELDS);
}

/**
 * The response that says what a handler returned, in the form that the request asks for.
 *
 * @throws CoapError with 4.06 when there is no such form, TypeError when there is none at all.
 */
export function renderResult(request: ServerRequest, result: unknown, media: Media, policy: RenderingPolicy): Response {
  const reply = asReply(request.code, result);
  const encoded = encode(request, reply, media);
  const etag = etagOf(reply, encoded, policy);
  if (etag !== undefined && isStillValid(request, reply, etag)) return validResponse(reply, etag, policy);
  const { isConfirmable } = reply.fields;
  const options = optionsOf(reply, encoded, etag, policy);
  const payload = encoded?.payload ?? NO_BYTES;
  return isConfirmable === undefined
    ? { code: reply.code, options, payload }
    : { code: reply.code, options, payload, isConfirmable };
}

/** The entity-tags of all forms of a representation: what If-Match may name (RFC 7252 5.10.8.1). */
export function allEtags(reply: Reply, media: Media): Uint8Array[] {
  if (reply.fields.etag !== undefined) return [reply.fields.etag];
  return [...media.encodeAll(reply.value)].map(({ contentFormat, payload }) => contentEtag(contentFormat, payload));
}

function encode(request: ServerRequest, reply: Reply, media: Media): EncodedRepresentation | undefined {
  if (reply.value === undefined) return undefined;
  // RFC 7252 5.10.4: Accept is about the representation; an error's diagnostic goes out as it is.
  const accept = isSuccessCode(reply.code) ? request.accept : undefined;
  const encoded = media.encode(reply.value, accept);
  if (encoded !== undefined) return encoded;
  if (accept === undefined) throw new TypeError(`a result of type ${typeof reply.value} has no representation`);
  if (isSafeMethod(request.code)) {
    throw new CoapError(Code.NOT_ACCEPTABLE, `there is no representation of Content-Format ${accept}`);
  }
  // What was asked for is done: an error would say that it is not. The code alone has to do.
  return undefined;
}

function etagOf(
  reply: Reply,
  encoded: EncodedRepresentation | undefined,
  policy: RenderingPolicy,
): Uint8Array | undefined {
  if (reply.fields.etag !== undefined) return reply.fields.etag;
  if (encoded === undefined || reply.code !== Code.CONTENT) return undefined;
  const isWanted = policy.hasContentEtag || encoded.payload.length > LARGEST_BLOCK_BYTES;
  return isWanted ? contentEtag(encoded.contentFormat, encoded.payload) : undefined;
}

/** RFC 7252 5.10.6.2: the client has this very representation, and says so. */
function isStillValid(request: ServerRequest, reply: Reply, etag: Uint8Array): boolean {
  return (
    reply.code === Code.CONTENT &&
    isSafeMethod(request.code) &&
    request.options.has(Option.ETAG) &&
    request.options.all(Option.ETAG).some((known) => equalBytes(known, etag))
  );
}

function validResponse(reply: Reply, etag: Uint8Array, policy: RenderingPolicy): Response {
  // RFC 7252 5.9.1.3: the entity-tag, no payload, and what else is to be updated.
  return { code: Code.VALID, options: optionsOf(reply, undefined, etag, policy) };
}

function optionsOf(
  { code, fields }: Reply,
  encoded: EncodedRepresentation | undefined,
  etag: Uint8Array | undefined,
  policy: RenderingPolicy,
): Options {
  // RFC 7252 5.9.1: of the success codes 2.05 alone is cacheable, and 2.03 updates what a cache has of it.
  const isCacheable = code === Code.CONTENT;
  const maxAge = fields.maxAge ?? (isCacheable ? policy.maxAge : undefined) ?? DEFAULT_MAX_AGE;
  if (
    etag === undefined &&
    maxAge === DEFAULT_MAX_AGE &&
    fields.location === undefined &&
    fields.options === undefined
  ) {
    return encoded === undefined ? Options.NONE : formatOptions(encoded.contentFormat);
  }
  const entries: OptionEntry[] = [...(fields.options ?? [])];
  if (encoded !== undefined) entries.push([Option.CONTENT_FORMAT, encoded.contentFormat]);
  if (etag !== undefined) entries.push([Option.ETAG, etag]);
  if (maxAge !== DEFAULT_MAX_AGE) entries.push([Option.MAX_AGE, maxAge]);
  if (fields.location !== undefined) entries.push(...locationOptions(fields.location));
  return Options.of(...entries);
}

/** Most responses say their Content-Format and nothing else: those options are made once. */
function formatOptions(contentFormat: number): Options {
  return commonOptions.get(contentFormat) ?? Options.of([Option.CONTENT_FORMAT, contentFormat]);
}

const commonOptions: ReadonlyMap<number, Options> = new Map(
  [0, 40, 42, 50, 60, 110, 112].map((format) => [format, Options.of([Option.CONTENT_FORMAT, format])]),
);
