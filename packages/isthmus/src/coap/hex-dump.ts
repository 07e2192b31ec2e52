const BYTES_A_LINE = 16;

/** Bytes as lines of offset, hexadecimal digits and ASCII; beyond `maxBytes` it says how many are left out. */
export function hexDump(bytes: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, maxBytes); at += BYTES_A_LINE) {
    const row = bytes.subarray(at, Math.min(at + BYTES_A_LINE, bytes.length));
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(BYTES_A_LINE * 3 - 1)}  ${ascii}`);
  }
  if (bytes.length > maxBytes) lines.push(`... and ${bytes.length - maxBytes} more`);
  return lines;
}
