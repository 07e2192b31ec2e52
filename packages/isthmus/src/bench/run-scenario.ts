import { type ConnectStormWindow, measureConnectStorm } from "./connect-storm.js";
import type { BrokerAddress } from "./fleet.js";
import { type IdleResult, measureIdleConnections } from "./idle-connections.js";
import { type LatencyDistribution, type LatencyWindow, measureLatency } from "./latency.js";
import type { LoadResult } from "./load.js";
import { measureSubscriptions, type SubscriptionsResult } from "./many-subscriptions.js";
import { type ProcessShare, residentMemory, type UsageShare } from "./process-usage.js";
import type { RunOptions } from "./run-options.js";
import type { Scenario } from "./scenarios.js";
import { measureThroughput } from "./throughput.js";

/** What a scenario is judged by. */
export interface Figure {
  readonly value: number;
  readonly unit: "deliveries/s" | "µs" | "connects/s" | "bytes/connection";
  readonly better: "higher" | "lower";
}

/** What one scenario showed of one broker. Of several windows it is the median one, by its figure. */
export interface ScenarioReport {
  readonly scenario: string;
  /** Undefined when it could not be measured, see `notes`. */
  readonly figure: Figure | undefined;
  /** The same figure of each window, in order. */
  readonly windows: readonly number[];
  /** Further numbers by name: what was sent, lost, and so on. */
  readonly details: Readonly<Record<string, number>>;
  readonly generator: ProcessShare | undefined;
  readonly broker: ProcessShare | undefined;
  readonly brokerResidentBytes: number | undefined;
  /** Why the figure says less than it seems to: "generator-bound: at least ..." and the like. */
  readonly notes: readonly string[];
}

/** Processor use from which a process counts as saturated. */
const SATURATED = 0.95;

/** Note of a figure that says nothing: all that was measured was a pause. */
const STALLED = "stalled: nothing came in the window";

/** Share of time without a core from which other programs have distorted the figure. */
const CONTENDED = 0.1;

/**
 * Runs one scenario against a broker.
 *
 * @throws BenchConnectionError when the broker refuses, breaks the protocol or closes a connection.
 */
export async function runScenario(
  broker: BrokerAddress,
  name: string,
  scenario: Scenario,
  options: RunOptions,
): Promise<ScenarioReport> {
  switch (scenario.type) {
    case "throughput":
      return reportLoad(name, await measureThroughput(broker, scenario, options), scenario.qos > 0);
    case "latency":
      return reportLatency(name, await measureLatency(broker, scenario, options), options);
    case "connect-storm":
      return reportConnectStorm(name, await measureConnectStorm(broker, scenario, options), options);
    case "idle":
      return reportIdle(name, await measureIdleConnections(broker, scenario, options));
    case "subscriptions":
      return reportSubscriptions(name, await measureSubscriptions(broker, scenario, options));
  }
}

function reportLoad(name: string, result: LoadResult, mustBeComplete: boolean): ScenarioReport {
  const window = medianOf(result.windows, ({ deliveredPerSecond }) => deliveredPerSecond);
  const missing = result.dueCount - result.deliveredCount;
  const notes = window ? usageNotes(window) : [];
  if (window?.deliveredPerSecond === 0) notes.push(STALLED);
  if (missing < 0) notes.push(`${-missing} of ${result.dueCount} messages were delivered twice`);
  if (missing > 0)
    notes.push(`${missing} of ${result.dueCount} deliveries ${result.isSettled ? "lost" : "still to come"}`);
  if (missing !== 0 && mustBeComplete) notes.push("void: the QoS was broken");
  return {
    scenario: name,
    figure: window && { value: window.deliveredPerSecond, unit: "deliveries/s", better: "higher" },
    windows: result.windows.map(({ deliveredPerSecond }) => deliveredPerSecond),
    details: {
      ...(window && { sentPerSecond: window.sentPerSecond }),
      sentCount: result.sentCount,
      dueCount: result.dueCount,
      deliveredCount: result.deliveredCount,
    },
    generator: window?.generator,
    broker: window?.broker,
    brokerResidentBytes: window?.brokerMemory?.total,
    notes,
  };
}

function reportSubscriptions(name: string, result: SubscriptionsResult): ScenarioReport {
  const { subscriptions, subscribedPerSecond, bytesPerSubscription } = result;
  const report = reportLoad(name, result, false);
  const details = { subscriptions, subscribedPerSecond, ...(bytesPerSubscription && { bytesPerSubscription }) };
  return { ...report, details: { ...report.details, ...details } };
}

function reportLatency(name: string, windows: readonly LatencyWindow[], options: RunOptions): ScenarioReport {
  return reportTimes(
    name,
    windows.map((window) => ({ ...window, figure: { value: window.latency.p50, unit: "µs", better: "lower" } })),
    options,
  );
}

function reportConnectStorm(name: string, windows: readonly ConnectStormWindow[], options: RunOptions): ScenarioReport {
  return reportTimes(
    name,
    windows.map((window) => ({
      ...window,
      figure: { value: window.connectsPerSecond, unit: "connects/s", better: "higher" },
    })),
    options,
  );
}

interface TimedWindow extends UsageShare {
  readonly latency: LatencyDistribution;
  readonly figure: Figure;
}

function reportTimes(name: string, windows: readonly TimedWindow[], { brokerPid }: RunOptions): ScenarioReport {
  const window = medianOf(windows, ({ figure }) => figure.value);
  return {
    scenario: name,
    // Without a sample there is no time, least of all one of zero.
    figure: window?.latency.count === 0 ? undefined : window?.figure,
    windows: windows.map(({ figure }) => figure.value),
    details: { ...window?.latency },
    generator: window?.generator,
    broker: window?.broker,
    brokerResidentBytes: residentMemory(brokerPid)?.total,
    notes: window ? [...usageNotes(window), ...(window.latency.count === 0 ? [STALLED] : [])] : [],
  };
}

function reportIdle(name: string, result: IdleResult): ScenarioReport {
  const { connections, connectsPerSecond, bytesPerConnection: value, before, after, limitedBy } = result;
  const details = { connections, connectsPerSecond };
  const notes: string[] = [];
  if (limitedBy !== undefined) notes.push(`only ${connections} connections: ${limitedBy}`);
  if (value === undefined) notes.push("the broker's memory is unknown: give --pid");
  return {
    scenario: name,
    figure: value === undefined ? undefined : { value, unit: "bytes/connection", better: "lower" },
    windows: value === undefined ? [] : [value],
    details:
      before && after
        ? { ...details, anonymousBytesPerConnection: (after.anonymous - before.anonymous) / connections }
        : details,
    generator: undefined,
    broker: undefined,
    brokerResidentBytes: after?.total,
    notes,
  };
}

/** The one in the middle; of an even number, the lesser of the two in the middle. */
function medianOf<T>(items: readonly T[], valueOf: (item: T) => number): T | undefined {
  return [...items].sort((a, b) => valueOf(a) - valueOf(b))[Math.floor((items.length - 1) / 2)];
}

function usageNotes({ generator, broker }: UsageShare): string[] {
  const notes: string[] = [];
  if (generator.cpu > SATURATED && (broker === undefined || broker.cpu < SATURATED)) {
    notes.push("generator-bound: at least");
  }
  const waited = Math.max(generator.waited ?? 0, broker?.waited ?? 0);
  if (waited > CONTENDED) notes.push(`contended: no core for ${Math.round(waited * 100)} % of the time`);
  return notes;
}
