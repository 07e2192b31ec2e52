import { byteAt, readUint16 } from "@isthmus/bytes";
import type { RplPacketInformation } from "../ip/rpl-hop-by-hop.js";
import { requireBytes, WireError } from "../wire-error.js";

/**
 * The 6LoWPAN routing headers (RFC 8138 4.2), on page 1: read for those who look on, never written.
 *
 * ```text
 *   0   1   2   3 .. 7                  0   1   2   3 .. 7
 * +---+---+---+--------+------+       +---+---+---+--------+------+
 * | 1 | 0 | 0 |  TSE   | Type |       | 1 | 0 | 1 | Length | Type |
 * +---+---+---+--------+------+       +---+---+---+--------+------+
 *   critical: who does not know        elective: who does not know
 *   the type drops the packet          it goes on behind it
 * ```
 */
export type RoutingHeader = SourceRoute | RplInformation | Encapsulation | UnknownElective;

/** Types 0 to 4: addresses yet to be visited, each of which replaces the end of the one before (RFC 8138 5). */
export interface SourceRoute {
  readonly type: "source-route";
  /** 1, 2, 4, 8 or 16 octets each. */
  readonly hops: readonly Uint8Array[];
}

/** Type 5: what the RPL option says (RFC 8138 6). */
export interface RplInformation extends RplPacketInformation {
  readonly type: "rpl-information";
}

/** Type 6: an IPv6 header around the packet (RFC 8138 7). */
export interface Encapsulation {
  readonly type: "encapsulation";
  readonly hopLimit: number;
  /** The end of the encapsulator's address; the root's when empty. */
  readonly encapsulator: Uint8Array;
}

export interface UnknownElective {
  readonly type: "unknown";
  readonly headerType: number;
  readonly content: Uint8Array;
}

/** The page switch to page 1 (RFC 8025), before the routing headers. */
export const PAGE_1 = 0xf1;

const CRITICAL = 0x80;
const ELECTIVE = 0xa0;
const TYPE = { rplInformation: 5, encapsulation: 6 } as const;

/** The routing headers behind a page switch at `at`, and where what they carry begins. @throws WireError. */
export function decodeRoutingHeaders(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly headers: readonly RoutingHeader[]; readonly end: number } {
  requireBytes(at, 1, end, "the page switch");
  if (byteAt(bytes, at) !== PAGE_1) throw new WireError("dispatch", `page ${byteAt(bytes, at) & 0xf}`);
  at++;
  const headers: RoutingHeader[] = [];
  while (at < end && (byteAt(bytes, at) & 0xc0) === CRITICAL) {
    requireBytes(at, 2, end, "a routing header");
    const isElective = (byteAt(bytes, at) & 0xe0) === ELECTIVE;
    const { header, length } = isElective ? decodeElective(bytes, at, end) : decodeCritical(bytes, at, end);
    headers.push(header);
    at += length;
  }
  return { headers, end: at };
}

function decodeElective(bytes: Uint8Array, at: number, end: number): { header: RoutingHeader; length: number } {
  const contentLength = byteAt(bytes, at) & 0x1f;
  const headerType = byteAt(bytes, at + 1);
  requireBytes(at + 2, contentLength, end, "an elective routing header");
  const content = bytes.slice(at + 2, at + 2 + contentLength);
  const length = 2 + contentLength;
  if (headerType !== TYPE.encapsulation || contentLength === 0) {
    return { header: { type: "unknown", headerType, content }, length };
  }
  const header = { type: "encapsulation", hopLimit: byteAt(content, 0), encapsulator: content.subarray(1) } as const;
  return { header, length };
}

function decodeCritical(bytes: Uint8Array, at: number, end: number): { header: RoutingHeader; length: number } {
  const specific = byteAt(bytes, at) & 0x1f;
  const headerType = byteAt(bytes, at + 1);
  if (headerType === TYPE.rplInformation) return decodeRplInformation(bytes, at, end, specific);
  // RFC 8138 4.2.2: a critical header of an unknown type ends it.
  if (headerType > 4) throw new WireError("dispatch", `a critical routing header of type ${headerType}`);
  const size = 2 ** headerType;
  const count = specific + 1;
  requireBytes(at + 2, count * size, end, "a source route");
  const hops = Array.from({ length: count }, (_, i) => bytes.slice(at + 2 + i * size, at + 2 + (i + 1) * size));
  return { header: { type: "source-route", hops }, length: 2 + count * size };
}

/** TSE is `O R F I K`: I leaves out the instance, which is 0 then; K takes one octet for the rank. */
function decodeRplInformation(
  bytes: Uint8Array,
  at: number,
  end: number,
  flags: number,
): { header: RoutingHeader; length: number } {
  const instanceLength = (flags & 2) === 0 ? 1 : 0;
  const rankLength = (flags & 1) === 0 ? 2 : 1;
  requireBytes(at + 2, instanceLength + rankLength, end, "the RPL information");
  const rankAt = at + 2 + instanceLength;
  const header = {
    type: "rpl-information",
    isDown: (flags & 0x10) !== 0,
    hasRankError: (flags & 8) !== 0,
    hasForwardingError: (flags & 4) !== 0,
    instanceId: instanceLength === 0 ? 0 : byteAt(bytes, at + 2),
    // RFC 8138 6: the short form is the integer part of a rank in steps of 256.
    senderRank: rankLength === 1 ? byteAt(bytes, rankAt) << 8 : readUint16(bytes, rankAt),
  } as const;
  return { header, length: 2 + instanceLength + rankLength };
}
