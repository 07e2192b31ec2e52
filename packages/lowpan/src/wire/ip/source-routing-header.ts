import { byteAt, concatBytes } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { Ipv6Address } from "./address.js";

/**
 * The source routing header of RPL's non-storing mode (RFC 6554 3): read for those who look on, never written.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+---------------+---------------+
 * |  Next header  |    Length     | Routing type 3| Segments left |
 * +-------+-------+-------+-------+---------------+---------------+
 * | CmprI | CmprE |  Pad  |               Reserved                |
 * +-------+-------+-------+---------------------------------------+
 * |      Addresses, without the octets that they share with the   |
 * |      destination: CmprI of each, CmprE of the last            |
 * +---------------------------------------------------------------+
 * ```
 */
export interface SourceRoutingHeader {
  readonly segmentsLeft: number;
  readonly addresses: readonly Ipv6Address[];
}

export const SOURCE_ROUTING_TYPE = 3;

/** The header from `at` to `end`, addresses made whole by `destination`'s first octets. @throws WireError. */
export function decodeSourceRouting(
  bytes: Uint8Array,
  at: number,
  end: number,
  destination: Ipv6Address,
): SourceRoutingHeader {
  requireBytes(at, 8, end, "the source routing header");
  if (byteAt(bytes, at + 2) !== SOURCE_ROUTING_TYPE) {
    throw new WireError("reserved", `routing type ${byteAt(bytes, at + 2)}`);
  }
  const innerElided = byteAt(bytes, at + 4) >>> 4;
  const lastElided = byteAt(bytes, at + 4) & 0xf;
  const padding = byteAt(bytes, at + 5) >>> 4;
  const length = end - at - 8 - padding - (16 - lastElided);
  // RFC 6554 3: what is left of the addresses must come out even.
  if (length < 0 || length % (16 - innerElided) !== 0) throw new WireError("header-length");
  const count = length / (16 - innerElided) + 1;
  const segmentsLeft = byteAt(bytes, at + 3);
  if (segmentsLeft > count) throw new WireError("reserved", `${segmentsLeft} of ${count} segments left`);
  const addresses = Array.from({ length: count }, (_, i) => {
    const elided = i === count - 1 ? lastElided : innerElided;
    const startAt = at + 8 + i * (16 - innerElided);
    return concatBytes([destination.subarray(0, elided), bytes.subarray(startAt, startAt + 16 - elided)]);
  });
  return { segmentsLeft, addresses };
}
