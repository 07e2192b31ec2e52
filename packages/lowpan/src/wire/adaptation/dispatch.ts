/**
 * The first octet of each 6LoWPAN header (RFC 4944 5.1, RFC 6282 2, RFC 8025, RFC 8066):
 *
 * ```text
 * 00xxxxxx  not a LoWPAN frame            10xxxxxx  mesh header
 * 01000000  ESC                           11000xxx  first fragment
 * 01000001  uncompressed IPv6             11100xxx  subsequent fragment
 * 01000010  HC1                           1110100x  recoverable fragment (RFC 8931)
 * 01010000  BC0                           1110101x  its acknowledgement
 * 011xxxxx  IPHC                          1111xxxx  page switch
 * ```
 */
export type Dispatch =
  | "not-lowpan"
  | "esc"
  | "ipv6"
  | "hc1"
  | "broadcast"
  | "iphc"
  | "mesh"
  | "first-fragment"
  | "subsequent-fragment"
  | "recoverable-fragment"
  | "page"
  | "reserved";

/** What the header that begins with `octet` is, on page 0. */
export function dispatchOf(octet: number): Dispatch {
  if (octet < 0x40) return "not-lowpan";
  if (octet < 0x60) return NAMED.get(octet) ?? "reserved";
  if (octet < 0x80) return "iphc";
  if (octet < 0xc0) return "mesh";
  if (octet >= 0xf0) return "page";
  if ((octet & 0xf8) === 0xc0) return "first-fragment";
  if ((octet & 0xf8) === 0xe0) return "subsequent-fragment";
  return (octet & 0xfc) === 0xe8 ? "recoverable-fragment" : "reserved";
}

export const DISPATCH_ESC = 0x40;
export const DISPATCH_IPV6 = 0x41;
export const DISPATCH_HC1 = 0x42;
export const DISPATCH_BC0 = 0x50;

const NAMED: ReadonlyMap<number, Dispatch> = new Map([
  [DISPATCH_ESC, "esc"],
  [DISPATCH_IPV6, "ipv6"],
  [DISPATCH_HC1, "hc1"],
  [DISPATCH_BC0, "broadcast"],
]);
