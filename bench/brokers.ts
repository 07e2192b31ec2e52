import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { type PlannedScenario, START } from "./plan.ts";
import { Child } from "./processes.ts";

/** A broker that runs. */
export interface RunningBroker {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process until it took connections. */
  readonly startedMs: number;
  stop(): Promise<void>;
}

/** A broker that can be measured. */
export interface Broker {
  readonly name: string;
  readonly version: () => string;
  /** Whether it has what the row takes. */
  readonly canMeasure: (row: PlannedScenario) => boolean;
  /** Why it cannot be measured here; undefined when it can. */
  readonly missing: () => string | undefined;
  /** @param isDurable whether it is to keep what it acknowledges on the disk */
  readonly start: (signal: AbortSignal, isDurable: boolean) => Promise<RunningBroker>;
}

const ROOT = path.resolve(import.meta.dirname, "..");
export const ISTHMUS = path.join(ROOT, "packages/isthmus/bin/isthmus.js");
const READY_MS = 10_000;
const BROKER_CORE = 0;
const mosquittoPath = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"].find(
  existsSync,
);

/**
 * Nothing that slows it down: no log, no delay of small packets; and nothing that makes it drop what the
 * other brokers keep. 100 messages in flight is the generator's window; without a limit its list of them makes it slow.
 */
const MOSQUITTO_CONFIG = `
allow_anonymous true
log_type none
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 100
`;

/** It knows exact filters, QoS 0 and 1, and nothing else. */
const CEILING_ROWS: ReadonlySet<string> = new Set([
  START,
  "1:1",
  "10:10",
  "fan-out",
  "fan-in",
  "single-writes",
  "1:1-qos1",
  "10:10-qos1",
  "fan-in-qos1",
  "payload-16",
  "payload-1k",
  "payload-16k",
  "payload-1m",
  "latency-qos0",
  "latency-qos1",
  "connect-storm",
  "idle",
]);

/** Every broker that the comparison knows, by the name that `--brokers` takes. */
export const BROKERS: Readonly<Record<string, Broker>> = {
  isthmus: {
    name: "isthmus",
    version: () => packageVersion(path.join(ROOT, "packages/isthmus/package.json")),
    canMeasure: () => true,
    missing: () => (existsSync(ISTHMUS) ? undefined : "it is not built"),
    start: startIsthmus,
  },
  mosquitto: {
    name: "mosquitto",
    version: () =>
      /version ([\d.]+)/.exec(spawnSync(mosquittoPath ?? "", ["-h"], { encoding: "utf8" }).stdout)?.[1] ?? "?",
    canMeasure: () => true,
    missing: () => (mosquittoPath === undefined ? "it is not installed" : undefined),
    start: startMosquitto,
  },
  aedes: {
    name: "aedes",
    canMeasure: ({ protocolVersion }) => protocolVersion === 4,
    version: () =>
      packageVersion(path.join(path.dirname(createRequire(import.meta.url).resolve("aedes")), "package.json")),
    missing: () => undefined,
    start: (signal) => startPeer("aedes-server.mjs", signal),
  },
  fdatasync: {
    name: "fdatasync",
    canMeasure: ({ name }) => name === "durable-qos1",
    version: () => "",
    missing: () => undefined,
    start: (signal) => startPeer("ceiling.mjs", signal, true),
  },
  ceiling: {
    name: "ceiling",
    canMeasure: ({ name }) => CEILING_ROWS.has(name),
    version: () => "",
    missing: () => undefined,
    start: (signal) => startPeer("ceiling.mjs", signal),
  },
};

async function startIsthmus(signal: AbortSignal, isDurable: boolean): Promise<RunningBroker> {
  const directory = isDurable ? makeDirectory() : undefined;
  const store =
    directory === undefined ? ["--memory"] : ["--data", path.join(directory, "data"), "--durability", "sync"];
  const args = [
    ISTHMUS,
    "serve",
    ...store,
    "--mqtt-port",
    "0",
    "--http-port",
    "0",
    "--coap-port",
    "off",
    "--log-level",
    "warn",
  ];
  const child = new Child(isDurable ? undefined : BROKER_CORE, process.execPath, args);
  return whenReady(child, directory, async () => {
    await child.waitFor(/^ready$/m, READY_MS, signal);
    const startedMs = performance.now() - child.startedAt;
    const [url] = await child.waitFor(/mqtt:\/\/[^\s]+/, READY_MS, signal);
    return { url, startedMs };
  });
}

async function startPeer(file: string, signal: AbortSignal, isDurable = false): Promise<RunningBroker> {
  const port = await freePort();
  const directory = isDurable ? makeDirectory() : undefined;
  const journal = directory === undefined ? [] : [path.join(directory, "journal")];
  const program = path.join(import.meta.dirname, "peers", file);
  const child = new Child(isDurable ? undefined : BROKER_CORE, process.execPath, [program, String(port), ...journal]);
  return whenReady(child, directory, async () => {
    await child.waitFor(/^ready$/m, READY_MS, signal);
    return { url: `mqtt://127.0.0.1:${port}`, startedMs: performance.now() - child.startedAt };
  });
}

async function startMosquitto(signal: AbortSignal, isDurable: boolean): Promise<RunningBroker> {
  const port = await freePort();
  const directory = makeDirectory();
  const configPath = path.join(directory, "mosquitto.conf");
  const persistence = isDurable ? `persistence true\npersistence_location ${directory}/\n` : "persistence false\n";
  // As root it becomes a user of its own.
  chmodSync(directory, 0o777);
  writeFileSync(configPath, `listener ${port} 127.0.0.1\n${MOSQUITTO_CONFIG}${persistence}`, { mode: 0o644 });
  const child = new Child(isDurable ? undefined : BROKER_CORE, mosquittoPath ?? "mosquitto", ["-c", configPath]);
  return whenReady(child, directory, async () => {
    await acceptsConnections(port, signal);
    return { url: `mqtt://127.0.0.1:${port}`, startedMs: performance.now() - child.startedAt };
  });
}

async function whenReady(
  child: Child,
  directory: string | undefined,
  ready: () => Promise<{ readonly url: string; readonly startedMs: number }>,
): Promise<RunningBroker> {
  const stop = async (): Promise<void> => {
    await child.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  try {
    return { ...(await ready()), pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A directory of a broker's own, on the disk that the measurement is about. */
function makeDirectory(): string {
  return mkdtempSync(path.join(process.env["ISTHMUS_BENCH_DIRECTORY"] ?? tmpdir(), "isthmus-bench-"));
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => void server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}

/** mosquitto says nothing when it is ready: it is asked every other millisecond. */
async function acceptsConnections(port: number, signal: AbortSignal): Promise<void> {
  for (const startedAt = performance.now(); performance.now() - startedAt < READY_MS;) {
    const isAccepted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        resolve(true);
        socket.destroy();
      });
      socket.on("error", () => resolve(false));
    });
    if (isAccepted) return;
    await delay(2, undefined, { signal });
  }
  throw new Error(`nothing listens on port ${port} after ${READY_MS} ms`);
}

function packageVersion(file: string): string {
  const parsed: unknown = createRequire(import.meta.url)(file);
  const version = typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return typeof version === "string" ? version : "?";
}
