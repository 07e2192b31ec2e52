import type { RandomSource } from "@isthmus/machine";
import type { Radio } from "../medium/mac-service.js";
import type { CsmaCaOptions } from "../medium/csma-ca.js";
import type { MacSecurity } from "../medium/mac-security.js";
import type { ErrorMessage } from "../wire/ip/icmpv6.js";
import type { Ipv6Address } from "../wire/ip/address.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import type { DecodeFrameOptions } from "../wire/mac/frame.js";
import type { AdaptationOptions } from "./adaptation.js";
import type { RplOptions } from "./rpl/rpl-options.js";

/** What a node is: a leaf; one that passes packets on; or the way out, which gives prefix and contexts. */
export type NodeRole = "host" | "router" | "border-router";

/** What a border router tells the 6LoWPAN. */
export interface BorderRouterOptions {
  /** The /64 of the 6LoWPAN. It is context 0 as well. */
  readonly prefix: Ipv6Address;
  /** Prefixes beside it that are worth a context, for identifiers 1 to 15. */
  readonly contexts?: readonly { readonly id: number; readonly prefix: Ipv6Address; readonly length: number }[];
  /** Counted up with each change of prefix or contexts, over restarts too. Default 1. */
  readonly version?: number;
  /** Minutes for which prefix and contexts hold. Default 1,440: a day. */
  readonly lifetimeMinutes?: number;
}

/** How a `LowpanNode` is set up. */
export interface LowpanNodeOptions extends CsmaCaOptions {
  readonly radio: Radio;
  readonly random: RandomSource;
  /** The extended address. */
  readonly address: LinkAddress;
  /** Default: frames come from the extended address. */
  readonly shortAddress?: LinkAddress;
  /** Default 0x23, as RIOT's. */
  readonly panId?: number;
  readonly role: NodeRole;
  /** Needed by a border router. */
  readonly borderRouter?: BorderRouterOptions;
  /** How routers find their ways; false leaves a border router with the hosts in its reach. Default: storing mode. */
  readonly rpl?: Omit<RplOptions, "root"> | false;
  readonly rplRoot?: Omit<NonNullable<RplOptions["root"]>, "dodagId">;
  readonly security?: MacSecurity;
  readonly adaptation?: AdaptationOptions;
  /** See `MacOptions`. */
  readonly maxRetries?: number;
  readonly ackWaitMs?: number;
  readonly usesCsma?: boolean;
  readonly fcs?: DecodeFrameOptions["fcs"];
  /** Minutes for which addresses are registered with a router. Default 60. */
  readonly registrationLifetimeMinutes?: number;
  /** Registers in the extended way of RFC 8505. Default false. */
  readonly registersExtended?: boolean;
  /** Hosts that may register with a router. Default 256. */
  readonly maxRegistrations?: number;
}

/** A datagram to be sent. */
export interface UdpSend {
  readonly sourcePort: number;
  readonly destination: Ipv6Address;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
  /** Default: the node's global address, or the link-local one for destinations on the link. */
  readonly source?: Ipv6Address;
  /** Default 64. */
  readonly hopLimit?: number;
}

export type NodeEvent =
  /** A datagram for a bound port. */
  | {
      readonly type: "datagram";
      readonly source: Ipv6Address;
      readonly sourcePort: number;
      readonly destination: Ipv6Address;
      readonly destinationPort: number;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: "echo-reply";
      readonly source: Ipv6Address;
      readonly identifier: number;
      readonly sequenceNumber: number;
      readonly data: Uint8Array;
    }
  /** An error about a packet of ours. */
  | { readonly type: "icmp-error"; readonly source: Ipv6Address; readonly error: ErrorMessage }
  /** A global address that may be used from now on, or not any more. */
  | { readonly type: "address"; readonly address: Ipv6Address; readonly isUsable: boolean }
  /** Our way up has changed. */
  | { readonly type: "parent"; readonly parent: Ipv6Address | undefined }
  /** A host has registered an address with us, or is gone. */
  | { readonly type: "registration"; readonly address: Ipv6Address; readonly isRegistered: boolean }
  /** On a border router: a packet to somewhere outside. */
  | { readonly type: "outbound"; readonly packet: Uint8Array };

/** What became of packets, beside the counters of the layers below. */
export interface Ipv6Counters {
  delivered: number;
  forwarded: number;
  /** Packets that were dropped: malformed, out of hops, without a route, in a loop, to unknown protocols. */
  malformed: number;
  hopLimitExceeded: number;
  noRoute: number;
  loops: number;
  unhandled: number;
}
