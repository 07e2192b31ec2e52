import { type Command, type Terminal, UsageError } from "./command.js";

interface CommandEntry {
  readonly summary: string;
  /** Loaded when called: `isthmus pub` need not read the hub. */
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** Every command, in the order in which the help lists them. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: { summary: "run the hub", load: () => import("./commands/serve.js") },
  pub: { summary: "publish messages", load: () => import("./commands/pub.js") },
  sub: { summary: "subscribe to topics and print their messages", load: () => import("./commands/sub.js") },
  rr: { summary: "publish a request and print the response", load: () => import("./commands/rr.js") },
  coap: { summary: "talk CoAP: get, put, observe, discover, serve ...", load: () => import("./commands/coap.js") },
  store: { summary: "look into a hub's store, export and import it", load: () => import("./commands/store.js") },
  smqtt: { summary: "seal messages for those who may read them", load: () => import("./commands/smqtt.js") },
  config: { summary: "check and show configurations, import mosquitto's", load: () => import("./commands/config.js") },
  demo: { summary: "run a small house, to see all doors move", load: () => import("./commands/demo.js") },
  compare: { summary: "send one reading over MQTT, CoAP and HTTP, and count the bytes", load: () => import("./commands/compare.js") }, // prettier-ignore
  pan: { summary: "radio networks: take frames apart, simulate nodes", load: () => import("./commands/pan.js") },
  passwd: {
    summary: "add, change and delete the users of a password file",
    load: () => import("./commands/passwd.js"),
  },
  bench: { summary: "measure a broker", load: () => import("./commands/bench.js") },
};

const EXIT_USAGE = 1;

/** Runs the command line. @returns the exit code. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    terminal.stdout.write(overview());
    return name === undefined ? EXIT_USAGE : 0;
  }
  try {
    const entry = COMMANDS[name];
    if (entry === undefined) throw new UsageError(`there is no command "${name}"`, "isthmus --help lists them");
    const { command: named } = await entry.load();
    const { command, args: left } = (await named.resolve?.(rest)) ?? { command: named, args: rest };
    if (left.includes("--help")) {
      terminal.stdout.write(command.help);
      return 0;
    }
    return await command.run(left, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.stderr.write(`isthmus: ${error.message}\n`);
    if (error.hint !== undefined) terminal.stderr.write(`  ${error.hint}\n`);
    return EXIT_USAGE;
  }
}

function overview(): string {
  const names = Object.keys(COMMANDS);
  const width = Math.max(...names.map(({ length }) => length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `isthmus: an IoT message hub\n\nUsage: isthmus <command> [flags]\n\n${lines.join("")}\nisthmus <command> --help tells more.\n`;
}

/** This process's streams, and a signal for the first SIGINT or SIGTERM; a second one ends it at once. */
function processTerminal(): Terminal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  // Who read what is printed has gone, as `head` does: there is nothing left to do, and nobody to tell.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      controller.abort();
    });
  }
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, signal: controller.signal };
}
