// Measures isthmus's CoAP server beside others, all in the same minutes on the same machine. ../README.md tells how.
import path from "node:path";
import { parseArgs } from "node:util";

import { compare, parseNumber, resultsFile, untilInterrupted } from "../comparison.ts";
import type { Timing } from "../measure.ts";
import { compileGenerator, measure } from "./generator.ts";
import { type Scenario, SCENARIOS, scenariosOf } from "./scenarios.ts";
import { type BenchServer, SERVERS } from "./servers.ts";

const HELP = `Usage: npm run bench -- coap [flags]

  --quick            some of the rows, one round of one second each
  --only NAMES       these rows, separated by commas: ${SCENARIOS.map(({ name }) => name).join(", ")}
  --servers NAMES    of ${Object.keys(SERVERS).join(", ")} (isthmus,libcoap,node-coap)
  --rounds N         rounds, of which the median counts (5)
  --seconds N        length of a measured window (2)
  --warmup N         seconds of load before it (1)
  --out FILE         where the figures go as JSON (bench/results/coap-DATE.json)
`;

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly servers: readonly BenchServer[];
  readonly rounds: number;
  readonly timing: Timing;
  readonly out: string;
}

const options = parseOptions(process.argv.slice(2));

if (options) {
  const { scenarios, servers, rounds, timing, out } = options;
  compileGenerator();
  await untilInterrupted((signal) =>
    compare<Scenario, BenchServer>({
      kind: "server",
      scenarios,
      subjects: servers,
      version: (server) => server.version(),
      canMeasure: (server, scenario) => server.canMeasure(scenario),
      rounds: () => rounds,
      timing,
      measure: (server, scenario) => measure(server, scenario, timing, signal),
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
      servers: { type: "string", default: "isthmus,libcoap,node-coap" },
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
    scenarios:
      values.only === undefined
        ? SCENARIOS.filter(({ isQuick }) => isQuick || !values.quick)
        : scenariosOf(values.only.split(",")),
    servers: values.servers.split(",").flatMap(findServer),
    rounds: Math.max(1, parseNumber("rounds", values.rounds ?? (values.quick ? "1" : "5"))),
    timing: {
      seconds: parseNumber("seconds", values.seconds ?? (values.quick ? "1" : "2")),
      warmup: parseNumber("warmup", values.warmup),
    },
    out: path.resolve(values.out ?? resultsFile("coap-")),
  };
}

/** The server of that name; none when it is not on this machine, which is said. */
function findServer(name: string): BenchServer[] {
  const server = SERVERS[name];
  if (!server) throw new RangeError(`no server "${name}"; there are ${Object.keys(SERVERS).join(", ")}`);
  const missing = server.missing();
  if (missing === undefined) return [server];
  process.stderr.write(`${name} is left out: ${missing}\n`);
  return [];
}
