import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { decodeCbor, encodeCbor } from "./cbor.js";
import { formatLinks, type Link, parseLinks } from "./link-format.js";
import type { SenmlRecord } from "./senml.js";
import { decodeSenmlCbor, encodeSenmlCbor } from "./senml-cbor.js";
import { decodeSenmlJson, encodeSenmlJson } from "./senml-json.js";
import { decodeSenmlXml, encodeSenmlXml } from "./senml-xml.js";
import { decodeXml, encodeXml } from "./xml.js";

/** A Content-Format that this library turns values into and back. */
export interface MediaCodec {
  /** Its identifier in the registry. */
  readonly contentFormat: number;
  /** The bytes of `value`; undefined when it has no such representation. */
  readonly encode: (value: unknown) => Uint8Array | undefined;
  /** The value of a payload; throws whatever when it is malformed. */
  readonly decode: (payload: Uint8Array) => unknown;
}

/** The Content-Formats that are built in, by name. */
export const Format = {
  TEXT: 0,
  LINKS: 40,
  XML: 41,
  OCTETS: 42,
  JSON: 50,
  JSON_PATCH: 51,
  MERGE_PATCH: 52,
  CBOR: 60,
  SENML_JSON: 110,
  SENSML_JSON: 111,
  SENML_CBOR: 112,
  SENSML_CBOR: 113,
  SENML_XML: 310,
  SENSML_XML: 311,
} as const;

/** The built-in codecs: text, bytes, links, JSON, CBOR, XML and SenML in its three forms, as pack and as stream. */
export const mediaCodecs: readonly MediaCodec[] = [
  { contentFormat: Format.TEXT, encode: encodeText, decode: (payload) => decodeUtf8(payload) },
  {
    contentFormat: Format.OCTETS,
    encode: (value) => (isBytes(value) ? value : undefined),
    decode: (payload) => payload,
  },
  { contentFormat: Format.LINKS, encode: encodeLinks, decode: (payload) => parseLinks(decodeUtf8(payload)) },
  { contentFormat: Format.XML, encode: encodeXmlValue, decode: decodeXml },
  { contentFormat: Format.JSON, encode: encodeJson, decode: decodeJson },
  { contentFormat: Format.JSON_PATCH, encode: encodeJson, decode: decodeJson },
  { contentFormat: Format.MERGE_PATCH, encode: encodeJson, decode: decodeJson },
  { contentFormat: Format.CBOR, encode: (value) => encodeCbor(value), decode: (payload) => decodeCbor(payload) },
  { contentFormat: Format.SENML_JSON, encode: ifSenml(encodeSenmlJson), decode: decodeSenmlJson },
  { contentFormat: Format.SENSML_JSON, encode: ifSenml(encodeSenmlJson), decode: decodeSenmlJson },
  { contentFormat: Format.SENML_CBOR, encode: ifSenml(encodeSenmlCbor), decode: decodeSenmlCbor },
  { contentFormat: Format.SENSML_CBOR, encode: ifSenml(encodeSenmlCbor), decode: decodeSenmlCbor },
  { contentFormat: Format.SENML_XML, encode: ifSenml(encodeSenmlXml), decode: decodeSenmlXml },
  { contentFormat: Format.SENSML_XML, encode: ifSenml(encodeSenmlXml), decode: decodeSenmlXml },
];

function encodeText(value: unknown): Uint8Array | undefined {
  return isScalar(value) ? encodeUtf8(String(value)) : undefined;
}

function encodeJson(value: unknown): Uint8Array | undefined {
  // JSON has no bytes, and what it would make of them nobody wants.
  if (isBytes(value)) return undefined;
  // Functions, symbols and undefined have no JSON form: stringify says so with undefined, whatever its type claims.
  const text: string | undefined = JSON.stringify(value);
  return text === undefined ? undefined : encodeUtf8(text);
}

function decodeJson(payload: Uint8Array): unknown {
  return JSON.parse(decodeUtf8(payload));
}

function encodeXmlValue(value: unknown): Uint8Array | undefined {
  return isBytes(value) ? undefined : encodeXml(value);
}

function encodeLinks(value: unknown): Uint8Array | undefined {
  // Text is taken for links that are written already.
  if (typeof value === "string") return encodeUtf8(value);
  return isLinks(value) ? encodeUtf8(formatLinks(value)) : undefined;
}

function ifSenml(encode: (records: readonly SenmlRecord[]) => Uint8Array): MediaCodec["encode"] {
  return (value) => (isSenml(value) ? encode(value) : undefined);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isScalar(value: unknown): value is string | number | boolean | bigint {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" || type === "bigint";
}

function isLinks(value: unknown): value is readonly Link[] {
  return isArrayOfObjects(value) && value.every((item) => "target" in item && "attributes" in item);
}

function isSenml(value: unknown): value is readonly SenmlRecord[] {
  return isArrayOfObjects(value) && value.every((item) => !Array.isArray(item));
}

function isArrayOfObjects(value: unknown): value is readonly object[] {
  return Array.isArray(value) && value.every((item: unknown) => typeof item === "object" && item !== null);
}
