/** One row of the comparison: a scenario of `isthmus bench mqtt`, or the start of the broker. */
export interface PlannedScenario {
  readonly name: string;
  /** In a quick run too. */
  readonly isQuick: boolean;
  /** Once for each broker: it takes long, or it measures memory, which does not vary. */
  readonly isOnce: boolean;
  readonly protocolVersion: 4 | 5;
}

/** The row that the runner measures by itself: how long a broker takes to start, and what it weighs at rest. */
export const START = "start";

const QUICK = new Set([START, "1:1", "fan-out", "many-topics", "10:10-qos1", "10:10-qos2", "latency-qos1"]);
const ONCE = new Set([START, "idle", "subscriptions"]);

const NAMES = [
  START,
  "1:1",
  "10:10",
  "fan-out",
  "fan-in",
  "many-topics",
  "single-writes",
  "1:1-qos1",
  "1:1-qos2",
  "10:10-qos1",
  "10:10-qos2",
  "fan-out-qos1",
  "fan-in-qos1",
  "payload-16",
  "payload-1k",
  "payload-16k",
  "payload-1m",
  "10:10-v5",
  "fan-out-v5",
  "many-topics-v5",
  "10:10-qos1-v5",
  "10:10-qos2-v5",
  "durable-qos1",
  "durable-qos2",
  "latency-qos0",
  "latency-qos1",
  "connect-storm",
  "idle",
  "subscriptions",
];

/** All rows, in the order in which they are measured. */
export const PLAN: readonly PlannedScenario[] = NAMES.map((name) => ({
  name,
  isQuick: QUICK.has(name),
  isOnce: ONCE.has(name),
  protocolVersion: name.endsWith("-v5") ? 5 : 4,
}));

/** Whether the broker is to keep what it acknowledges on the disk. */
export function isDurable(name: string): boolean {
  return name.startsWith("durable-");
}
