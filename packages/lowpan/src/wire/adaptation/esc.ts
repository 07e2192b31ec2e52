import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { DISPATCH_ESC } from "./dispatch.js";

/**
 * The ESC dispatch (RFC 8066 3): how a frame carries a header that this standard does not know.
 *
 * ```text
 *  0               1
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
 * +---------------+---------------+----------------------------+
 * |0 1 0 0 0 0 0 0| ESC extension | Extended dispatch payload  |
 * |               | type          | (its length: the type's)   |
 * +---------------+---------------+----------------------------+
 * ```
 */
export interface EscHeader {
  readonly extensionType: number;
  /** The payload and all behind it: only who knows the type knows where it ends. */
  readonly rest: Uint8Array;
}

/** The header at `at`. @throws WireError. */
export function decodeEsc(bytes: Uint8Array, at: number, end: number): EscHeader {
  requireBytes(at, 2, end, "the ESC header");
  if (byteAt(bytes, at) !== DISPATCH_ESC) throw new WireError("dispatch", "not an ESC header");
  return { extensionType: byteAt(bytes, at + 1), rest: bytes.subarray(at + 2, end) };
}

export function encodeEsc(header: EscHeader): Uint8Array {
  return Uint8Array.of(DISPATCH_ESC, header.extensionType, ...header.rest);
}
