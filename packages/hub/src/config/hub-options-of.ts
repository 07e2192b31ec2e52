import type { HubOptions } from "../hub-options.js";
import { camelCased } from "./camel-case.js";
import type { Config } from "./config-schema.js";

/** What the configuration says to the hub; its store and its log are the caller's to open. */
export function hubOptionsOf(config: Config): Omit<HubOptions, "store" | "log"> {
  const { listeners, access, limits } = camelCased(config);
  return {
    mqtt: listeners.find((listener) => listener.type === "mqtt"),
    http: listeners.find((listener) => listener.type === "http"),
    access: { allowAnonymous: access.anonymous },
    limits,
  };
}
