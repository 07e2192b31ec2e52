import type { Scenario } from "./scenarios.js";

/** Numbers of a scenario that a caller may set, by the name that the command line has for them. */
const FIELDS = {
  publishers: "publishers",
  subscribers: "subscribers",
  "topics-per-publisher": "topicsPerPublisher",
  "messages-per-write": "messagesPerWrite",
  qos: "qos",
  payload: "payloadSize",
  connections: "connections",
  concurrency: "concurrency",
  subscriptions: "subscriptions",
  "protocol-version": "version",
} as const;

/** Least and greatest value of a field; without an entry, 1 and no greatest. */
const BOUNDS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  qos: [0, 2],
  payload: [0, 1024 * 1024],
  "protocol-version": [4, 5],
};

/** What may be changed about a scenario. */
export type Adaptations = { readonly [Name in keyof typeof FIELDS]?: number | undefined };

/** The names of {@link Adaptations}. */
export const ADAPTATION_NAMES = Object.keys(FIELDS);

/**
 * The scenario with some of its numbers changed.
 *
 * @throws RangeError when the scenario has no such number, or it is out of bounds.
 */
export function adaptScenario(scenario: Scenario, adaptations: Adaptations): Scenario {
  const changes: Record<string, number> = {};
  for (const [name, field] of Object.entries(FIELDS)) {
    // The table's names are those of Adaptations.
    const value = adaptations[name as keyof Adaptations];
    if (value === undefined) continue;
    if (!(field in scenario)) throw new RangeError(`the scenario has no ${name}: it measures ${scenario.type}`);
    const [min, max] = BOUNDS[name] ?? [1, Number.MAX_SAFE_INTEGER];
    if (value < min || value > max) throw new RangeError(`${name} ${value} is not from ${min} to ${max}`);
    changes[field] = value;
  }
  if (scenario.type === "latency" && changes["qos"] === 2) throw new RangeError("latency is measured with QoS 0 or 1");
  // Each changed field is one of the scenario's own, within the bounds of its type.
  return { ...scenario, ...changes };
}
