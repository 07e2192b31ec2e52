import type { HubOptions } from "../hub-options.js";
import { camelCased } from "./camel-case.js";
import type { Config } from "./config-schema.js";

/**
 * What the configuration says to the hub; its store and its log are the caller's to open. Every option is there, as
 * undefined if need be: what is no longer configured must not stay.
 */
export function hubOptionsOf(config: Config): Omit<HubOptions, "store" | "log"> {
  const { data: _data, durability: _durability, log: _log, ...all } = camelCased(config);
  const { listeners, coap: limits, http: httpLimits, ...options } = all;
  const coap = listeners.find((listener) => listener.type === "coap");
  const isCoapSpoken = listeners.some(({ type }) => type === "coap" || type === "coaps");
  return {
    history: undefined,
    pan: undefined,
    smqtt: undefined,
    ...options,
    listeners: listeners.filter((listener) => listener.type !== "coap"),
    httpLimits,
    coap: isCoapSpoken ? { ...coap, limits } : undefined,
  };
}
