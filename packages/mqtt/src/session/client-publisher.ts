import type { Instant } from "@isthmus/machine";
import type { AcknowledgementPacket } from "../codec/packets.js";
import { ReasonCode } from "../codec/reason-codes.js";
import { MessageExpiredError, QueueFullError, RefusedError, SessionLostError } from "./client-errors.js";
import { type OutboundMessage, QUEUED_MESSAGE_OVERHEAD_BYTES, type SessionPort } from "./client-session-types.js";
import { Fifo } from "./fifo.js";
import { type InFlight, OutboundWindow } from "./outbound-window.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import type { ServerLimits } from "./server-limits.js";
import { OutboundTopicAliases } from "./outbound-topic-aliases.js";

/** A message that the session was given and has not settled: what {@link ClientPublisher.cancel} takes. */
export interface PendingMessage<C> {
  readonly message: OutboundMessage;
  readonly context: C;
  readonly queuedAt: Instant;
  /** What it counts for in the queue; 0 once it has left it. */
  queuedBytes: number;
}

/**
 * The publishing half of a client session: what waits to be sent, what is in flight, and what becomes of both when
 * the connection breaks.
 */
export class ClientPublisher<C> {
  readonly #port: SessionPort<C>;
  readonly #window: OutboundWindow<PendingMessage<C>>;
  readonly #queueLimitBytes: number;
  readonly #usesTopicAliases: boolean;
  /** Waiting for a connection. */
  readonly #qos0Queue = new Fifo<PendingMessage<C>>();
  /** Waiting for a connection, or for room in the window. */
  readonly #queue = new Fifo<PendingMessage<C>>();
  #queuedBytes = 0;
  #aliases = new OutboundTopicAliases(0);
  /** Undefined while there is no connection. */
  #limits: ServerLimits | undefined;

  constructor(
    port: SessionPort<C>,
    identifiers: PacketIdentifiers,
    { queueLimitBytes, usesTopicAliases }: { queueLimitBytes: number; usesTopicAliases: boolean },
  ) {
    this.#port = port;
    this.#window = new OutboundWindow(identifiers);
    this.#queueLimitBytes = queueLimitBytes;
    this.#usesTopicAliases = usesTopicAliases;
  }

  /** Messages that are not settled yet. */
  get pendingCount(): number {
    return this.#window.size + this.#queue.length + this.#qos0Queue.length;
  }

