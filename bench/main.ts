// Measures isthmus beside other brokers, all in the same minutes on the same machine. README.md tells how and why.
import { type Broker, BROKERS } from "./brokers.ts";
import { choose } from "./command-line.ts";
import { compare, untilInterrupted } from "./comparison.ts";
import { measure } from "./measure.ts";
import { PLAN, type PlannedScenario } from "./plan.ts";

const choice = choose<PlannedScenario, Broker>({
  command: "npm run bench --",
  kind: "broker",
  scenarios: PLAN,
  subjects: BROKERS,
  standard: "isthmus,mosquitto,aedes",
  rounds: 3,
  seconds: 3,
  filePrefix: "",
});

if (choice) {
  const { rounds, timing } = choice;
  await untilInterrupted((signal) =>
    compare<PlannedScenario, Broker>({
      ...choice,
      kind: "broker",
      version: (broker) => broker.version(),
      canMeasure: (broker, row) => broker.canMeasure(row),
      rounds: ({ isOnce }) => (isOnce ? 1 : rounds),
      measure: (broker, { name }) => measure(broker, name, timing, signal),
    }),
  );
}
