import { contentFormat, contentFormatOf } from "@isthmus/coap/codec";

/*
 * What a payload is, in three protocols' words. A message carries MQTT's, the Content Type property, which is a media
 * type; HTTP says the same in Content-Type; CoAP has a number for it, from IANA's registry of Content-Formats.
 *
 *   Content-Format                     message, MQTT 5.0 Content Type       HTTP
 *   -                                  -                                    no Content-Type
 *   0                                  text/plain; charset=utf-8            the same
 *   60 and all that are registered     application/cbor ...                 the same
 *   11050, registered with a coding    application/coap-payload;cf=11050    application/json and Content-Encoding: deflate
 *   65000, not registered              application/coap-payload;cf=65000    the same (RFC 8075 6.2)
 *   -, or a looser one (RFC 8075 6.3)  anything else                        the same
 */

/** RFC 8075 6.2: the media type of a Content-Format that no other media type says. */
const COAP_PAYLOAD = "application/coap-payload";

/** How HTTP says what a content is. */
export interface HttpContent {
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
}

/** The content type of a message whose payload has this Content-Format. */
export function contentTypeOfFormat(format: number): string {
  const known = contentFormat(format);
  return known === undefined || known.contentCoding !== undefined ? `${COAP_PAYLOAD};cf=${format}` : known.mediaType;
}

/** The Content-Format that says exactly this content type; undefined when none does. */
export function formatOfContentType(contentType: string): number | undefined {
  return coapPayloadFormat(contentType) ?? contentFormatOf(withCharset(contentType))?.id;
}

/** What HTTP calls a content type. */
export function httpContentOf(contentType: string): HttpContent {
  const format = coapPayloadFormat(contentType);
  const coded = format === undefined ? undefined : contentFormat(format);
  return coded === undefined ? { contentType } : { contentType: coded.mediaType, contentEncoding: coded.contentCoding };
}

/** The content type of what HTTP describes so; undefined for a coding that a message has no words for. */
export function contentTypeOfHttp({ contentType, contentEncoding }: HttpContent): string | undefined {
  if (contentEncoding === undefined || contentEncoding.toLowerCase() === "identity") return contentType;
  const format = contentFormatOf(withCharset(contentType), contentEncoding);
  return format && contentTypeOfFormat(format.id);
}

/** Whether `text` can be said in a header: a type, a subtype and parameters, and nothing that would end the line. */
export function isMediaType(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*(?:;[\t\x20-\x7e]*)?$/.test(text);
}

function coapPayloadFormat(contentType: string): number | undefined {
  const [, digits] = /^application\/coap-payload\s*;\s*cf=(\d{1,5})$/i.exec(contentType) ?? [];
  const format = Number(digits);
  return digits !== undefined && format <= 0xffff ? format : undefined;
}

/** CoAP knows text as UTF-8 alone, which is what text of no charset mostly is. */
function withCharset(contentType: string): string {
  return /^\s*text\/plain\s*$/i.test(contentType) ? "text/plain; charset=utf-8" : contentType;
}
