import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

import { Child } from "../processes.ts";
import type { Scenario } from "./scenarios.ts";

/** A server that runs. */
export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A server that can be measured. */
export interface BenchServer {
  readonly name: string;
  version(): string;
  canMeasure(scenario: Scenario): boolean;
  /** Whether the generator has to put the initial state: it was not told of it at its start. */
  readonly isFilledByGenerator: boolean;
  /** Why it cannot be measured here; undefined when it can. */
  missing(): string | undefined;
  start(scenario: Scenario, signal: AbortSignal): Promise<RunningServer>;
}

const ROOT = path.resolve(import.meta.dirname, "../..");
const SERVER_CORE = 0;
const READY_MS = 10_000;
/**
 * For both servers on Node. Pinned to one core, its helper threads take it from the one that works, a tenth of it; and a
 * nursery of a megabyte stays in the cache.
 */
const NODE_FLAGS = ["--single-threaded", "--max-semi-space-size=1"];
const LIBCOAP = ["/usr/bin/coap-server-notls", "/usr/local/bin/coap-server"].find(existsSync);

/** Every server that the comparison knows, by the name that `--servers` takes. */
export const SERVERS: Readonly<Record<string, BenchServer>> = {
  isthmus: {
    name: "isthmus",
    version: () => versionIn("packages/coap/package.json"),
    canMeasure: () => true,
    isFilledByGenerator: false,
    missing: () => (existsSync(path.join(ROOT, "packages/coap/dist/index.js")) ? undefined : "it is not built"),
    start: (scenario, signal) => startScript("isthmus.mjs", scenario, signal),
  },
  libcoap: {
    name: "libcoap",
    version: () => /v([\d.]+)/.exec(spawnSync(LIBCOAP ?? "", ["-?"], { encoding: "utf8" }).stderr)?.[1] ?? "?",
    canMeasure: () => true,
    isFilledByGenerator: true,
    missing: () => (LIBCOAP === undefined ? "its coap-server is not installed" : undefined),
    start: startLibcoap,
  },
  "node-coap": {
    name: "node-coap",
    version: () => versionIn("node_modules/coap/package.json"),
    // It has no TCP.
    canMeasure: ({ isTcp }) => !isTcp,
    isFilledByGenerator: false,
    missing: () => undefined,
    start: (scenario, signal) => startScript("node-coap.mjs", scenario, signal),
  },
  ceiling: {
    name: "ceiling",
    version: () => "",
    canMeasure: ({ name }) => name.startsWith("get-"),
    isFilledByGenerator: false,
    missing: () => undefined,
    start: (scenario, signal) => startScript("ceiling.mjs", scenario, signal),
  },
};

async function startScript(file: string, scenario: Scenario, signal: AbortSignal): Promise<RunningServer> {
  const port = await freePort();
  const script = path.join(import.meta.dirname, "servers", file);
  const args = [...NODE_FLAGS, script, String(port), String(scenario.initialBytes)];
  const child = new Child(SERVER_CORE, process.execPath, args);
  return whenReady(child, port, child.waitFor(/^ready$/m, READY_MS, signal));
}

/** As it is, without logging beyond warnings; -N makes its notifications Non-confirmable, all but each fifth. */
async function startLibcoap(scenario: Scenario, signal: AbortSignal): Promise<RunningServer> {
  const port = await freePort();
  const flags = scenario.isNotifiedNonConfirmably ? ["-N"] : [];
  const child = new Child(SERVER_CORE, LIBCOAP ?? "coap-server", ["-A", "127.0.0.1", "-p", String(port), ...flags]);
  return whenReady(child, port, answersPings(port, signal));
}

async function whenReady(child: Child, port: number, ready: Promise<unknown>): Promise<RunningServer> {
  try {
    await ready;
    return { port, pid: child.pid, stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** libcoap says nothing when it is ready: it is pinged (RFC 7252 4.3) every twenty milliseconds. */
async function answersPings(port: number, signal: AbortSignal): Promise<void> {
  const ping = Uint8Array.of(0x40, 0, 0, 1);
  const socket = createSocket("udp4");
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setInterval(() => socket.send(ping, port, "127.0.0.1"), 20);
      const end = (settle: () => void): void => {
        clearInterval(timer);
        settle();
      };
      socket.on("message", () => end(resolve));
      socket.on("error", () => {}); // Refused: it is not there yet.
      deadline.addEventListener("abort", () => end(() => reject(new Error("libcoap's server does not answer"))));
    });
  } finally {
    socket.close();
  }
}

function versionIn(file: string): string {
  const parsed: unknown = JSON.parse(readFileSync(path.join(ROOT, file), "utf8"));
  const version = typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return typeof version === "string" ? version : "?";
}
