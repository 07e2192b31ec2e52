import type { Durability } from "@isthmus/hub/store";
import { UsageError } from "../command.js";
import { type FlagGroup, type FlagValues, oneOf, parseFlags, text, toggle, value } from "../flags.js";

/** A port, or `off`: the door stays closed. */
export type DoorPort = number | "off";

const DOOR_FLAGS = {
  host: text("--host", "ADDR", "address to listen on (127.0.0.1: this machine alone)"),
  mqttPort: doorPort("--mqtt-port", "MQTT over TCP (1883); 0 picks a free port, off closes the door"),
  httpPort: doorPort("--http-port", "HTTP, with MQTT over WebSocket at /mqtt (8080); 0 or off likewise"),
  coapPort: doorPort("--coap-port", "CoAP over UDP and TCP (5683); 0 or off likewise"),
  allowAnonymous: toggle("--allow-anonymous", "let in clients without a user name, from other machines as well"),
} as const;

const DATA_FLAGS = {
  data: text(
    "--data",
    "DIR",
    "where sessions and messages are kept ($XDG_STATE_HOME/isthmus, or ~/.local/state/isthmus)",
  ),
  memory: toggle("--memory", "keep everything in memory: it ends with the hub"),
  durability: oneOf<Durability>(
    "--durability",
    "HOW",
    ["sync", "interval", "none"],
    "what an acknowledgement waits for: sync (the disk has the message, the default), interval (the system has it, the disk a second later) or none",
  ),
} as const;

const OTHER_FLAGS = {
  config: text(
    "--config",
    "FILE",
    "configuration in YAML, see docs/configuration.md; $ISTHMUS_CONFIG names it as well",
  ),
  logLevel: oneOf(
    "--log-level",
    "LEVEL",
    ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    "least severe kind of line that is written: fatal, error, warn, info, debug, trace or silent (info)",
  ),
} as const;

const SERVE_FLAGS = { ...OTHER_FLAGS, ...DOOR_FLAGS, ...DATA_FLAGS } as const;

export type ServeFlags = FlagValues<typeof SERVE_FLAGS>;

/** The flags of `isthmus serve`, as its help shows them. */
export const SERVE_FLAG_GROUPS: readonly FlagGroup[] = [
  { title: "Configuration", flags: OTHER_FLAGS },
  { title: "Doors and who may come in", flags: DOOR_FLAGS },
  { title: "Data", flags: DATA_FLAGS },
];

/** @throws UsageError */
export function parseServeFlags(args: readonly string[]): ServeFlags {
  const flags = parseFlags(SERVE_FLAGS, args, "serve");
  if (flags.memory && flags.data !== undefined) {
    throw new UsageError("--data and --memory exclude each other", "leave one of them out");
  }
  return flags;
}

function doorPort(name: string, help: string) {
  return value<DoorPort>(name, "PORT", help, (given) => {
    if (given === "off") return given;
    const port = Number(given);
    if (/^\d+$/.test(given) && port <= 65_535) return port;
    throw new UsageError(`${name} ${given} is not a port`, "a number from 0 to 65535, or off");
  });
}
