import type { LowpanNode, Radio } from "@isthmus/lowpan";

/** Runs the border router's node: over a socket in real time, or in a simulated house. */
export interface PanDriver {
  readonly machine: LowpanNode;
  /** Where nodes come to, if they come by a socket. */
  readonly url?: string | undefined;
  /** Called after each input: the time to take the node's events. */
  onActivity: ((machine: LowpanNode) => void) | undefined;
  /** Does something with the node, at its own time. */
  act<R>(action: (machine: LowpanNode, now: number) => R): R;
  close(): Promise<void>;
}

/** Opens a driver for the node that `build` makes over a radio. */
export type OpenPan = (build: (radio: Radio, options: RealTimeOptions) => LowpanNode) => Promise<PanDriver>;

/** What a node's options are on links that have no channel to share. */
export interface RealTimeOptions {
  readonly usesCsma?: boolean;
  readonly ackWaitMs?: number;
}

/** A socket for frames in ZEP, as sniffers and RIOT's native nodes speak it. */
export interface ZepOptions {
  /** The other side, `ADDRESS:PORT`: a peer or a dispatcher. Default: the hub is the dispatcher. */
  readonly remote?: string | undefined;
  /** Where the hub listens as a dispatcher, to whom nodes come. Default `[::1]:17754`; port 0 takes a free one. */
  readonly listen?: string | undefined;
  /** Frames of other channels are dropped. Default 26, as RIOT's. */
  readonly channel?: number | undefined;
}

/** A serial line to a radio, which takes and gives whole frames with their check sequences in SLIP (RFC 1055). */
export interface SerialOptions {
  /** As `/dev/ttyACM0`. The package `serialport` must be installed. */
  readonly path: string;
  /** Default 115,200. */
  readonly baudRate?: number | undefined;
}

/** A TUN device of the host: its programs, and whatever it routes, reach nodes by their addresses, and nodes reach them. */
export interface TunOptions {
  /** Default `isthmus0`. */
  readonly name?: string | undefined;
  /** The host's own address on it, outside of the network's prefix. Default `fd69:7374:686d::1`. */
  readonly address?: string | undefined;
  /** Whether the device exists, with its address and routes, for a hub without CAP_NET_ADMIN. Default false. */
  readonly isReady?: boolean | undefined;
}

/** How the hub is the border router of a network of constrained nodes. */
export interface PanOptions {
  /** Frames in ZEP over UDP, over a serial line, or over whatever else carries frames. */
  readonly link: { readonly zep: ZepOptions } | { readonly serial: SerialOptions } | { readonly open: OpenPan };
  /** The /64 of the network, which is context 0 as well. Default `fd69:7374:686d:1::/64`. */
  readonly prefix?: string;
  /** Default 0x23, as RIOT's. */
  readonly panId?: number;
  /** The border router's extended address. Default `02:69:73:74:68:6d:75:73`. */
  readonly address?: string;
  /** Further prefixes that are worth a context. */
  readonly contexts?: readonly { readonly id: number; readonly prefix: string }[];
  /** Minutes for which prefix and contexts hold. Default 1,440: a day. */
  readonly lifetimeMinutes?: number;
  /** Nodes that may register with the border router. Default 256. */
  readonly maxNodes?: number;
  /** Key of the network, 32 hexadecimal digits: frames are secured at level 5. Default: they are not. */
  readonly key?: string | undefined;
  /** Whether check sequences may be wrong, as those of RIOT before 2026.07. Default false. */
  readonly isLenient?: boolean;
  /** Bytes of a block of CoAP's: 64 fit one frame with all headers. Default 64. */
  readonly blockSizeBytes?: number;
  /** How much faster the network's time goes than ours. CoAP's waiting times are as much shorter. Default 1. */
  readonly speed?: number;
  /**
   * Addresses and ranges outside of the network that its nodes may send datagrams to, IPv4 as `64:ff9b::` and the address
   * (RFC 6052). Default none: nodes reach the hub alone.
   */
  readonly outbound?: readonly string[];
  /** Conversations with the outside at a time. Default 256. */
  readonly maxOutbound?: number;
  /** A way between the network and the host; what `outbound` names is translated even so. Default: none. */
  readonly tun?: TunOptions | undefined;
}

export const PAN_DEFAULTS = {
  prefix: "fd69:7374:686d:1::/64",
  panId: 0x23,
  address: "02:69:73:74:68:6d:75:73",
  contexts: [],
  lifetimeMinutes: 1440,
  maxNodes: 256,
  key: undefined,
  isLenient: false,
  blockSizeBytes: 64,
  speed: 1,
  outbound: [],
  maxOutbound: 256,
  tun: { name: "isthmus0", address: "fd69:7374:686d::1", isReady: false },
} as const satisfies Required<Omit<PanOptions, "link">>;
