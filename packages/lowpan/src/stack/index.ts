export { Adaptation, type AdaptationCounters, type AdaptationEvent, type AdaptationOptions } from "./adaptation.js";
export { LinkMetrics } from "./link-metrics.js";
export { LowpanNode, type NodeCounters } from "./lowpan-node.js";
export type {
  BorderRouterOptions,
  Ipv6Counters,
  LowpanNodeOptions,
  NodeEvent,
  NodeRole,
  UdpSend,
} from "./node-types.js";
export { mrhof, OBJECTIVE_FUNCTIONS, type ObjectiveFunction, objectiveFunctionZero } from "./rpl/objective-function.js";
export { dagRank, INFINITE_RANK } from "./rpl/rank.js";
export { DEFAULT_CONFIGURATION, type RplOptions } from "./rpl/rpl-options.js";
export { TrickleTimer, type TrickleOptions } from "./rpl/trickle.js";
