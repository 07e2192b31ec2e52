/** A payload as the page shows it: as text in every case, never as HTML. */
export interface PayloadView {
  readonly kind: "empty" | "JSON" | "text" | "binary";
  readonly text: string;
}

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT_UTF8 = new TextDecoder("utf-8");
/** What no text has in it: control characters but for tabs and line ends. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000e-\u001f]/;
/** Bytes in a line of hexadecimal digits. */
const HEX_LINE = 16;
/** Bytes of a payload that its one line is made of. */
const SUMMARY_BYTES = 240;
/** Fields of a JSON object that become lines of a chart. */
const MAX_SERIES = 4;

/** The whole payload: JSON with one field a line, text as it is, and hexadecimal digits for all else. */
export function viewPayload(payload: Uint8Array, isCut: boolean): PayloadView {
  if (payload.length === 0) return { kind: "empty", text: "" };
  const text = textOf(payload, isCut);
  if (text === undefined) return { kind: "binary", text: hexDump(payload) };
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return { kind: "text", text };
  return { kind: "JSON", text: JSON.stringify(value, undefined, 2) };
}

/** The beginning of a payload in one line. */
export function summarize(payload: Uint8Array): string {
  const start = payload.subarray(0, SUMMARY_BYTES);
  const text = textOf(start, start.length < payload.length);
  if (text === undefined) return hexOf(start.subarray(0, 32));
  return text.replaceAll(/\s+/g, " ").trim();
}

/** The numbers of a payload by name: of a plain number, or of the fields of a JSON object. */
export function numbersOf(payload: Uint8Array): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const text = textOf(payload, false);
  const value = text === undefined ? undefined : parseJson(text);
  if (typeof value === "number") numbers.set("value", value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return numbers;
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === "number" && numbers.size < MAX_SERIES) numbers.set(name, field);
  }
  return numbers;
}

/** Undefined for what is no text. */
function textOf(payload: Uint8Array, isCut: boolean): string | undefined {
  try {
    // A character may be cut in two.
    const text = isCut
      ? LENIENT_UTF8.decode(payload.subarray(0, wholeCharacters(payload)))
      : STRICT_UTF8.decode(payload);
    return CONTROL.test(text) || text.includes("\uFFFD") ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Where the last character of a payload that was cut begins. */
function wholeCharacters(payload: Uint8Array): number {
  for (let at = payload.length - 1; at >= 0 && at >= payload.length - 4; at--) {
    // Other bytes of a character are 10xxxxxx (RFC 3629 3).
    if (((payload[at] ?? 0) & 0xc0) !== 0x80) return at;
  }
  return payload.length;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_LINE) {
    const line = bytes.subarray(at, at + HEX_LINE);
    const characters = Array.from(line, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."));
    const hex = hexOf(line).padEnd(HEX_LINE * 3 - 1);
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${characters.join("")}`);
  }
  return lines.join("\n");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
