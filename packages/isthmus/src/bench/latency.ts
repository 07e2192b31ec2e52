import type { RunOptions } from "./run-options.js";
import { performance } from "node:perf_hooks";

import { PacketTypeCode, writePuback } from "@isthmus/mqtt/codec";

import { AcknowledgementBuffer } from "./acknowledgement-buffer.js";
import type { BenchConnection, ConnectionRole } from "./bench-connection.js";
import { type BrokerAddress, Fleet } from "./fleet.js";
import { publishFrames } from "./frames.js";
import { takeUsage, type UsageShare, usageBetween } from "./process-usage.js";
import type { LatencyScenario } from "./scenarios.js";

/** Times from publishing to delivery, in microseconds. */
export interface LatencyDistribution {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LatencyWindow extends UsageShare {
  readonly latency: LatencyDistribution;
}

/** Sends one message at a time from one connection to another, and times each. */
export async function measureLatency(
  broker: BrokerAddress,
  scenario: LatencyScenario,
  options: RunOptions,
): Promise<LatencyWindow[]> {
  const { warmupMs, windowMs, repeat, brokerPid } = options;
  const fleet = new Fleet(broker, scenario.version, options);
  try {
    const topic = `bench/${fleet.runName}`;
    const subscriber = await fleet.open();
    await fleet.during(subscriber.subscribe([topic], scenario.qos));
    const exchange = new LoneExchange(
      await fleet.open(),
      subscriber,
      publishFrames([topic], scenario).bytes,
      scenario.qos,
    );

    exchange.start();
    await fleet.sleep(warmupMs);
    const windows: LatencyWindow[] = [];
    for (let i = 0; i < repeat; i++) {
      exchange.takeSamples();
      const from = takeUsage(brokerPid);
      await fleet.sleep(windowMs);
      windows.push({ ...usageBetween(from, takeUsage(brokerPid)), latency: distributionOf(exchange.takeSamples()) });
    }
    return windows;
  } finally {
    fleet.close();
  }
}

/** The next message goes out when the one before it has been delivered and, with QoS 1, acknowledged. */
class LoneExchange {
  readonly #publisher: BenchConnection;
  readonly #frame: Uint8Array;
  #samples: number[] = [];
  #sentAt = 0;
  /** What the message under way still waits for: its delivery and, with QoS 1, its PUBACK. */
  #awaited = 0;
  readonly #stepsPerMessage: number;

  constructor(publisher: BenchConnection, subscriber: BenchConnection, frame: Uint8Array, qos: 0 | 1) {
    this.#publisher = publisher;
    this.#frame = frame;
    this.#stepsPerMessage = 1 + qos;
    publisher.role = this.#publisherRole();
    subscriber.role = this.#subscriberRole(subscriber);
  }

  start(): void {
    this.#awaited = this.#stepsPerMessage;
    this.#sentAt = performance.now();
    this.#publisher.socket.write(this.#frame);
  }

  /** The times since this was last called, in microseconds. */
  takeSamples(): number[] {
    const taken = this.#samples;
    this.#samples = [];
    return taken;
  }

  #finishStep(): void {
    if (--this.#awaited === 0) this.start();
  }

  #subscriberRole(subscriber: BenchConnection): ConnectionRole {
    const acknowledgements = new AcknowledgementBuffer();
    return {
      receivePublish: (qos, packetIdentifier) => {
        this.#samples.push((performance.now() - this.#sentAt) * 1000);
        if (qos === 1) acknowledgements.append(writePuback, packetIdentifier);
        acknowledgements.flush(subscriber.socket);
        this.#finishStep();
      },
      receiveAcknowledgement: (typeCode) => {
        throw new Error(`packet type ${typeCode} on a connection that subscribes`);
      },
      endChunk: () => {},
      drain: () => {},
    };
  }

  #publisherRole(): ConnectionRole {
    return {
      receivePublish: () => {
        throw new Error("a PUBLISH on a connection that has no subscription");
      },
      receiveAcknowledgement: (typeCode) => {
        if (typeCode !== PacketTypeCode.puback) throw new Error(`packet type ${typeCode} for a PUBLISH of QoS 1`);
        this.#finishStep();
      },
      endChunk: () => {},
      drain: () => {},
    };
  }
}

/** The distribution of some times; all zero when there are none. */
export function distributionOf(samples: readonly number[]): LatencyDistribution {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
