import { decodeUtf8 } from "@isthmus/bytes";
import {
  decodeCbor,
  decodeSenmlCbor,
  decodeSenmlJson,
  decodeSenmlXml,
  Format,
  type Link,
  parseLinks,
  resolveSenml,
  type SenmlRecord,
} from "@isthmus/coap";
import { formatDiagnostic } from "./cbor-diagnostic.js";
import { hexDump } from "./hex-dump.js";

/** How people read a payload of a Content-Format. */
const views: ReadonlyMap<number, (payload: Uint8Array) => string> = new Map([
  [Format.TEXT, viewText],
  [Format.XML, viewText],
  [Format.LINKS, (payload: Uint8Array) => viewLinks(parseLinks(decodeUtf8(payload)))],
  [Format.JSON, viewJson],
  [Format.JSON_PATCH, viewJson],
  [Format.MERGE_PATCH, viewJson],
  [Format.CBOR, (payload: Uint8Array) => formatDiagnostic(decodeCbor(payload, { useMaps: true }))],
  [Format.SENML_JSON, (payload: Uint8Array) => viewSenml(decodeSenmlJson(payload))],
  [Format.SENSML_JSON, (payload: Uint8Array) => viewSenml(decodeSenmlJson(payload))],
  [Format.SENML_CBOR, (payload: Uint8Array) => viewSenml(decodeSenmlCbor(payload))],
  [Format.SENSML_CBOR, (payload: Uint8Array) => viewSenml(decodeSenmlCbor(payload))],
  [Format.SENML_XML, (payload: Uint8Array) => viewSenml(decodeSenmlXml(payload))],
  [Format.SENSML_XML, (payload: Uint8Array) => viewSenml(decodeSenmlXml(payload))],
]);

/**
 * A payload for people: JSON and CBOR on lines of their own, SenML as a table, a link a line, other bytes as text when they
 * are, else as a dump. One that is not what it says is shown for what it is.
 */
export function viewPayload(payload: Uint8Array, contentFormat: number | undefined): string {
  const view = contentFormat === undefined ? viewText : views.get(contentFormat);
  try {
    return (view ?? viewText)(payload);
  } catch {
    return view === viewText || view === undefined ? hexDump(payload).join("\n") : viewPayload(payload, undefined);
  }
}

/** Links, each with its attributes below. */
export function viewLinks(links: readonly Link[]): string {
  return links
    .map(
      ({ target, attributes }) =>
      [`<${target}>`, ...attributes.map(([name, value]) => `    ${name}${value === undefined ? "" : ` = ${value}`}`)].join("\n"), // prettier-ignore
    )
    .join("\n");
}

function viewText(payload: Uint8Array): string {
  const text = decodeUtf8(payload);
  // Control characters would do to the terminal whatever the server likes.
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text)) return hexDump(payload).join("\n");
  return text;
}

function viewJson(payload: Uint8Array): string {
  return JSON.stringify(JSON.parse(decodeUtf8(payload)), undefined, 2);
}

/** Records resolved, in columns: when, what, how much. */
function viewSenml(records: readonly SenmlRecord[]): string {
  const rows = resolveSenml(records, Date.now() / 1_000).map((record) => [
    new Date(record.time * 1_000).toISOString(),
    record.name,
    valueOf(record),
    record.unit ?? "",
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n"); // prettier-ignore
}

function valueOf({ value, stringValue, booleanValue, dataValue, sum }: SenmlRecord): string {
  if (dataValue !== undefined) return formatDiagnostic(dataValue);
  const shown = value ?? stringValue ?? booleanValue;
  const total = sum === undefined ? "" : `sum ${sum}`;
  return shown === undefined ? total : [String(shown), total].filter((part) => part !== "").join(", ");
}
