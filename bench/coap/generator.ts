import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";

import type { Report, Timing } from "../measure.ts";
import { Child } from "../processes.ts";
import type { Scenario } from "./scenarios.ts";
import type { BenchServer } from "./servers.ts";

const SOURCE = path.join(import.meta.dirname, "coapload.c");
const BINARY = path.join(import.meta.dirname, "../results/coapload");
const GENERATOR_CORE = 1;
/** Time beyond warm-up and window that the generator may take. */
const GRACE_MS = 20_000;
/** With so large a share of its time at work it may be what limits the figure. */
const BOUND_BUSY = 0.9;
/** The server has not had its core for the rest of the window: other programs had it, or the generator was too slow. */
const CONTENDED_CPU = 0.85;

/** What coapload.c prints. */
interface Tally {
  readonly done: number;
  readonly wrong: number;
  readonly resent: number;
  readonly seconds: number;
  readonly busy: number;
  readonly serverCpu: number;
  readonly serverResidentBytes: number;
}

/** Compiles the generator unless that has been done. @throws Error when there is no C compiler. */
export function compileGenerator(): void {
  if (existsSync(BINARY) && statSync(BINARY).mtimeMs > statSync(SOURCE).mtimeMs) return;
  mkdirSync(path.dirname(BINARY), { recursive: true });
  const compiled = spawnSync("cc", ["-O2", "-Wall", "-Wextra", "-o", BINARY, SOURCE], { encoding: "utf8" });
  if (compiled.error)
    throw new Error("the load generator is compiled, and there is no cc: apt-get install gcc libc6-dev");
  if (compiled.status !== 0) throw new Error(`coapload.c does not compile: ${compiled.stderr}`);
}

/** Measures one scenario of a server of its own, fresh from its start; a failure is a report that says so. */
export async function measure(
  server: BenchServer,
  scenario: Scenario,
  timing: Timing,
  signal: AbortSignal,
): Promise<Report> {
  try {
    const running = await server.start(scenario, signal);
    try {
      const fill = [`body=${scenario.initialBytes > 8 ? scenario.initialBytes : 0}`, "method=put", "sockets=1"];
      if (server.isFilledByGenerator) await load(running.port, [...fill, "warmup=0", "seconds=0.5"], 0.5, signal);
      const { seconds, warmup } = timing;
      const given = [`warmup=${warmup}`, `seconds=${seconds}`, `server=${running.pid}`];
      return reportOf(scenario, await load(running.port, [...scenario.load, ...given], seconds + warmup, signal));
    } finally {
      await running.stop();
    }
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return { scenario: scenario.name, windows: [], details: {}, notes: [`failed: ${reason}`] };
  }
}

async function load(port: number, args: readonly string[], seconds: number, signal: AbortSignal): Promise<Tally> {
  const generator = new Child(GENERATOR_CORE, BINARY, [String(port), ...args]);
  // What our own generator prints is a Tally.
  return JSON.parse(await generator.end(seconds * 1_000 + GRACE_MS, signal)) as Tally;
}

function reportOf({ name, unit }: Scenario, tally: Tally): Report {
  const { done, wrong, resent, seconds, busy, serverCpu, serverResidentBytes } = tally;
  const value = done / seconds;
  const isValid = done > 0 && wrong === 0;
  return {
    scenario: name,
    ...(isValid && { figure: { value, unit, better: "higher" } as const }),
    windows: [value],
    details: { resent },
    generator: { cpu: busy },
    ...(serverResidentBytes > 0 && { broker: { cpu: serverCpu }, brokerResidentBytes: serverResidentBytes }),
    notes: [
      ...(isValid ? [] : [wrong > 0 ? `${wrong} wrong answers` : "no answers"]),
      ...(busy > BOUND_BUSY && serverCpu < 1 - (1 - BOUND_BUSY) ? ["generator-bound: at least"] : []),
      ...(serverResidentBytes > 0 && serverCpu < CONTENDED_CPU && busy < BOUND_BUSY ? ["contended"] : []),
      ...(resent > 0 ? [`${resent} sent again`] : []),
    ],
  };
}
