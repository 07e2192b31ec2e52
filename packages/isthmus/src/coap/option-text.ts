import {
  contentFormat,
  contentFormatOf,
  contentFormats,
  encodeUint,
  optionDefinition,
  type OptionEntry,
} from "@isthmus/coap";
import { encodeUtf8, fromHex, HexSyntaxError } from "@isthmus/bytes";
import { UsageError } from "../command.js";

/** Short names for Content-Formats, as coap-client has them, and those that people use most. */
const formatNames: Readonly<Record<string, number>> = {
  plain: 0,
  text: 0,
  link: 40,
  xml: 41,
  octet: 42,
  bytes: 42,
  exi: 47,
  json: 50,
  cbor: 60,
  "senml+json": 110,
  "senml+cbor": 112,
  "senml+xml": 310,
};

/** A Content-Format by number, short name or media type. @throws UsageError for any other text. */
export function parseContentFormat(text: string, flag: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 0xffff) return Number(text);
  const named = formatNames[text.toLowerCase()] ?? contentFormatOf(text)?.id ?? contentFormatOf(`${text}; charset=utf-8`)?.id; // prettier-ignore
  if (named !== undefined) return named;
  const known = contentFormats.find(({ mediaType }) => mediaType.includes(text));
  throw new UsageError(
    `${flag} ${text}: no such Content-Format`,
    known === undefined ? "a number, a media type, or text, json, cbor, link, xml, bytes" : `${known.mediaType}?`,
  );
}

/** "50 application/json". */
export function formatContentFormat(id: number): string {
  const known = contentFormat(id);
  if (known === undefined) return String(id);
  return `${id} ${known.mediaType}${known.contentCoding === undefined ? "" : ` (${known.contentCoding})`}`;
}

/**
 * An option as `-O` has it: `NUMBER,TEXT`, the text hexadecimal after `0x`. An option whose value is a number takes one in
 * decimal as well.
 *
 * @throws UsageError for a number that is none, or digits that are no bytes.
 */
export function parseOption(text: string): OptionEntry {
  const [, digits = "", value = ""] = /^([0-9]+)(?:,([\s\S]*))?$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits === "" || number > 0xffff) throw new UsageError(`-O ${text}: not NUMBER,TEXT`, "-O 17,50 or -O 4,0x0a1b");
  if (value.startsWith("0x")) return [number, parseHex(value.slice(2), "-O")];
  const isUint = optionDefinition(number)?.format === "uint";
  return [number, isUint && /^[0-9]{1,10}$/.test(value) && Number(value) <= 0xffff_ffff ? encodeUint(Number(value)) : encodeUtf8(value)]; // prettier-ignore
}

/** @throws UsageError when it is not hexadecimal. */
export function parseHex(text: string, flag: string): Uint8Array {
  try {
    return fromHex(text);
  } catch (error) {
    if (error instanceof HexSyntaxError) throw new UsageError(`${flag} ${text}: ${error.message}`, "hexadecimal digits, two a byte"); // prettier-ignore
    throw error;
  }
}

/** `text` with `%41` as the bytes that they name, as coap-client's `-e` has it. */
export function percentDecode(text: string): Uint8Array {
  const parts = text.split(/%([0-9A-Fa-f]{2})/);
  // Odd ones are the digits: that is how split puts what was captured.
  return Buffer.concat(parts.map((part, index) => (index % 2 === 1 ? Buffer.from(part, "hex") : encodeUtf8(part))));
}
