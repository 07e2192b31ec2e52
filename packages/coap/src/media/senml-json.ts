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

const BASE64URL = encodeUtf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/** RFC 4648 5, without padding. */
export function encodeBase64Url(bytes: Uint8Array): string {
  // A string that grows by a character at a time takes seconds for some megabytes; an array of its bytes does not.
  const text = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    // Bytes beyond the end are zeros, and the characters that say only those do not fit in.
    const group = (byteOf(bytes, i) << 16) | (byteOf(bytes, i + 1) << 8) | byteOf(bytes, i + 2);
    for (let shift = 18; shift >= 0 && at < text.length; shift -= 6)
      text[at++] = byteOf(BASE64URL, (group >> shift) & 63);
  }
  return decodeUtf8(text);
}

function byteOf(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** @throws SenmlError for any other text. */
export function decodeBase64Url(text: string): Uint8Array {
  // RFC 8428 5: padding is left out, though some send it.
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text)) throw new SenmlError(`"${text}" is not base64url`);
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = new Uint8Array(binary.length);
    // To go through the text as something iterable takes forty times as long.
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch (cause) {
    throw new SenmlError(`"${text}" is not base64url`, { cause });
  }
}
