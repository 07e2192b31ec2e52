import { Histogram } from "./prometheus/histogram.js";

/** A count for each QoS. */
export type CountByQoS = [qos0: number, qos1: number, qos2: number];

/** Where messages come in and go out; `hub` is the hub itself: status topics, the management API. */
export const DOORS = ["mqtt", "coap", "http", "hub"] as const;
export type DoorName = (typeof DOORS)[number];

/** What has passed one door. */
export class Traffic {
  readonly messagesReceived: CountByQoS = [0, 0, 0];
  readonly messagesSent: CountByQoS = [0, 0, 0];
  /** As the network carried them, below TLS and WebSocket frames. */
  bytesReceived = 0;
  bytesSent = 0;
  payloadBytesReceived = 0;
  payloadBytesSent = 0;
  /** MQTT packets of all kinds, CoAP messages, HTTP requests. */
  packetsReceived = 0;
  packetsSent = 0;
}

/** What the hub counts, since its start. Plain numbers: counting must cost nothing. */
export class Metrics {
  connectionsOpened = 0;
  connectionsOpen = 0;
  /** Connections whose CONNECT was accepted. */
  clientsAccepted = 0;
  /** By the name of the reason code, or what else it was. */
  readonly connectionsRefused = new CountByReason();
  sessions = 0;
  /** Sessions that ended because nobody came back for them. */
  sessionsExpired = 0;
  readonly traffic: Readonly<Record<DoorName, Traffic>> = {
    mqtt: new Traffic(),
    coap: new Traffic(),
    http: new Traffic(),
    hub: new Traffic(),
  };
  /** Messages that did not reach a receiver, by reason. */
  readonly messagesDropped = {
    "queue-full": 0,
    "too-large": 0,
    expired: 0,
    "slow-receiver": 0,
    "refused-by-client": 0,
    "not-authorized": 0,
    superseded: 0,
    "not-encodable": 0,
  };
  /** Messages that were not taken from their publisher. */
  readonly messagesRefused = new CountByReason();
  readonly subscriptionsRefused = new CountByReason();
  /** Messages that were delivered and not kept, for want of room. */
  retainedRefused = 0;
  publishersPaused = 0;
  /** From the end of a turn to the moment when its batch is safe, in seconds. */
  readonly storeCommit = new Histogram([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]);

  /** Messages that came in, by all doors. */
  get messagesReceived(): number {
    return this.sum(({ messagesReceived: [qos0, qos1, qos2] }) => qos0 + qos1 + qos2);
  }

  /** Messages that went out, by all doors. */
  get messagesSent(): number {
    return this.sum(({ messagesSent: [qos0, qos1, qos2] }) => qos0 + qos1 + qos2);
  }

  /** Messages that did not reach a receiver, for whatever reason. */
  get messagesLost(): number {
    return Object.values(this.messagesDropped).reduce((total, count) => total + count, 0);
  }

  /** `count` of all doors. */
  sum(count: (traffic: Traffic) => number): number {
    return DOORS.reduce((total, door) => total + count(this.traffic[door]), 0);
  }

  /** The traffic of the door that a message came in by. */
  trafficOf(door: string): Traffic {
    return this.traffic[DOORS.find((name) => name === door) ?? "hub"];
  }
}

/** How often something has happened, for each reason. Reasons are words of ours, never text of a peer's. */
export class CountByReason implements Iterable<readonly [reason: string, count: number]> {
  readonly #countByReason = new Map<string, number>();

  get total(): number {
    let total = 0;
    for (const count of this.#countByReason.values()) total += count;
    return total;
  }

  add(reason: string): void {
    this.#countByReason.set(reason, this.get(reason) + 1);
  }

  get(reason: string): number {
    return this.#countByReason.get(reason) ?? 0;
  }

  [Symbol.iterator](): Iterator<readonly [reason: string, count: number]> {
    return this.#countByReason[Symbol.iterator]();
  }
}
