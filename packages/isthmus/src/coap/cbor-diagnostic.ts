import { toHex } from "@isthmus/bytes";

/** A decoded item of CBOR in diagnostic notation (RFC 8949 8), one entry of an array or map a line. */
export function formatDiagnostic(value: unknown, indent = ""): string {
  if (value instanceof Uint8Array) return `h'${toHex(value)}'`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return formatNumber(value);
  if (Array.isArray(value)) {
    return formatEntries("[", value.map((item: unknown) => formatDiagnostic(item, `${indent}  `)), "]", indent); // prettier-ignore
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => `${formatDiagnostic(key)}: ${formatDiagnostic(item, `${indent}  `)}`); // prettier-ignore
    return formatEntries("{", entries, "}", indent);
  }
  // What is left: booleans, null, undefined and bigints, which read as they are.
  return String(value);
}

function formatEntries(open: string, entries: readonly string[], close: string, indent: string): string {
  if (entries.length === 0) return open + close;
  const line = `${open}${entries.join(", ")}${close}`;
  if (line.length + indent.length <= 72 && !line.includes("\n")) return line;
  return `${open}\n${entries.map((entry) => `${indent}  ${entry}`).join(",\n")}\n${indent}${close}`;
}

/** A floating point number shows that it is one. */
function formatNumber(value: number): string {
  return Object.is(value, -0) ? "-0.0" : String(value);
}
