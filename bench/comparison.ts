import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import path from "node:path";

import { medianReport, type Report, type Timing } from "./measure.ts";
import { PLACEMENT } from "./processes.ts";
import { formatTable, type Row } from "./table.ts";

/** What is measured beside what, and how often. */
export interface Comparison<Scenario extends { readonly name: string }, Subject extends { readonly name: string }> {
  /** What the subjects are called: "broker", "server". */
  readonly kind: string;
  readonly scenarios: readonly Scenario[];
  readonly subjects: readonly Subject[];
  readonly version: (subject: Subject) => string;
  readonly canMeasure: (subject: Subject, scenario: Scenario) => boolean;
  readonly rounds: (scenario: Scenario) => number;
  readonly timing: Timing;
  readonly measure: (subject: Subject, scenario: Scenario) => Promise<Report>;
  /** Where the figures go as JSON. */
  readonly out: string;
}

/** Measures all scenarios and prints a table of each, and of all. */
export async function compare<Scenario extends { readonly name: string }, Subject extends { readonly name: string }>(
  comparison: Comparison<Scenario, Subject>,
): Promise<void> {
  const { kind, scenarios, timing, out } = comparison;
  const machine = describeMachine(comparison);
  for (const [name, value] of Object.entries(machine)) process.stdout.write(`${name}: ${value}\n`);
  process.stdout.write("\n");
  const rows: Row[] = [];
  const all: Record<string, Record<string, readonly Report[]>> = {};
  for (const scenario of scenarios) {
    const reports = await measureInTurns(comparison, scenario);
    all[scenario.name] = Object.fromEntries(reports);
    const measured = [...reports].flatMap(([broker, each]): Row[] => {
      const report = medianReport(each);
      return report ? [{ scenario: scenario.name, broker, report }] : [];
    });
    rows.push(...measured);
    process.stdout.write(`${formatTable(measured, kind)}\n`);
  }
  process.stdout.write(`All of it:\n\n${formatTable(rows, kind)}`);
  mkdirSync(path.dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ machine, timing, rows, all }, null, 2)}\n`);
  process.stdout.write(`\nIn full: ${out}\n`);
}

/** One scenario, round by round: in each round every subject has its turn, and another one goes first. */
async function measureInTurns<Scenario extends { readonly name: string }, Subject extends { readonly name: string }>(
  { subjects, canMeasure, rounds: roundsOf, measure }: Comparison<Scenario, Subject>,
  scenario: Scenario,
): Promise<Map<string, Report[]>> {
  const able = subjects.filter((subject) => canMeasure(subject, scenario));
  const reports = new Map<string, Report[]>(able.map((subject) => [subject.name, []]));
  const rounds = roundsOf(scenario);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const subject = able[(round + turn) % able.length];
      if (!subject) continue;
      process.stderr.write(`${scenario.name}: round ${round + 1} of ${rounds}, ${subject.name}\n`);
      reports.get(subject.name)?.push(await measure(subject, scenario));
    }
  }
  return reports;
}

function describeMachine<Scenario extends { readonly name: string }, Subject extends { readonly name: string }>({
  kind,
  subjects,
  version,
}: Comparison<Scenario, Subject>): Record<string, string> {
  const [cpu] = cpus();
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    processor: `${cpus().length} x ${cpu?.model ?? "?"}`,
    system: `${process.platform} ${release()}, Node ${process.version}`,
    placement: PLACEMENT,
    [`${kind}s`]: subjects.map((subject) => `${subject.name} ${version(subject)}`.trim()).join(", "),
    commit: commit.stdout?.trim() ?? "?",
  };
}

/** Runs until done or interrupted: Ctrl-C ends it with 130 and without a trace. */
export async function untilInterrupted(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());
  try {
    await run(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  }
}
