import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { DISPATCH_BC0 } from "./dispatch.js";

export const BROADCAST_HEADER_LENGTH = 2;

/**
 * The broadcast header LOWPAN_BC0 (RFC 4944 11.1): lets a mesh tell copies of a flooded frame.
 *
 * ```text
 *  0               1
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
 * +---------------+---------------+
 * |0 1 0 1 0 0 0 0|Sequence number|
 * +---------------+---------------+
 * ```
 */
export interface BroadcastHeader {
  readonly sequenceNumber: number;
}

/** The header at `at`. @throws WireError. */
export function decodeBroadcast(bytes: Uint8Array, at: number, end: number): BroadcastHeader {
  requireBytes(at, BROADCAST_HEADER_LENGTH, end, "the broadcast header");
  if (byteAt(bytes, at) !== DISPATCH_BC0) throw new WireError("dispatch", "not a broadcast header");
  return { sequenceNumber: byteAt(bytes, at + 1) };
}

export function encodeBroadcast(header: BroadcastHeader): Uint8Array {
  return Uint8Array.of(DISPATCH_BC0, header.sequenceNumber);
}
