import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { type Broker, ISTHMUS } from "./brokers.ts";
import { isDurable, START } from "./plan.ts";
import { Child } from "./processes.ts";

/** What `isthmus bench mqtt --json` tells of a scenario. */
export interface Report {
  readonly scenario: string;
  readonly figure?: { readonly value: number; readonly unit: string; readonly better: "higher" | "lower" };
  readonly windows: readonly number[];
  readonly details: Readonly<Record<string, number>>;
  readonly generator?: { readonly cpu: number; readonly waited?: number };
  readonly broker?: { readonly cpu: number; readonly waited?: number };
  readonly brokerResidentBytes?: number;
  readonly notes: readonly string[];
}

export interface Timing {
  readonly seconds: number;
  readonly warmup: number;
}

const GENERATOR_CORE = 1;

/** A scenario may wait ten seconds for late deliveries and twenty for memory to settle; a million subscriptions take long. */
const SCENARIO_MS = 180_000;

/** Starts of a broker of which the median counts. */
const STARTS = 5;

/** How long a broker has to come to rest. */
const REST_MS = 2000;

/** Measures one scenario of a broker of its own, fresh from its start; a failure is a report that says so. */
export async function measure(broker: Broker, scenario: string, timing: Timing, signal: AbortSignal): Promise<Report> {
  try {
    return scenario === START
      ? await measureStart(broker, signal)
      : await measureScenario(broker, scenario, timing, signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return { scenario, windows: [], details: {}, notes: [`failed: ${reason}`] };
  }
}

async function measureScenario(
  broker: Broker,
  scenario: string,
  { seconds, warmup }: Timing,
  signal: AbortSignal,
): Promise<Report> {
  const running = await broker.start(signal, isDurable(scenario));
  try {
    const generator = new Child(isDurable(scenario) ? undefined : GENERATOR_CORE, process.execPath, [
      ISTHMUS,
      "bench",
      "mqtt",
      running.url,
      "--json",
      "--repeat=1",
      `--scenario=${scenario}`,
      `--seconds=${seconds}`,
      `--warmup=${warmup}`,
      `--pid=${running.pid}`,
    ]);
    // What our own command writes with --json is a Report.
    return JSON.parse(await generator.end(SCENARIO_MS, signal)) as Report;
  } finally {
    await running.stop();
  }
}

async function measureStart(broker: Broker, signal: AbortSignal): Promise<Report> {
  const starts: number[] = [];
  let residentBytes: number | undefined;
  for (let i = 0; i < STARTS; i++) {
    const running = await broker.start(signal, false);
    starts.push(running.startedMs);
    try {
      if (i === STARTS - 1) {
        await delay(REST_MS, undefined, { signal });
        residentBytes = residentBytesOf(running.pid);
      }
    } finally {
      await running.stop();
    }
  }
  const value = starts.toSorted((a, b) => a - b)[Math.floor(STARTS / 2)] ?? Number.NaN;
  return {
    scenario: START,
    figure: { value, unit: "ms", better: "lower" },
    windows: starts,
    details: {},
    ...(residentBytes !== undefined && { brokerResidentBytes: residentBytes }),
    notes: [],
  };
}

function residentBytesOf(pid: number): number | undefined {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined; // No /proc: not Linux.
  }
}

/**
 * Of the reports of several rounds the one with the median figure, with the figures of all as its windows. Rounds in
 * which other programs took the cores count only when there are no better ones.
 */
export function medianReport(reports: readonly Report[]): Report | undefined {
  const measured = reports.filter(({ figure }) => figure !== undefined);
  const undisturbed = measured.filter(({ notes }) => !notes.some((note) => /^(contended|stalled)/.test(note)));
  const sorted = (undisturbed.length > 0 ? undisturbed : measured).toSorted((a, b) => valueOf(a) - valueOf(b));
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (!median) return reports[0];
  const failures = reports.filter(({ figure }) => figure === undefined).flatMap(({ notes }) => notes);
  return { ...median, windows: measured.map(valueOf), notes: [...median.notes, ...failures] };
}

function valueOf({ figure }: Report): number {
  return figure?.value ?? Number.NaN;
}
