import path from "node:path";
import type { HubOptions, ListenerOptions } from "@isthmus/hub";
import { defaultDataDirectory, type Durability } from "@isthmus/hub/store";
import { UsageError } from "../command.js";
import type { LogOptions } from "../log.js";
import type { DoorPort, ServeFlags } from "./serve-flags.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the hub keeps its data. */
export interface DataOptions {
  readonly directory: string;
  readonly durability: Durability;
}

/** All that `isthmus serve` was told: by defaults, the file, the environment, and flags, the last of which wins. */
export interface Settings {
  readonly hub: Omit<HubOptions, "store" | "log">;
  /** Undefined: everything is kept in memory. */
  readonly data: DataOptions | undefined;
  readonly log: LogOptions;
  /** What is worth a word in the log. */
  readonly notices: readonly string[];
}

/** Whether there is a configuration beside the flags. */
export function isConfigured(flags: ServeFlags, environment: Environment): boolean {
  return configFileOf(flags, environment) !== undefined || Object.keys(environment).some(isSetting);
}

function isSetting(name: string): boolean {
  return name.startsWith("ISTHMUS_") && name !== "ISTHMUS_CONFIG";
}

/** The configuration file that is asked for, if any. */
function configFileOf(flags: ServeFlags, environment: Environment): string | undefined {
  // An empty variable is none.
  return flags.config ?? (environment["ISTHMUS_CONFIG"] || undefined);
}

/** @throws UsageError with every error of the configuration */
export async function readSettings(flags: ServeFlags, environment: Environment): Promise<Settings> {
  const file = configFileOf(flags, environment);
  const settings = isConfigured(flags, environment)
    ? await readConfigured(file, environment)
    : defaultSettings(environment);
  return withFlags(settings, flags);
}

const COAP_PORT = 5683;
const DEFAULT_LISTENERS: readonly ListenerOptions[] = [
  { type: "mqtt", port: 1883 },
  { type: "http", port: 8080 },
];

function defaultSettings(environment: Environment): Settings {
  return {
    hub: { listeners: DEFAULT_LISTENERS, coap: { port: COAP_PORT } },
    data: { directory: defaultDataDirectory(environment), durability: "sync" },
    log: { level: "info", format: "auto" },
    notices: [],
  };
}

/** Loads what reads and checks configurations, which a hub without one does without. */
async function readConfigured(file: string | undefined, environment: Environment): Promise<Settings> {
  const { ConfigError, hubOptionsOf, loadConfig } = await import("@isthmus/hub/config");
  try {
    const { config, ignored } = loadConfig({ file, environment });
    const { data = defaultDataDirectory(environment), durability, log } = config;
    return {
      hub: hubOptionsOf(config),
      data: data === "memory" ? undefined : { directory: data, durability },
      log,
      notices: ignored.map((name) => `${name} is no setting: ignored`),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(`the configuration cannot be used\n${error.message}`);
  }
}

function withFlags({ hub, data, log, notices }: Settings, flags: ServeFlags): Settings {
  const { host, mqttPort, httpPort, coapPort, allowAnonymous, logLevel } = flags;
  const moved = (hub.listeners ?? []).map((listener) => (host === undefined ? listener : { ...listener, host }));
  const listeners = withPort(withPort(moved, "mqtt", mqttPort, host), "http", httpPort, host);
  return {
    hub: {
      ...hub,
      listeners,
      coap: withCoapPort(hub.coap, host, coapPort),
      access: allowAnonymous ? { ...hub.access, allowAnonymous } : hub.access,
    },
    data: withData(data, flags),
    log: { ...log, level: logLevel ?? log.level },
    notices,
  };
}

/** The first listener of a kind gets the port; there is one then, if there was none. `off` closes all of the kind. */
function withPort(
  listeners: readonly ListenerOptions[],
  type: "mqtt" | "http",
  port: DoorPort | undefined,
  host: string | undefined,
): readonly ListenerOptions[] {
  if (port === undefined) return listeners;
  if (port === "off") return listeners.filter((listener) => listener.type !== type);
  const at = listeners.findIndex((listener) => listener.type === type);
  const listener = listeners[at];
  return listener === undefined ? [...listeners, { type, host, port }] : listeners.with(at, { ...listener, port });
}

function withCoapPort(
  coap: HubOptions["coap"],
  host: string | undefined,
  port: DoorPort | undefined,
): HubOptions["coap"] {
  // Limits are for listeners over TLS, too.
  if (port === "off") return coap && coap.limits && { limits: coap.limits };
  const known = coap || (port === undefined ? undefined : { port });
  return known && { ...known, port: port ?? known.port, ...(host === undefined ? {} : { host }) };
}

function withData(data: DataOptions | undefined, flags: ServeFlags): DataOptions | undefined {
  if (flags.memory) return undefined;
  const directory = flags.data === undefined ? data?.directory : path.resolve(flags.data);
  return directory === undefined
    ? undefined
    : { directory, durability: flags.durability ?? data?.durability ?? "sync" };
}
