// Measures isthmus beside other brokers, all in the same minutes on the same machine. README.md tells how and why.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { type Broker, BROKERS } from "./brokers.ts";
import { measure, medianReport, type Report, type Timing } from "./measure.ts";
import { PLAN, type PlannedScenario, planOnly } from "./plan.ts";
import { PLACEMENT } from "./processes.ts";
import { formatTable, type Row } from "./table.ts";

const HELP = `Usage: npm run bench -- [flags]

  --quick            some of the rows, one round of one second each
  --only NAMES       these rows, separated by commas: ${PLAN.map(({ name }) => name).join(", ")}
  --brokers NAMES    of ${Object.keys(BROKERS).join(", ")} (isthmus,mosquitto,aedes)
  --rounds N         rounds, of which the median counts (3)
  --seconds N        length of a measured window (3)
  --warmup N         seconds of load before it (1)
  --out FILE         where the figures go as JSON (bench/results/DATE.json)
`;

interface Options {
  readonly rows: readonly PlannedScenario[];
  readonly brokers: readonly Broker[];
  readonly rounds: number;
  readonly timing: Timing;
  readonly out: string;
}

const options = parseOptions(process.argv.slice(2));
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());

try {
  if (options) await compare(options, interrupt.signal);
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
  process.exitCode = 130;
}

async function compare({ rows: planned, brokers, rounds, timing, out }: Options, signal: AbortSignal): Promise<void> {
  const machine = describeMachine(brokers);
  process.stdout.write(
    `${Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n")}\n\n`,
  );
  const rows: Row[] = [];
  const all: Record<string, Record<string, readonly Report[]>> = {};
  for (const scenario of planned) {
    const reports = await measureRow(scenario, brokers, scenario.isOnce ? 1 : rounds, timing, signal);
    all[scenario.name] = Object.fromEntries(reports);
    const measured = [...reports].flatMap(([broker, each]): Row[] => {
      const report = medianReport(each);
      return report ? [{ scenario: scenario.name, broker, report }] : [];
    });
    rows.push(...measured);
    process.stdout.write(`${formatTable(measured)}\n`);
  }
  process.stdout.write(`All of it:\n\n${formatTable(rows)}`);
  mkdirSync(path.dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ machine, timing, rounds, rows, all }, null, 2)}\n`);
  process.stdout.write(`\nIn full: ${out}\n`);
}

/** One scenario, round by round: in each round every broker has its turn, and another one goes first. */
async function measureRow(
  row: PlannedScenario,
  brokers: readonly Broker[],
  rounds: number,
  timing: Timing,
  signal: AbortSignal,
): Promise<Map<string, Report[]>> {
  const { name } = row;
  const able = brokers.filter((broker) => broker.canMeasure(row));
  const reports = new Map<string, Report[]>(able.map((broker) => [broker.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const broker = able[(round + turn) % able.length];
      if (!broker) continue;
      process.stderr.write(`${name}: round ${round + 1} of ${rounds}, ${broker.name}\n`);
      reports.get(broker.name)?.push(await measure(broker, name, timing, signal));
    }
  }
  return reports;
}

function describeMachine(brokers: readonly Broker[]): Record<string, string> {
  const [cpu] = cpus();
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    processor: `${cpus().length} x ${cpu?.model ?? "?"}`,
    system: `${process.platform} ${release()}, Node ${process.version}`,
    placement: PLACEMENT,
    brokers: brokers.map(({ name, version }) => `${name} ${version()}`.trim()).join(", "),
    commit: commit.stdout?.trim() ?? "?",
  };
}

function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      brokers: { type: "string", default: "isthmus,mosquitto,aedes" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string", default: "1" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const stamp = new Date().toISOString().replaceAll(":", "-").slice(0, 19);
  return {
    rows:
      values.only === undefined
        ? PLAN.filter(({ isQuick }) => isQuick || !values.quick)
        : planOnly(values.only.split(",")),
    brokers: values.brokers.split(",").flatMap(findBroker),
    rounds: Math.max(1, parseNumber("rounds", values.rounds ?? (values.quick ? "1" : "3"))),
    timing: {
      seconds: parseNumber("seconds", values.seconds ?? (values.quick ? "1" : "3")),
      warmup: parseNumber("warmup", values.warmup),
    },
    out: path.resolve(values.out ?? path.join(import.meta.dirname, "results", `${stamp}.json`)),
  };
}

/** The broker of that name; none when it is not on this machine, which is said. */
function findBroker(name: string): Broker[] {
  const broker = BROKERS[name];
  if (!broker) throw new RangeError(`no broker "${name}"; there are ${Object.keys(BROKERS).join(", ")}`);
  const missing = broker.isMissing();
  if (missing === undefined) return [broker];
  process.stderr.write(`${name} is left out: ${missing}\n`);
  return [];
}

function parseNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new RangeError(`--${flag} ${text} is not a number`);
  return value;
}
