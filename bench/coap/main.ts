// Measures isthmus's CoAP server beside others, all in the same minutes on the same machine. ../README.md tells how.
import { choose } from "../command-line.ts";
import { compare, untilInterrupted } from "../comparison.ts";
import { compileGenerator, measure } from "./generator.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { type BenchServer, SERVERS } from "./servers.ts";

const choice = choose<Scenario, BenchServer>({
  command: "npm run bench -- coap",
  kind: "server",
  scenarios: SCENARIOS,
  subjects: SERVERS,
  standard: "isthmus,libcoap,node-coap",
  rounds: 5,
  seconds: 2,
  filePrefix: "coap-",
});

if (choice) {
  const { rounds, timing } = choice;
  compileGenerator();
  await untilInterrupted((signal) =>
    compare<Scenario, BenchServer>({
      ...choice,
      kind: "server",
      version: (server) => server.version(),
      canMeasure: (server, scenario) => server.canMeasure(scenario),
      rounds: () => rounds,
      measure: (server, scenario) => measure(server, scenario, timing, signal),
    }),
  );
}
