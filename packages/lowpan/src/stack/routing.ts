import type { Instant } from "@isthmus/machine";
import { hasPrefix, type Ipv6Address, isLinkLocal, isMulticast } from "../wire/ip/address.js";
import { broadcastAddress, type LinkAddress } from "../wire/mac/link-address.js";
import type { NdHost } from "./nd-host.js";
import type { NdRouter } from "./nd-router.js";
import type { NeighborCache } from "./neighbor-cache.js";
import { routeByRpl } from "./rpl/data-path.js";
import type { RplRouter } from "./rpl/rpl-router.js";

/** Where a packet goes next. */
export type NextHop =
  | { readonly type: "link"; readonly link: LinkAddress }
  /** Out of the 6LoWPAN. */
  | { readonly type: "outside" }
  | { readonly type: "no-route" }
  | { readonly type: "loop" };

/** What is asked for the way, those of it that a node of its role has. */
export interface RoutingTables {
  readonly neighbors: NeighborCache;
  readonly host: NdHost | undefined;
  readonly router: NdRouter | undefined;
  readonly rpl: RplRouter | undefined;
  /** On a border router, the /64 beyond which the outside begins. */
  readonly prefix: Ipv6Address | undefined;
}

/** The next hop of a packet, from this node or from a neighbour whose link-local address is `from`. */
export function findNextHop(
  now: Instant,
  tables: RoutingTables,
  packet: Uint8Array,
  from: Ipv6Address | undefined,
): NextHop {
  const destination = packet.subarray(24, 40);
  // RFC 4944 9, without a mesh beneath: multicasts go to everyone.
  if (isMulticast(destination)) return { type: "link", link: broadcastAddress() };
  if (isLinkLocal(destination)) return overLink(tables, destination);
  const registered = tables.router?.registered(destination);
  if (registered !== undefined) return { type: "link", link: registered.link };
  const { prefix, rpl, host } = tables;
  const isOutside = prefix !== undefined && !hasPrefix(destination, prefix, 64);
  if (isOutside) return { type: "outside" };
  if (rpl !== undefined) {
    const decision = routeByRpl(now, rpl, packet, from);
    if (decision.type === "loop") return decision;
    if (decision.type === "forward") return overLink(tables, decision.nextHop);
  }
  // RFC 6775 5.6: everything but link-local destinations goes to a default router.
  const defaultRouter = host?.defaultRouter;
  return defaultRouter === undefined ? { type: "no-route" } : overLink(tables, defaultRouter);
}

function overLink({ neighbors }: RoutingTables, address: Ipv6Address): NextHop {
  const link = neighbors.lookup(address);
  return link === undefined ? { type: "no-route" } : { type: "link", link };
}
