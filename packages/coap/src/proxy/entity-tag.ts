import { fromHex, HexSyntaxError, toHex } from "@isthmus/bytes";

/** A CoAP entity-tag as HTTP writes it: its bytes in hexadecimal, quoted (RFC 9110 8.8.3). */
export function formatHttpEtag(etag: Uint8Array): string {
  return `"${toHex(etag)}"`;
}

/**
 * The CoAP entity-tags that a list of HTTP's names; those that no CoAP server can have made are left out.
 *
 * @param isWeak whether `W/"..."` counts as what it says, as in If-None-Match; in If-Match it never matches (RFC 9110
 * 13.1.1).
 */
export function parseHttpEtags(list: string, isWeak: boolean): Uint8Array[] {
  return list.split(",").flatMap((item) => {
    const [, weak, digits] = /^\s*(W\/)?"([0-9a-fA-F]{2,16})"\s*$/.exec(item) ?? [];
    return digits === undefined || (weak !== undefined && !isWeak) ? [] : decode(digits);
  });
}

function decode(digits: string): Uint8Array[] {
  try {
    return [fromHex(digits)];
  } catch (error) {
    if (error instanceof HexSyntaxError) return [];
    throw error;
  }
}
