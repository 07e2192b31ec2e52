// Measures isthmus beside other brokers, all in the same minutes on the same machine. README.md tells how and why.
import path from "node:path";
import { parseArgs } from "node:util";

import { type Broker, BROKERS } from "./brokers.ts";
import { compare, parseNumber, resultsFile, untilInterrupted } from "./comparison.ts";
import { measure, type Timing } from "./measure.ts";
import { PLAN, type PlannedScenario, planOnly } from "./plan.ts";

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

if (options) {
  const { rows, brokers, rounds, timing, out } = options;
  await untilInterrupted((signal) =>
    compare<PlannedScenario, Broker>({
      kind: "broker",
      scenarios: rows,
      subjects: brokers,
      version: (broker) => broker.version(),
      canMeasure: (broker, row) => broker.canMeasure(row),
      rounds: ({ isOnce }) => (isOnce ? 1 : rounds),
      timing,
      measure: (broker, { name }) => measure(broker, name, timing, signal),
      out,
    }),
  );
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
    out: path.resolve(values.out ?? resultsFile("")),
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
