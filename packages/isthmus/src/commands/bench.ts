import { parseArgs } from "node:util";

import { type Adaptations, ADAPTATION_NAMES, adaptScenario } from "../bench/adapt-scenario.js";
import { BenchConnectionError } from "../bench/bench-connection.js";
import { type BrokerAddress, parseBrokerUrl } from "../bench/fleet.js";
import { formatReport } from "../bench/format-report.js";
import type { RunOptions } from "../bench/run-options.js";
import { runScenario } from "../bench/run-scenario.js";
import { findScenario, type Scenario, SCENARIOS } from "../bench/scenarios.js";
import { type Command, UsageError } from "../command.js";

const DEFAULT_URL = "mqtt://127.0.0.1:1883";

const HELP = `Measures a running MQTT broker: isthmus or any other.

Usage: isthmus bench mqtt [URL] [flags]

URL is ${DEFAULT_URL} unless given.

  --scenario NAMES        what to measure, separated by commas (1:1); see below
  --seconds N             length of a measured window (3)
  --warmup N              seconds of load before the first window (1)
  --repeat N              windows; the median one counts (3)
  --pid PID               the broker's process on this machine: its processor use and memory are told too
  --json                  one JSON object a scenario, each on a line

Change a scenario's numbers:
  --publishers N  --subscribers N  --qos 0|1|2  --payload BYTES  --protocol-version 4|5
  --topics-per-publisher N  --messages-per-write N
  --connections N (idle)  --concurrency N (connect-storm)  --subscriptions N (subscriptions)

Scenarios:
  ${Object.keys(SCENARIOS).join("\n  ")}

The generator uses one core. Its own processor use is told with each figure: when it is saturated and the broker is
not, the figure is what the generator can do, and the broker's lies above.
`;

const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

export const command: Command = {
  help: HELP,
  async run(args, { stdout, stderr, signal }) {
    const { broker, scenarios, options, isJson } = parseCommand(args, signal);
    try {
      for (const [name, scenario] of scenarios) {
        const report = await runScenario(broker, name, scenario, options);
        stdout.write(isJson ? `${JSON.stringify(report)}\n` : formatReport(report));
      }
      return 0;
    } catch (error) {
      if (signal.aborted) return EXIT_INTERRUPTED;
      if (!(error instanceof BenchConnectionError)) throw error;
      stderr.write(`isthmus bench: ${error.message}\n`);
      return EXIT_FAILED;
    }
  },
};

interface BenchCommand {
  readonly broker: BrokerAddress;
  readonly scenarios: readonly (readonly [name: string, scenario: Scenario])[];
  readonly options: RunOptions;
  readonly isJson: boolean;
}

function parseCommand(args: readonly string[], signal: AbortSignal): BenchCommand {
  try {
    const { values, positionals } = parseFlags(args);
    const [subject, url = DEFAULT_URL, ...others] = positionals;
    if (subject !== "mqtt" || others.length > 0) throw new RangeError("isthmus bench mqtt [URL] is how it is called");
    const adaptations = parseAdaptations(values);
    return {
      broker: parseBrokerUrl(url),
      scenarios: values.scenario
        .split(",")
        .map((name) => [name, adaptScenario(findScenario(name), adaptations)] as const),
      options: {
        warmupMs: parseNumber("warmup", values.warmup) * 1000,
        windowMs: parseNumber("seconds", values.seconds) * 1000,
        repeat: Math.max(1, Math.floor(parseNumber("repeat", values.repeat))),
        brokerPid: values.pid === undefined ? undefined : parseNumber("pid", values.pid),
        signal,
      },
      isJson: values.json,
    };
  } catch (error) {
    // parseArgs throws a TypeError that names the flag, what parses our values a RangeError that names the value.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new UsageError(error.message, "isthmus bench --help tells how");
  }
}

function parseFlags(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenario: { type: "string", default: "1:1" },
      seconds: { type: "string", default: "3" },
      warmup: { type: "string", default: "1" },
      repeat: { type: "string", default: "3" },
      pid: { type: "string" },
      json: { type: "boolean", default: false },
      publishers: { type: "string" },
      subscribers: { type: "string" },
      "topics-per-publisher": { type: "string" },
      "messages-per-write": { type: "string" },
      qos: { type: "string" },
      payload: { type: "string" },
      "protocol-version": { type: "string" },
      connections: { type: "string" },
      concurrency: { type: "string" },
      subscriptions: { type: "string" },
    },
  });
}

function parseAdaptations(values: Readonly<Record<string, string | boolean | undefined>>): Adaptations {
  const given = ADAPTATION_NAMES.flatMap((name) => {
    const text = values[name];
    return typeof text === "string" ? [[name, Math.floor(parseNumber(name, text))]] : [];
  });
  // The names are those of Adaptations, the values numbers.
  return Object.fromEntries(given) as Adaptations;
}

function parseNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new RangeError(`--${name} ${text} is not a number`);
  return value;
}
