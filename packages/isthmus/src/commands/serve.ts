import { once } from "node:events";
import path from "node:path";
import { parseArgs } from "node:util";
import { createHub, type Hub, ListenError, type ListenOptions } from "@isthmus/hub";
import { type Durability, defaultDataDirectory, openStore, type Store, StoreError } from "@isthmus/hub/store";
import { type Command, type Terminal, UsageError } from "../command.js";
import { createLog } from "../log.js";

const HELP = `Runs the hub until it is told to stop (Ctrl-C or SIGTERM).

Usage: isthmus serve [flags]

  --host ADDR          address to listen on (127.0.0.1: this machine alone)
  --mqtt-port PORT     MQTT over TCP (1883); 0 picks a free port, off closes the door
  --http-port PORT     HTTP, with MQTT over WebSocket at /mqtt (8080); 0 or off likewise
  --allow-anonymous    let in clients without a user name from other machines as well
  --data DIR           where sessions and messages are kept ($XDG_STATE_HOME/isthmus, or ~/.local/state/isthmus)
  --durability HOW     what an acknowledgement waits for: sync (the disk has the message, the default),
                       interval (the system has it, the disk a second later) or none
  --memory             keep everything in memory: it ends with the hub
  --log-level LEVEL    fatal, error, warn, info, debug or trace (info)

When all doors are open it prints a line for each, who can connect, and then "ready".
The log goes to standard error: for people on a terminal, as JSON lines elsewhere.
`;

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

interface ServeOptions {
  readonly mqtt: ListenOptions | undefined;
  readonly http: ListenOptions | undefined;
  readonly allowAnonymous: boolean | undefined;
  /** Undefined: everything is kept in memory. */
  readonly data: DataOptions | undefined;
  readonly logLevel: string;
}

interface DataOptions {
  readonly directory: string;
  readonly durability: Durability;
}

const DURABILITIES: readonly Durability[] = ["sync", "interval", "none"];

export const command: Command = {
  help: HELP,
  async run(args, terminal) {
    const options = parseOptions(args);
    const hub = await open(options);
    announce(hub, options.data, terminal);
    if (!terminal.signal.aborted) await once(terminal.signal, "abort");
    await hub.close();
    return 0;
  },
};

async function open({ logLevel, data, ...options }: ServeOptions): Promise<Hub> {
  const log = await createLog(logLevel);
  const store = data && (await openData(data));
  try {
    return await createHub({ ...options, log, store });
  } catch (error) {
    await store?.close();
    if (error instanceof ListenError) throw new UsageError(error.message);
    if (error instanceof RangeError) throw new UsageError(error.message, "--allow-anonymous, or leave out --host");
    throw error;
  }
}

async function openData({ directory, durability }: DataOptions): Promise<Store> {
  try {
    return await openStore(directory, { durability });
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError(error.message, "--data DIR, or --memory to keep nothing");
    throw error;
  }
}

function announce(hub: Hub, data: DataOptions | undefined, { stdout }: Terminal): void {
  if (hub.mqtt !== undefined) stdout.write(`mqtt    ${hub.mqtt.url}\n`);
  if (hub.http !== undefined) stdout.write(`http    ${hub.http.url}  (MQTT over WebSocket at /mqtt)\n`);
  stdout.write(`data    ${data === undefined ? "in memory" : `${data.directory} (durability ${data.durability})`}\n`);
  stdout.write(`access  ${hub.accessSummary}\n`);
  stdout.write("ready\n");
}

function parseOptions(args: readonly string[]): ServeOptions {
  const { values } = parseFlags(args);
  const host = values.host ?? "127.0.0.1";
  const logLevel = values["log-level"] ?? "info";
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new UsageError(`"${logLevel}" is not a log level`, `one of ${LOG_LEVELS.join(", ")}`);
  }
  return {
    mqtt: parseDoor("--mqtt-port", values["mqtt-port"] ?? "1883", host),
    http: parseDoor("--http-port", values["http-port"] ?? "8080", host),
    allowAnonymous: values["allow-anonymous"],
    data: parseData(values),
    logLevel,
  };
}

function parseData({
  data,
  durability = "sync",
  memory,
}: ReturnType<typeof parseFlags>["values"]): DataOptions | undefined {
  const known = DURABILITIES.find((each) => each === durability);
  if (known === undefined) {
    throw new UsageError(`"${durability}" is not a durability`, `one of ${DURABILITIES.join(", ")}`);
  }
  if (memory !== true) return { directory: path.resolve(data ?? defaultDataDirectory(process.env)), durability: known };
  if (data !== undefined) throw new UsageError("--data and --memory exclude each other", "leave one of them out");
  return undefined;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        host: { type: "string" },
        "mqtt-port": { type: "string" },
        "http-port": { type: "string" },
        "allow-anonymous": { type: "boolean" },
        data: { type: "string" },
        durability: { type: "string" },
        memory: { type: "boolean" },
        "log-level": { type: "string" },
      },
    });
  } catch (error) {
    // What parseArgs throws says which flag it is about.
    if (error instanceof TypeError) throw new UsageError(error.message, "isthmus serve --help lists the flags");
    throw error;
  }
}

function parseDoor(flag: string, text: string, host: string): ListenOptions | undefined {
  if (text === "off") return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new UsageError(`${flag} ${text} is not a port`, "a number from 0 to 65535, or off");
  }
  return { host, port };
}
