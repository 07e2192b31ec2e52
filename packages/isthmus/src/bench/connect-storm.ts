import type { RunOptions } from "./run-options.js";
import { performance } from "node:perf_hooks";

import { type BrokerAddress, Fleet } from "./fleet.js";
import { distributionOf, type LatencyDistribution } from "./latency.js";
import { takeUsage, type UsageShare, usageBetween } from "./process-usage.js";
import type { ConnectStormScenario } from "./scenarios.js";

export interface ConnectStormWindow extends UsageShare {
  readonly connectsPerSecond: number;
  /** From the TCP connect to the CONNACK, in microseconds. */
  readonly latency: LatencyDistribution;
}

/** Connects again and again, some connections at a time; each is reset when its CONNACK has come. */
export async function measureConnectStorm(
  broker: BrokerAddress,
  { concurrency, version }: ConnectStormScenario,
  options: RunOptions,
): Promise<ConnectStormWindow[]> {
  const { warmupMs, windowMs, repeat, brokerPid } = options;
  const fleet = new Fleet(broker, version, options);
  let samples: number[] = [];
  const storming = new AbortController();
  const connectAgainAndAgain = async (): Promise<void> => {
    while (!storming.signal.aborted) {
      const startedAt = performance.now();
      const connection = await fleet.openUnkept();
      samples.push((performance.now() - startedAt) * 1000);
      connection.reset(); // Not a close: its port would be in TIME_WAIT, and soon all ports would.
    }
  };
  const storm = Promise.all(Array.from({ length: concurrency }, connectAgainAndAgain));
  const whileItRages = <T>(work: Promise<T>): Promise<T> => Promise.race([work, storm.then(() => work)]);
  try {
    await whileItRages(fleet.sleep(warmupMs));
    const windows: ConnectStormWindow[] = [];
    for (let i = 0; i < repeat; i++) {
      samples = [];
      const from = takeUsage(brokerPid);
      await whileItRages(fleet.sleep(windowMs));
      const usage = usageBetween(from, takeUsage(brokerPid));
      windows.push({
        ...usage,
        connectsPerSecond: (samples.length * 1000) / usage.elapsedMs,
        latency: distributionOf(samples),
      });
    }
    return windows;
  } finally {
    storming.abort();
    fleet.close();
    await storm.catch(() => {}); // Its failure has been thrown above.
  }
}
