import { VirtualClock } from "@isthmus/testing";
import { decodePacket, encodePacket, type Packet } from "../src/codec/index.js";
import { ClientSession } from "../src/session/client-session.js";
import type { ClientSessionEvent, ClientSessionOptions, OutboundMessage } from "../src/session/client-session-types.js";

/** A client session and the test as its server: what the client sends is decoded, what the test answers encoded. */
export class Ladder {
  readonly clock = new VirtualClock();
  readonly session: ClientSession<string>;
  readonly #version: 3 | 4 | 5;

  constructor(options: Partial<ClientSessionOptions> = {}) {
    this.#version = options.protocolVersion ?? 5;
    this.session = new ClientSession({
      protocolVersion: 5,
      clientId: "c",
      cleanStart: true,
      keepAlive: 60,
      ...options,
    });
  }

  /** Opens a connection up to CONNACK and returns the CONNECT. */
  connect(connack: Partial<Extract<Packet, { type: "connack" }>> = {}): Packet | undefined {
    this.session.connect(this.clock.now);
    const [connect] = this.sent();
    this.reply({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack });
    return connect;
  }

  /** The connection breaks, and the next one opens up to CONNACK. */
  reconnect(connack: Partial<Extract<Packet, { type: "connack" }>> = {}): Packet | undefined {
    this.session.handleClose(this.clock.now);
    return this.connect(connack);
  }

  /** What the client has sent since the last call. */
  sent(): Packet[] {
    return this.session.takeTransmits().map((bytes) => decodePacket(bytes, 0, bytes.length, this.#version));
  }

  /** As {@link sent}, in short: `publish 1 dup`. */
  sentInShort(): string[] {
    return this.sent().map(inShort);
  }

  reply(...packets: Packet[]): void {
    for (const packet of packets) {
      this.session.receiveBytes(this.clock.now, encodePacket(packet, this.#version));
    }
  }

  events(): ClientSessionEvent<string>[] {
    return this.session.takeEvents();
  }

  publish(qos: 0 | 1 | 2, topic: string, rest: Partial<OutboundMessage> = {}): void {
    const message = { topic, payload: new TextEncoder().encode(topic), qos, retain: false, properties: undefined };
    this.session.publish(this.clock.now, { ...message, ...rest }, topic);
  }

  subscribe(...topicFilters: string[]): void {
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = topicFilters.map((topicFilter) => ({ topicFilter, ...options }));
    this.session.request(this.clock.now, { type: "subscribe", subscriptions }, topicFilters.join());
  }

  /** Lets time pass, step by step through the deadlines. */
  advance(milliseconds: number): void {
    const until = this.clock.now + milliseconds;
    for (let at = this.session.nextDeadline(); at <= until; at = this.session.nextDeadline()) {
      this.clock.advanceTo(Math.max(at, this.clock.now));
      this.session.handleTimeout(this.clock.now);
    }
    this.clock.advanceTo(until);
  }
}

export function inShort(packet: Packet): string {
  const parts: (string | number)[] = [packet.type];
  if ("packetIdentifier" in packet && packet.packetIdentifier !== undefined) parts.push(packet.packetIdentifier);
  if (packet.type === "publish" && packet.dup) parts.push("dup");
  if ("reasonCode" in packet && packet.reasonCode > 0) parts.push(`0x${packet.reasonCode.toString(16)}`);
  return parts.join(" ");
}

export function acknowledgement(
  type: "puback" | "pubrec" | "pubrel" | "pubcomp",
  packetIdentifier: number,
  reasonCode = 0,
): Packet {
  return { type, packetIdentifier, reasonCode };
}

export function inboundPublish(qos: 0 | 1 | 2, packetIdentifier?: number, rest: object = {}): Packet {
  const payload = new TextEncoder().encode("x");
  return { type: "publish", topic: "t", payload, qos, retain: false, dup: false, packetIdentifier, ...rest };
}
