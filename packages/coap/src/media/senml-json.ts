import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { SenmlError, type SenmlRecord } from "./senml.js";
import { readRecord, type SenmlSpelling, spellRecord } from "./senml-labels.js";

const spelling: SenmlSpelling<string> = {
  labelOf: (field) => field.label,
  encodeData: encodeBase64Url,
  decodeData: (value) => (typeof value === "string" ? decodeBase64Url(value) : undefined),
};

/** The pack as application/senml+json (RFC 8428 5). */
export function encodeSenmlJson(records: readonly SenmlRecord[]): Uint8Array {
  return encodeUtf8(JSON.stringify(records.map((record) => Object.fromEntries(spellRecord(record, spelling)))));
}

/** The pack of application/senml+json. @throws SenmlError, SyntaxError or Utf8Error when it is none. */
export function decodeSenmlJson(payload: Uint8Array): SenmlRecord[] {
  const pack: unknown = JSON.parse(decodeUtf8(payload));
  if (!Array.isArray(pack)) throw new SenmlError("a SenML pack is an array");
  return pack.map((item: unknown, index) => {
    if (typeof item !== "object" || item === null) throw new SenmlError(`record ${index} is not an object`);
    return readRecord(Object.entries(item), spelling);
  });
}

/** RFC 4648 5, without padding. */
export function encodeBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @throws SenmlError for any other text. */
export function decodeBase64Url(text: string): Uint8Array {
  // RFC 8428 5: padding is left out, though some send it.
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text)) throw new SenmlError(`"${text}" is not base64url`);
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new SenmlError(`"${text}" is not base64url`, { cause });
  }
}
