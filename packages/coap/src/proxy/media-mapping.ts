import { contentFormat, contentFormatOf } from "../codec/content-formats.js";

/** How a content is described in HTTP. */
export interface HttpMedia {
  readonly contentType: string;
  readonly contentEncoding?: string;
}

/** A media type pattern and what it is a special case of (RFC 8075 6.3). */
export type MediaGeneralization = readonly [pattern: RegExp, mediaType: string];

/** The generalizations of RFC 8075, table 1, the most special first; the first that matches is taken. */
export const looseMediaTypes: readonly MediaGeneralization[] = [
  [/^application\/.*\+xml$/, "application/xml"],
  [/^application\/.*\+json$/, "application/json"],
  [/^application\/.*\+cbor$/, "application/cbor"],
  [/^text\/xml$/, "application/xml"],
  [/^text\//, "text/plain; charset=utf-8"],
  [/./, "application/octet-stream"],
];

/** RFC 8075 6.2: what a Content-Format that nobody registered is called in HTTP. */
const COAP_PAYLOAD = "application/coap-payload";

/** What HTTP calls a Content-Format (RFC 8075 6.1, 6.2). */
export function httpMediaOf(format: number): HttpMedia {
  const known = contentFormat(format);
  if (known === undefined) return { contentType: `${COAP_PAYLOAD};cf=${format}` };
  const { mediaType, contentCoding } = known;
  return { contentType: mediaType, ...(contentCoding !== undefined && { contentEncoding: contentCoding }) };
}

/**
 * The Content-Format for HTTP's Content-Type and Content-Encoding (RFC 8075 6.4); undefined when there is none: 415.
 *
 * @param generalizations looser types to try when the type itself is not registered; none for strict mapping.
 */
export function contentFormatOfHttp(
  { contentType, contentEncoding }: HttpMedia,
  generalizations: readonly MediaGeneralization[] = [],
): number | undefined {
  const coding = contentEncoding === "identity" ? undefined : contentEncoding;
  const exact = contentFormatOf(contentType, coding) ?? contentFormatOf(withCharset(contentType), coding);
  if (exact !== undefined) return exact.id;
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const general = generalizations.find(([pattern]) => pattern.test(type));
  return general && contentFormatOf(general[1], coding)?.id;
}

/**
 * The Content-Format that HTTP's Accept asks for first among those that have one; undefined when any will do, or none has
 * one: the request then goes without (RFC 8075 6.1).
 */
export function acceptOfHttp(accept: string | undefined): number | undefined {
  if (accept === undefined) return undefined;
  const ranges = accept
    .split(",")
    .map(parseRange)
    .filter(({ quality }) => quality > 0);
  ranges.sort((a, b) => b.quality - a.quality);
  for (const { mediaType } of ranges) {
    // RFC 8075 6.1: `*/*` MUST become a request without Accept.
    if (mediaType === "*/*") return undefined;
    const format = contentFormatOfHttp({ contentType: mediaType });
    if (format !== undefined) return format;
  }
  return undefined;
}

function parseRange(text: string): { mediaType: string; quality: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => /^q=/i.test(parameter));
  const rest = parameters.filter((parameter) => parameter !== weight);
  return {
    mediaType: [type, ...rest].join("; "),
    quality: weight === undefined ? 1 : Number.parseFloat(weight.slice(2)) || 0,
  };
}

/** CoAP knows text as UTF-8 alone, which is what HTTP's text without a charset mostly is. */
function withCharset(contentType: string): string {
  return /^\s*text\/plain\s*$/i.test(contentType) ? "text/plain; charset=utf-8" : contentType;
}
