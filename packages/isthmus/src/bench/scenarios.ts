import type { ProtocolVersion, QoS } from "@isthmus/mqtt/codec";

/** Deliveries per second, with as much under way as flow control lets. */
export interface ThroughputScenario {
  readonly type: "throughput";
  /** With as many subscribers as publishers each pair has a topic of its own, else all share one. */
  readonly publishers: number;
  readonly subscribers: number;
  /** Topics that a publisher goes round, message by message; its subscriber has one filter with `#` for them. */
  readonly topicsPerPublisher: number;
  /** Most messages that a QoS 0 publisher hands to the system at a time; the batch that 32 KiB hold if that is less. */
  readonly messagesPerWrite: number;
  readonly qos: QoS;
  readonly payloadSize: number;
  readonly version: ProtocolVersion;
  /** Subscribers have sessions that outlive their connections: a broker with a store has to store what is for them. */
  readonly isDurable: boolean;
}

/** Time from publishing to delivery, with a single message under way. */
export interface LatencyScenario {
  readonly type: "latency";
  readonly qos: 0 | 1;
  readonly payloadSize: number;
  readonly version: ProtocolVersion;
}

/** Connections accepted per second, each from connect to CONNACK and then gone. */
export interface ConnectStormScenario {
  readonly type: "connect-storm";
  /** Connections that are being made at a time. */
  readonly concurrency: number;
  readonly version: ProtocolVersion;
}

/** The broker's memory for connections that say nothing. */
export interface IdleScenario {
  readonly type: "idle";
  readonly connections: number;
  readonly version: ProtocolVersion;
}

/** Time and memory for many subscriptions, and deliveries per second among them. */
export interface SubscriptionsScenario {
  readonly type: "subscriptions";
  /** Seven in ten exact, two with `+`, one with `#`; each matches one topic of its own. */
  readonly subscriptions: number;
  /** Connections that hold them. */
  readonly subscribers: number;
  readonly publishers: number;
  readonly payloadSize: number;
  readonly version: ProtocolVersion;
}

export type Scenario =
  | ThroughputScenario
  | LatencyScenario
  | ConnectStormScenario
  | IdleScenario
  | SubscriptionsScenario;

const PAIR: ThroughputScenario = {
  type: "throughput",
  publishers: 1,
  subscribers: 1,
  topicsPerPublisher: 1,
  messagesPerWrite: 1000,
  qos: 0,
  payloadSize: 64,
  version: 4,
  isDurable: false,
};
const PAIRS: ThroughputScenario = { ...PAIR, publishers: 10, subscribers: 10 };
const FAN_OUT: ThroughputScenario = { ...PAIR, subscribers: 100 };
const FAN_IN: ThroughputScenario = { ...PAIR, publishers: 100 };

/** What `isthmus bench mqtt --scenario` takes. 64 bytes of payload, QoS 0 and MQTT 3.1.1 unless the name says more. */
export const SCENARIOS = {
  "1:1": PAIR,
  "10:10": PAIRS,
  "fan-out": FAN_OUT,
  "fan-in": FAN_IN,
  // Neighbouring messages differ in topic: no broker can treat a run of them as one.
  "many-topics": { ...PAIRS, topicsPerPublisher: 1000 },
  // One system call a message on both sides, as from a hundred clients that have one thing to say at a time.
  "single-writes": { ...PAIR, publishers: 100, subscribers: 100, messagesPerWrite: 1 },
  "1:1-qos1": { ...PAIR, qos: 1 },
  "1:1-qos2": { ...PAIR, qos: 2 },
  "10:10-qos1": { ...PAIRS, qos: 1 },
  "10:10-qos2": { ...PAIRS, qos: 2 },
  "fan-out-qos1": { ...FAN_OUT, qos: 1 },
  "fan-in-qos1": { ...FAN_IN, qos: 1 },
  "payload-16": { ...PAIR, payloadSize: 16 },
  "payload-1k": { ...PAIR, payloadSize: 1024 },
  "payload-16k": { ...PAIR, payloadSize: 16 * 1024 },
  "payload-1m": { ...PAIR, payloadSize: 1024 * 1024 },
  "10:10-v5": { ...PAIRS, version: 5 },
  "fan-out-v5": { ...FAN_OUT, version: 5 },
  "10:10-qos1-v5": { ...PAIRS, qos: 1, version: 5 },
  "many-topics-v5": { ...PAIRS, topicsPerPublisher: 1000, version: 5 },
  "10:10-qos2-v5": { ...PAIRS, qos: 2, version: 5 },
  // What is acknowledged has to be stored first, if the broker promises that.
  "durable-qos1": { ...PAIR, publishers: 16, subscribers: 16, qos: 1, isDurable: true },
  "durable-qos2": { ...PAIR, publishers: 16, subscribers: 16, qos: 2, isDurable: true },
  "latency-qos0": { type: "latency", qos: 0, payloadSize: 64, version: 4 },
  "latency-qos1": { type: "latency", qos: 1, payloadSize: 64, version: 4 },
  "connect-storm": { type: "connect-storm", concurrency: 50, version: 4 },
  idle: { type: "idle", connections: 20_000, version: 4 },
  subscriptions: {
    type: "subscriptions",
    subscriptions: 1_000_000,
    subscribers: 100,
    publishers: 10,
    payloadSize: 64,
    version: 4,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** The scenario of that name. @throws RangeError with the names that there are. */
export function findScenario(name: string): Scenario {
  if (!Object.hasOwn(SCENARIOS, name)) {
    throw new RangeError(`no scenario "${name}"; there are ${Object.keys(SCENARIOS).join(", ")}`);
  }
  // `hasOwn` has just told that it is one of the table's names.
  return SCENARIOS[name as ScenarioName];
}
