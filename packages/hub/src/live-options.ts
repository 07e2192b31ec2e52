import { isDeepStrictEqual } from "node:util";
import { MQTT_DEFAULTS } from "./doors/mqtt/mqtt-options.js";
import type { HubOptions, Limits } from "./hub-options.js";

/** Options that a running hub takes over. */
const LIVE_OPTIONS: ReadonlySet<string> = new Set<keyof HubOptions>([
  "mqtt",
  "http",
  "listeners",
  "access",
  "allowAnonymous",
]);

/** Limits that are looked up whenever they matter; what others bound is made to their measure at the start. */
const LIVE_LIMITS: ReadonlySet<string> = new Set<keyof Limits>([
  "maximumConnectSize",
  "maximumSubscribeSize",
  "connectTimeoutMs",
  "maxKeepAlive",
  "topicAliasMaximum",
  "maxInFlight",
  "maxQueuedMessages",
  "maxQueuedBytes",
  "congestionBytes",
  "maxOutboundBytes",
  "maxSessionExpiry",
  "maxConnections",
  "maxConnectionsPerUser",
  "queueFullPolicy",
  "maxSubscriptionsPerClient",
  "maxClientIdBytes",
]);

/** What becomes of options that a running hub is given. */
export interface LiveChange {
  /** Those that hold from now on. */
  readonly options: HubOptions;
  /** Names of those that differ, and wait for the next start. */
  readonly waiting: readonly string[];
}

/** Tells what of `wanted` a hub that runs with `current` can take over. */
export function takeLive(current: HubOptions, wanted: HubOptions): LiveChange {
  const limits = merge({ ...MQTT_DEFAULTS, ...current.limits }, { ...MQTT_DEFAULTS, ...wanted.limits }, LIVE_LIMITS);
  const others = merge({ ...current, limits: undefined }, { ...wanted, limits: undefined }, LIVE_OPTIONS);
  return {
    options: { ...others.merged, limits: limits.merged },
    waiting: [...others.waiting, ...limits.waiting.map((name) => `limits.${name}`)],
  };
}

/** `current` with those values of `wanted` that are live. */
function merge<T extends object>(current: T, wanted: T, live: ReadonlySet<string>): { merged: T; waiting: string[] } {
  const differing = Object.entries(wanted).filter(
    ([name, value]) => !isDeepStrictEqual(value, Reflect.get(current, name)),
  );
  const changes = Object.fromEntries(differing.filter(([name]) => live.has(name)));
  return {
    merged: { ...current, ...changes },
    waiting: differing.map(([name]) => name).filter((name) => !live.has(name)),
  };
}
