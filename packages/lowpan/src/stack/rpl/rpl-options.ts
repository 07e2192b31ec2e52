import type { Ipv6Address } from "../../wire/ip/address.js";
import type { DodagConfiguration } from "../../wire/ip/rpl-option.js";

/** How a router takes part in RPL. */
export interface RplOptions {
  /** Set on the root only: the DODAG is its. */
  readonly root?: {
    readonly dodagId: Ipv6Address;
    /** Default 30. */
    readonly instanceId?: number;
    /** The version to begin with; a restarted root must go on from its last. Default 240. */
    readonly version?: number;
    readonly configuration?: Partial<Omit<DodagConfiguration, "type">>;
  };
  /** Neighbours remembered as possible parents at most. Default 16. */
  readonly maxParents?: number;
  /** Routes down at most. Default 512. */
  readonly maxRoutes?: number;
}

/** What a root announces unless it is told otherwise. */
export const DEFAULT_CONFIGURATION: DodagConfiguration = {
  type: "dodag-configuration",
  isAuthenticated: false,
  pathControlSize: 0,
  // DIOs from every 4 s (2^12 ms) to every 17 minutes, and none when ten others said the same.
  dioIntervalMin: 12,
  dioIntervalDoublings: 8,
  dioRedundancyConstant: 10,
  // Seven hops' worth (RFC 6550 17 has no default; RFC 6719's path cost sets the other bound).
  maxRankIncrease: 1_792,
  minHopRankIncrease: 256,
  // MRHOF.
  objectiveCodePoint: 1,
  // Routes down live for 30 units of a minute.
  defaultLifetime: 30,
  lifetimeUnitSeconds: 60,
};
