import { equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import type { Ipv6Address } from "../../wire/ip/address.js";
import { findRplOption, readRplOption, writeRplOption } from "../../wire/ip/rpl-hop-by-hop.js";
import type { RplRouter } from "./rpl-router.js";

/** Where a packet goes from here. */
export type RplDecision =
  | { readonly type: "forward"; readonly nextHop: Ipv6Address }
  /** No way leads on: the packet is dropped, and its source told. */
  | { readonly type: "no-route" }
  /** It goes round in circles: it is dropped, and DIOs are sent to put the ranks right (RFC 6550 11.2.2.2). */
  | { readonly type: "loop" };

/**
 * Decides the way of a packet that RPL routes, and keeps its RPL option, if it has one, up to date (RFC 6550 11.2).
 *
 * @param from the link-local address of the neighbour that it came from; undefined for one of our own.
 */
export function routeByRpl(
  now: Instant,
  rpl: RplRouter,
  packet: Uint8Array,
  from: Ipv6Address | undefined,
): RplDecision {
  const optionAt = findRplOption(packet);
  const option = optionAt === undefined ? undefined : readRplOption(packet, optionAt);
  const isReturned = option?.hasForwardingError === true && from !== undefined;
  // RFC 6550 11.2.2.3: a child that sends a packet back has no way to its destination any more.
  if (isReturned) forgetRoute(rpl, packet, from);
  const route = rpl.downward.lookup(packet, DESTINATION_AT);
  // A route back to where the packet came from is of no use to it.
  const down =
    route === undefined || (from !== undefined && equalBytes(route.nextHop, from)) ? undefined : route.nextHop;
  if (option !== undefined && optionAt !== undefined && from !== undefined && !isReturned) {
    const inconsistency = inspect(rpl, option.isDown, option.senderRank);
    if (inconsistency) {
      rpl.handleInconsistency(now);
      if (option.hasRankError) return { type: "loop" };
    }
    // What comes from above must go down: upwards it would come back.
    if (option.isDown && down === undefined) {
      writeRplOption(packet, optionAt, { ...option, isDown: true, hasForwardingError: true, senderRank: rpl.rank });
      return { type: "forward", nextHop: from };
    }
    writeRplOption(packet, optionAt, {
      ...option,
      isDown: down !== undefined,
      hasRankError: option.hasRankError || inconsistency,
      senderRank: rpl.rank,
    });
  } else if (option !== undefined && optionAt !== undefined) {
    writeRplOption(packet, optionAt, {
      ...option,
      isDown: down !== undefined,
      hasForwardingError: false,
      senderRank: rpl.rank,
    });
  }
  const nextHop = down ?? rpl.parent;
  return nextHop === undefined ? { type: "no-route" } : { type: "forward", nextHop };
}

/** Where the destination stands in an IPv6 header. */
const DESTINATION_AT = 24;

function forgetRoute(rpl: RplRouter, packet: Uint8Array, from: Ipv6Address): void {
  const destination = packet.subarray(DESTINATION_AT, DESTINATION_AT + 16);
  const route = rpl.downward.lookup(destination);
  if (route !== undefined && equalBytes(route.nextHop, from)) rpl.downward.routes.delete(destination);
}

/** Whether the sender's rank contradicts the direction: what goes down comes from a lesser rank, and the reverse. */
function inspect(rpl: RplRouter, isDown: boolean, senderRank: number): boolean {
  const sender = rpl.dagRank(senderRank);
  const own = rpl.dagRank(rpl.rank);
  return isDown ? sender >= own : sender <= own;
}
