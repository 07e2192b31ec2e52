import { encodeUtf8 } from "@isthmus/bytes";
import type { Packet, ProtocolVersion, PublishPacket } from "../src/codec/index.js";
import { OutboundEntry } from "../src/session/outbound-entry.js";
import type { OutboundTopicAliases } from "../src/session/outbound-topic-aliases.js";
import { Outbox, OutboxMemory } from "../src/session/outbox.js";
import type { Publication } from "../src/session/publication.js";
import {
  type DropReason,
  ServerSession,
  type ServerSessionOptions,
  type SessionLink,
  type SessionObserver,
} from "../src/session/server-session.js";
import { CapturingTransport, packetsOf } from "./server-ladder.js";

/** A message of a test: its topic is its name, its payload as long as the test wants it. */
export interface TestMessage extends Publication {
  readonly name: string;
}

export function testMessage(name: string, rest: Partial<Publication> & { payloadBytes?: number } = {}): TestMessage {
  const { payloadBytes = 1, ...fields } = rest;
  return {
    name,
    topic: name,
    topicBytes: encodeUtf8(name),
    payloadSource: new Uint8Array(payloadBytes),
    payloadStart: 0,
    payloadEnd: payloadBytes,
    propertyBytes: new Uint8Array(0),
    expiresAt: Number.POSITIVE_INFINITY,
    ...fields,
  };
}

/** One connection of the client; what the session sends on it can be taken. */
export class TestLink implements SessionLink {
  readonly outbox = new Outbox(new OutboxMemory());
  readonly version: ProtocolVersion;
  readonly maximumPacketSize: number;
  readonly receiveMaximum: number;
  readonly topicAliases: OutboundTopicAliases | undefined;
  isRoomy = true;
  flushCount = 0;
  readonly #transport = new CapturingTransport();

  constructor(
    options: Partial<Pick<SessionLink, "version" | "maximumPacketSize" | "receiveMaximum" | "topicAliases">> = {},
  ) {
    this.version = options.version ?? 5;
    this.maximumPacketSize = options.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    this.receiveMaximum = options.receiveMaximum ?? 65_535;
    this.topicAliases = options.topicAliases;
  }

  canSend(): boolean {
    return this.isRoomy;
  }

  scheduleFlush(): void {
    this.flushCount++;
  }

  packets(): Packet[] {
    this.outbox.flush(this.#transport);
    return packetsOf(this.#transport.take(), this.version);
  }

  /** In short: `publish a 1 qos1 dup`, `pubrel 1`. */
  sent(): string[] {
    return this.packets().map(inShort);
  }
}

function inShort(packet: Packet): string {
  if (packet.type === "publish") return publishInShort(packet);
  return "packetIdentifier" in packet ? `${packet.type} ${packet.packetIdentifier}` : packet.type;
}

function publishInShort({ topic, packetIdentifier, qos, dup, retain }: PublishPacket): string {
  const parts = ["publish", topic, packetIdentifier, qos > 0 ? `qos${qos}` : undefined];
  if (dup) parts.push("dup");
  if (retain) parts.push("retain");
  return parts.filter((part) => part !== undefined).join(" ");
}

/** A session, what it told its observer, and the test in place of its owner. */
export class SessionLadder implements SessionObserver<TestMessage> {
  readonly session: ServerSession<TestMessage>;
  /** What the observer heard, in short. */
  readonly heard: string[] = [];
  now = 1_000_000;

  constructor(options: Partial<ServerSessionOptions> = {}) {
    this.session = new ServerSession(
      { maxQueuedMessages: 1000, maxQueuedBytes: 1_000_000, maxInFlight: 1000, ...options },
      this,
    );
  }

  attach(options: ConstructorParameters<typeof TestLink>[0] = {}): TestLink {
    const link = new TestLink(options);
    this.session.attach(link, this.now);
    return link;
  }

  offer(qos: 1 | 2, ...messages: (string | TestMessage)[]): void {
    for (const each of messages) {
      const message = typeof each === "string" ? testMessage(each) : each;
      this.session.offer(new OutboundEntry(message, qos, false, undefined, undefined), this.now);
    }
  }

  sendUnacknowledged(message: TestMessage, identifiers?: readonly number[]): boolean {
    return this.session.sendUnacknowledged(message, false, identifiers, this.now);
  }

  puback(packetIdentifier: number): boolean {
    return this.session.handlePuback(packetIdentifier, this.now);
  }

  pubrec(packetIdentifier: number, reasonCode = 0): number | undefined {
    return this.session.handlePubrec(packetIdentifier, reasonCode, this.now);
  }

  pubcomp(packetIdentifier: number): boolean {
    return this.session.handlePubcomp(packetIdentifier, this.now);
  }

  takeHeard(): string[] {
    return this.heard.splice(0);
  }

  handleAccepted({ message }: OutboundEntry<TestMessage>): void {
    this.heard.push(`accepted ${message.name}`);
  }

  handleChanged({ message, state, packetIdentifier }: OutboundEntry<TestMessage>): void {
    this.heard.push(`${state} ${message.name} ${packetIdentifier}`);
  }

  handleSettled({ message }: OutboundEntry<TestMessage>): void {
    this.heard.push(`settled ${message.name}`);
  }

  handleDropped({ name }: TestMessage, reason: DropReason): void {
    this.heard.push(`dropped ${name} ${reason}`);
  }

  handleInbound(packetIdentifier: number, isInUse: boolean): void {
    this.heard.push(`inbound ${packetIdentifier} ${isInUse ? "in use" : "free"}`);
  }
}
