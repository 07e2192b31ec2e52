import {
  Code,
  contentEtag,
  contentFormatOfHttp,
  encodeCbor,
  encodeSenmlCbor,
  encodeSenmlJson,
  Format,
  looseMediaTypes,
  Option,
  type OptionEntry,
  Options,
  type Response,
} from "@isthmus/coap";
import { encodeUtf8 } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";
import { formatOfContentType } from "../../content/content-types.js";
import { cborFormOf, jsonFormOf, textOf } from "../../content/message-form.js";
import { senmlRecordOf } from "../../content/senml-form.js";
import { CREDENTIALS_EXPIRED } from "../requests/credentials-expiry.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

/** A payload, and its Content-Format where anybody knows it. */
interface Representation {
  readonly format: number | undefined;
  readonly payload: Uint8Array;
  readonly etag: () => Uint8Array;
}

/** Bodies from here on go in several blocks: an entity-tag keeps those of two states apart (RFC 7959 2.4). */
const LARGEST_BLOCK_BYTES = 1024;

/** The Content-Format of a message: what its content type says, exactly or loosely (RFC 8075 6.3). */
export function formatOf({ properties }: Message): number | undefined {
  const { contentType, isUtf8 } = properties ?? {};
  if (contentType === undefined) return isUtf8 === true ? Format.TEXT : undefined;
  return formatOfContentType(contentType) ?? contentFormatOfHttp({ contentType }, looseMediaTypes);
}

/** The entity-tag of a message as it is, whatever Content-Format its bytes go out as. */
export function etagOf(message: Message): Uint8Array {
  return contentEtag(formatOf(message), message.payload);
}

/**
 * The response that says `message`, as a last value or a notification.
 *
 * @param now milliseconds since 1970: Max-Age is what is left of the message's expiry.
 * @throws RequestRefusedError not-acceptable when it has no representation that `accept` asks for.
 */
export function messageResponse(message: Message, accept: number | undefined, now: number, hasEtag: boolean): Response {
  const representation = represent(message, accept);
  if (representation === undefined) {
    throw new RequestRefusedError("not-acceptable", `${message.topic} has no form of Content-Format ${accept}`);
  }
  const { format, payload, etag } = representation;
  const entries: OptionEntry[] = [];
  if (format !== undefined) entries.push([Option.CONTENT_FORMAT, format]);
  if (hasEtag || payload.length > LARGEST_BLOCK_BYTES) entries.push([Option.ETAG, etag()]);
  if (Number.isFinite(message.expiresAt)) entries.push([Option.MAX_AGE, secondsLeft(message, now)]);
  return { code: Code.CONTENT, options: Options.of(...entries), payload };
}

/** What several messages may be represented as: SenML, JSON and CBOR, in which each says its topic. */
const packFormats: readonly number[] = [Format.SENML_JSON, Format.SENML_CBOR, Format.JSON, Format.CBOR];

/** The Content-Format of several messages, SenML unless `accept` says else. @throws RequestRefusedError not-acceptable. */
export function packFormat(accept: number | undefined): number {
  const format = accept ?? Format.SENML_JSON;
  if (packFormats.includes(format)) return format;
  throw new RequestRefusedError("not-acceptable", `a filter is told in Content-Format ${packFormats.join(", ")}`);
}

/** The response that says several messages. */
export function packResponse(messages: readonly Message[], format: number): Response {
  const payload = encodePack(messages, format);
  const entries: OptionEntry[] = [[Option.CONTENT_FORMAT, format]];
  if (payload.length > LARGEST_BLOCK_BYTES) entries.push([Option.ETAG, contentEtag(format, payload)]);
  return { code: Code.CONTENT, options: Options.of(...entries), payload };
}

function encodePack(messages: readonly Message[], format: number): Uint8Array {
  switch (format) {
    case Format.SENML_CBOR:
      return encodeSenmlCbor(messages.map(senmlRecordOf));
    case Format.JSON:
      return encodeUtf8(JSON.stringify(messages.map(jsonFormOf)));
    case Format.CBOR:
      return encodeCbor(messages.map(cborFormOf));
    default:
      return encodeSenmlJson(messages.map(senmlRecordOf));
  }
}

/**
 * A message is told in the form that it was published in; or as SenML, where its topic and time go with it. Whose form
 * nobody said can be had as text and as JSON where it is that, and anything as bytes.
 */
function represent(message: Message, accept: number | undefined): Representation | undefined {
  const { payload } = message;
  const own = formatOf(message);
  const etag = (): Uint8Array => contentEtag(own, payload);
  if (accept === undefined || accept === own) return { format: own, payload, etag };
  if (accept === Format.SENML_JSON || accept === Format.SENML_CBOR) {
    const pack = encodePack([message], accept);
    return { format: accept, payload: pack, etag: () => contentEtag(accept, pack) };
  }
  const isOfThat = accept === Format.OCTETS || (own === undefined && isOfFormat(payload, accept));
  return isOfThat ? { format: accept, payload, etag } : undefined;
}

function isOfFormat(payload: Uint8Array, format: number): boolean {
  if (format !== Format.TEXT && format !== Format.JSON) return false;
  const text = textOf(payload);
  return text !== undefined && (format === Format.TEXT || isJson(text));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function secondsLeft({ expiresAt }: Message, now: number): number {
  return Math.max(0, Math.min(Math.ceil((expiresAt - now) / 1000), 0xffff_ffff));
}

/** What ends the observation of whose credentials no longer hold. */
export const credentialsExpired: Response = {
  code: Code.UNAUTHORIZED,
  options: Options.NONE,
  payload: encodeUtf8(CREDENTIALS_EXPIRED),
};

/** What ends the observation of who may no longer see what they observe. */
export const noLongerAllowed: Response = {
  code: Code.FORBIDDEN,
  options: Options.NONE,
  payload: encodeUtf8("this may no longer be read"),
};
