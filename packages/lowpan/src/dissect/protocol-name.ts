import { NEXT_HEADER } from "../wire/ip/ipv6.js";

const NAMES: ReadonlyMap<number, string> = new Map([
  [NEXT_HEADER.hopByHop, "hop-by-hop options"],
  [NEXT_HEADER.tcp, "TCP"],
  [NEXT_HEADER.udp, "UDP"],
  [NEXT_HEADER.ipv6, "IPv6"],
  [NEXT_HEADER.routing, "routing"],
  [NEXT_HEADER.fragment, "fragment"],
  [NEXT_HEADER.icmpv6, "ICMPv6"],
  [NEXT_HEADER.none, "nothing"],
  [NEXT_HEADER.destinationOptions, "destination options"],
  [NEXT_HEADER.mobility, "mobility"],
]);

/** What people call a protocol number. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `protocol ${protocol}`;
}
