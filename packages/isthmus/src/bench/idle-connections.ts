import { performance } from "node:perf_hooks";

import type { ProtocolVersion } from "@isthmus/mqtt/codec";

import { type BrokerAddress, Fleet } from "./fleet.js";
import { openFileLimit, type ResidentMemory, residentMemory } from "./process-usage.js";
import type { RunOptions } from "./run-options.js";
import type { IdleScenario } from "./scenarios.js";

export interface IdleResult {
  readonly connections: number;
  readonly connectsPerSecond: number;
  /** Undefined when the broker's memory cannot be read. */
  readonly before: ResidentMemory | undefined;
  readonly after: ResidentMemory | undefined;
  readonly bytesPerConnection: number | undefined;
  /** Set when there are fewer connections than asked for. */
  readonly limitedBy: string | undefined;
}

/** Connections that are made and dropped before the first reading, so that the code that they need is not counted. */
const WARMUP_CONNECTIONS = 500;

/** Open files that both sides need beside the connections. */
const SPARE_FILES = 200;

/** Memory counts as settled when two readings this far apart differ by less than a hundredth. */
const SETTLING_MS = 1000;
const SETTLING_ATTEMPTS = 10;

/** Opens connections that say nothing after CONNECT, and reads what they cost the broker's process. */
export async function measureIdleConnections(
  broker: BrokerAddress,
  { connections, version }: IdleScenario,
  options: RunOptions,
): Promise<IdleResult> {
  const { brokerPid } = options;
  const limit = Math.min(...[process.pid, brokerPid].map((pid) => fileLimit(pid) - SPARE_FILES));
  const count = Math.min(connections, limit);

  const before = await memoryBefore(broker, version, Math.min(WARMUP_CONNECTIONS, count), options);
  const fleet = new Fleet(broker, version, options);
  try {
    const startedAt = performance.now();
    await fleet.openMany(count);
    const connectsPerSecond = (count * 1000) / (performance.now() - startedAt);
    const after = await settledMemory(fleet, brokerPid);
    return {
      connections: count,
      connectsPerSecond,
      before,
      after,
      bytesPerConnection: before && after && (after.total - before.total) / count,
      limitedBy: count < connections ? `the limit of ${limit + SPARE_FILES} open files` : undefined,
    };
  } finally {
    fleet.close();
  }
}

async function memoryBefore(
  broker: BrokerAddress,
  version: ProtocolVersion,
  connections: number,
  options: RunOptions,
): Promise<ResidentMemory | undefined> {
  const fleet = new Fleet(broker, version, options);
  try {
    for (const connection of await fleet.openMany(connections)) connection.close();
    return await settledMemory(fleet, options.brokerPid);
  } finally {
    fleet.close();
  }
}

function fileLimit(pid: number | undefined): number {
  return (pid === undefined ? undefined : openFileLimit(pid)) ?? Number.POSITIVE_INFINITY;
}

/** The broker's memory when it has stopped changing: garbage is collected late. */
export async function settledMemory(fleet: Fleet, brokerPid: number | undefined): Promise<ResidentMemory | undefined> {
  let memory = residentMemory(brokerPid);
  for (let i = 0; i < SETTLING_ATTEMPTS && memory; i++) {
    await fleet.sleep(SETTLING_MS);
    const next = residentMemory(brokerPid);
    const isSettled = next !== undefined && Math.abs(next.total - memory.total) < memory.total / 100;
    memory = next;
    if (isSettled) break;
  }
  return memory;
}