  /** The connection is accepted: sends again what was in flight, then what waited. */
  open(now: Instant, limits: ServerLimits, isSessionPresent: boolean): void {
    this.#limits = limits;
    this.#aliases = new OutboundTopicAliases(this.#usesTopicAliases ? limits.topicAliasMaximum : 0);
    if (!isSessionPresent) this.#loseSession();
    this.#window.open(limits.receiveMaximum);
    for (const pending of this.#qos0Queue.takeAll()) this.#sendQueued(now, pending);
    this.#advance(now);
  }

  close(): void {
    this.#limits = undefined;
  }

  /**
   * Sends a message now or as soon as it can be.
   *
   * @returns undefined for a QoS 0 message that is sent: no event follows. Otherwise one does.
   * @throws QueueFullError when it would have to wait and there is no room.
   * @throws RefusedError when the server does not take such a message.
   * @throws RangeError, TypeError, TopicSyntaxError when it cannot be encoded.
   */
  publish(now: Instant, message: OutboundMessage, context: C): PendingMessage<C> | undefined {
    if (this.#usesTopicAliases && message.properties?.topicAlias !== undefined) {
      throw new TypeError("properties.topicAlias is the session's to set, unless usesTopicAliases is false");
    }
    if (message.properties?.subscriptionIdentifiers !== undefined) {
      throw new TypeError("properties.subscriptionIdentifiers is the server's to set"); // [MQTT-3.3.4-6]
    }
    const limits = this.#limits;
    if (limits) this.#checkAllowed(message, limits);
    if (limits && message.qos === 0) {
      this.#sendPublish(message, undefined, false);
      return undefined;
    }
    const pending = { message, context, queuedAt: now, queuedBytes: 0 };
    if (!limits || this.#queue.length > 0 || !this.#sendFirst(pending)) this.#enqueue(pending);
    return pending;
  }

  /** Takes back a message that was not sent yet: no event follows. @returns false when it is too late. */
  cancel(pending: PendingMessage<C>): boolean {
    if (pending.queuedBytes === 0) return false;
    this.#leaveQueue(pending);
    return true;
  }

  /** PUBACK, PUBREC or PUBCOMP came in. */
  receiveAcknowledgement(now: Instant, packet: AcknowledgementPacket): void {
    const completed = this.#receive(packet);
    if (completed) this.#port.emit({ type: "completed", context: completed.context, packet });
    this.#advance(now);
  }

  /** Nothing will be sent any more: fails all that is not settled. */
  abandon(error: Error): void {
    for (const { message } of this.#window.clear()) this.#fail(message, error);
    for (const queue of [this.#qos0Queue, this.#queue]) {
      for (const pending of queue.takeAll()) if (this.#leaveQueue(pending)) this.#fail(pending, error);
    }
  }

  #receive({ type, packetIdentifier, reasonCode }: AcknowledgementPacket): PendingMessage<C> | undefined {
    if (type === "puback") return this.#window.receivePuback(packetIdentifier);
    if (type === "pubcomp") return this.#window.receivePubcomp(packetIdentifier);
    const { pubrel, refused } = this.#window.receivePubrec(packetIdentifier, reasonCode);
    if (pubrel) this.#sendPubrel(packetIdentifier, pubrel === "found");
    return refused;
  }

  /** Sends what the window has room for: first what is to be sent again, then what waits. */
  #advance(now: Instant): void {
    for (let entry = this.#window.nextRedelivery(); entry; entry = this.#window.nextRedelivery())
      this.#sendAgain(entry);
    while (this.#window.canSend) {
      const pending = this.#queue.peek();
      if (!pending) return;
      if (!this.#sendQueued(now, pending)) return;
      this.#queue.shift();
    }
  }

  /** @returns false when it has to wait on. */
  #sendQueued(now: Instant, pending: PendingMessage<C>): boolean {
    if (pending.queuedBytes === 0) return true; // Cancelled.
    try {
      const message = withoutWaitingTime(pending, now);
      if (this.#limits) this.#checkAllowed(message, this.#limits);
      if (message.qos === 0) {
        this.#sendPublish(message, undefined, false);
        this.#port.emit({ type: "completed", context: pending.context, packet: undefined });
      } else if (!this.#sendFirst({ ...pending, message, queuedAt: now, queuedBytes: 0 })) return false;
    } catch (error) {
      this.#fail(pending, asError(error));
    }
    this.#leaveQueue(pending);
    return true;
  }

  /** Sends a QoS 1 or 2 message for the first time, if the window has room. */
  #sendFirst(pending: PendingMessage<C>): boolean {
    const { qos } = pending.message;
    if (qos === 0 || !this.#window.canSend) return false;
    const packetIdentifier = this.#window.add(pending, qos);
    if (packetIdentifier === undefined) return false;
    try {
      this.#sendPublish(pending.message, packetIdentifier, false);
    } catch (error) {
      this.#window.withdraw(packetIdentifier);
      throw error;
    }
    return true;
  }

  #sendAgain({ packetIdentifier, message: pending, awaits }: InFlight<PendingMessage<C>>): void {
    if (awaits === "pubcomp") {
      this.#sendPubrel(packetIdentifier, true);
      return;
    }
    try {
      this.#sendPublish(pending.message, packetIdentifier, true); // [MQTT-3.3.1-1]
    } catch (error) {
      // The server takes smaller packets than on the last connection.
      this.#window.withdraw(packetIdentifier);
      this.#fail(pending, asError(error));
    }
  }

  #sendPublish(message: OutboundMessage, packetIdentifier: number | undefined, dup: boolean): void {
    const packet = { type: "publish", dup, packetIdentifier, ...message } as const;
    const alias = message.properties?.topicAlias === undefined ? this.#aliases.choose(message.topic) : undefined;
    if (!alias) return this.#port.send(packet);
    const topic = alias.isEstablished ? "" : message.topic;
    this.#port.send({ ...packet, topic, properties: { ...message.properties, topicAlias: alias.topicAlias } });
    alias.isEstablished = true;
  }

  #sendPubrel(packetIdentifier: number, isFound: boolean): void {
    const reasonCode = isFound ? ReasonCode.success : ReasonCode.packetIdentifierNotFound;
    this.#port.send({ type: "pubrel", packetIdentifier, reasonCode });
  }

  #enqueue(pending: PendingMessage<C>): void {
    const { message } = pending;
    // Encoded only to be checked while the caller can still be told.
    const packetIdentifier = message.qos === 0 ? undefined : 1;
    const bytes = this.#port.sizeOf({ type: "publish", dup: false, packetIdentifier, ...message });
    const queuedBytes = bytes + QUEUED_MESSAGE_OVERHEAD_BYTES;
    if (this.#queuedBytes + queuedBytes > this.#queueLimitBytes) {
      throw new QueueFullError(
        `${this.#queuedBytes} bytes wait to be sent; ${queuedBytes} more exceed the limit of ${this.#queueLimitBytes}`,
      );
    }
    this.#joinQueue(pending, queuedBytes);
  }

  #joinQueue(pending: PendingMessage<C>, queuedBytes: number): void {
    pending.queuedBytes = queuedBytes;
    this.#queuedBytes += queuedBytes;
    (pending.message.qos === 0 ? this.#qos0Queue : this.#queue).push(pending);
  }

  /** @returns whether it was in the queue: false for one that was cancelled. */
  #leaveQueue(pending: PendingMessage<C>): boolean {
    const { queuedBytes } = pending;
    this.#queuedBytes -= queuedBytes;
    pending.queuedBytes = 0;
    return queuedBytes > 0;
  }

  /**
   * The server knows nothing of what was in flight. [MQTT-3.2.2-5]
   *
   * A QoS 1 message is published anew, before what waits. A QoS 2 message might have been delivered: publishing it
   * anew could deliver it twice.
   */
  #loseSession(): void {
    const lost = this.#window.clear().map(({ message }) => message);
    const waiting = this.#queue.takeAll();
    for (const pending of lost) {
      if (pending.message.qos === 1) this.#joinQueue(pending, QUEUED_MESSAGE_OVERHEAD_BYTES);
      else
        this.#fail(
          pending,
          new SessionLostError(`the server lost the session while ${describe(pending)} was in flight`),
        );
    }
    for (const pending of waiting) this.#queue.push(pending);
  }

  /** @throws RefusedError with the code that the server would answer. */
  #checkAllowed({ qos, retain, properties }: OutboundMessage, limits: ServerLimits): void {
    // [MQTT-3.2.2-11]
    if (qos > limits.maximumQoS) {
      throw new RefusedError(`the server takes no QoS above ${limits.maximumQoS}`, ReasonCode.qosNotSupported);
    }
    // [MQTT-3.2.2-14]
    if (retain && !limits.isRetainAvailable) {
      throw new RefusedError("the server keeps no retained messages", ReasonCode.retainNotSupported);
    }
    // [MQTT-3.3.2-9]
    const topicAlias = properties?.topicAlias ?? 0;
    if (topicAlias > limits.topicAliasMaximum) {
      throw new RefusedError(
        `topic alias ${topicAlias} exceeds the server's maximum of ${limits.topicAliasMaximum}`,
        ReasonCode.topicAliasInvalid,
      );
    }
  }

  #fail({ context }: PendingMessage<C>, error: Error): void {
    this.#port.emit({ type: "failed", context, error });
  }
}

/** The message with the time that it waited taken off its message expiry interval. */
function withoutWaitingTime<C>(pending: PendingMessage<C>, now: Instant): OutboundMessage {
  const { message, queuedAt } = pending;
  const interval = message.properties?.messageExpiryInterval;
  if (interval === undefined) return message;
  const left = interval - Math.floor((now - queuedAt) / 1000);
  if (left <= 0) throw new MessageExpiredError(`${describe(pending)} expired after ${interval} s in the queue`);
  return { ...message, properties: { ...message.properties, messageExpiryInterval: left } };
}

function describe({ message }: PendingMessage<unknown>): string {
  return `the QoS ${message.qos} message to ${JSON.stringify(message.topic)}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
