import type { Delivery, FrameRun, Message, Origin, Receiver, Subscription } from "@isthmus/exchange";
import type { QoS } from "@isthmus/mqtt/codec";
import { type DropReason, Fifo, OutboundEntry, ServerSession, type SessionObserver } from "@isthmus/mqtt/session";
import type { Identity } from "../../access/access.js";
import { LossTrace } from "../../loss-trace.js";
import type { Congestible } from "./back-pressure.js";
import type { MqttConnection } from "./mqtt-connection.js";
import type { MqttDoor } from "./mqtt-door.js";
import { type MqttMessage, toMqttMessage } from "./mqtt-message.js";
import type { SessionJournal } from "./session-journal.js";

/** Retained messages that a new subscription is still to get, and what it asked for. */
export interface Backlog {
  /** Undefined where the search for them may pause. */
  readonly messages: Iterator<Message | undefined>;
  readonly subscription: Subscription;
  /** True when the rest is no longer wanted. */
  isDropped: boolean;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** How full the queue of a client is when its publishers are made to wait, and when they are let go on. */
const HOLD_FILL = 1 / 2;
const RELIEF_FILL = 1 / 4;

/**
 * One MQTT session as the exchange sees it: a receiver of messages, connected or away. It lives from the first CONNECT
 * with its client identifier until its expiry.
 */
export class MqttSession implements Receiver, Congestible, SessionObserver<MqttMessage> {
  readonly clientId: string;
  readonly origin: Origin;
  readonly flow: ServerSession<MqttMessage>;
  /** By the filter as the client wrote it, share prefix included. */
  readonly subscriptionByFilter = new Map<string, Subscription>();
  /** How long the session outlives its connection; Infinity for ever. */
  expiryMs = 0;
  isLagging = false;
  isHolding = false;
  /** Whether it was told that messages are dropped. */
  #isOverflowing = false;
  connection: MqttConnection | undefined;
  readonly #door: MqttDoor;
  #identity: Identity | undefined;
  /** The version of the rules that what waits was checked against. */
  #accessVersion = 0;
  /** Made when first needed, as the map is: most sessions never need them. */
  #backlogs: Fifo<Backlog> | undefined;
  #isPumpDue = false;
  #backlogBySubscription: Map<Subscription, Backlog> | undefined;
  #losses: LossTrace | undefined;

  constructor(clientId: string, door: MqttDoor) {
    this.clientId = clientId;
    this.#door = door;
    this.origin = { door: "mqtt", name: clientId, receiver: this };
    this.flow = new ServerSession(door.options, this);
  }

  get isOnline(): boolean {
    return this.connection !== undefined && !this.isLagging;
  }

  /**
   * Who the session belongs to from now on, or may be asked again what they may read: what waits and is no longer for
   * them is dropped.
   */
  setIdentity(identity: Identity): void {
    const { access, exchange } = this.#door;
    const hasMoved = this.#identity === undefined || !isSame(this.#identity, identity);
    if (!hasMoved && this.#accessVersion === access.version) return;
    this.#identity = identity;
    this.#accessVersion = access.version;
    if (hasMoved && this.subscriptionByFilter.size > 0) exchange.forgetRoutes();
    this.flow.withdraw(({ topic }) => this.mayReceive(topic));
  }

  /** Whose it is; undefined until somebody comes for it after a restart. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Until somebody comes for it after a restart, everything that its subscriptions match is kept. */
  mayReceive(topic: string): boolean {
    return this.#identity === undefined || this.#door.access.mayRead(this.#identity, this.#door.subjectOf(topic));
  }

  /** Where it is written down; undefined while it ends with its connection, or nothing is written down at all. */
  get journal(): SessionJournal | undefined {
    return this.expiryMs > 0 ? this.#door.journal : undefined;
  }

  /** What this client lost lately; undefined when it has lost nothing. */
  get losses(): LossTrace | undefined {
    return this.#losses;
  }

  /** Sends QoS 0 frames on as they came in, if they are in the wire form of this client. */
  forward(run: FrameRun, delivery: Delivery): boolean {
    const { connection } = this;
    // QoS 0 messages do not wait for a client that is away (4.1).
    if (connection === undefined) return true;
    if (run.form !== connection.form || run.largestFrameBytes > connection.maximumPacketSize) return false;
    // With an identifier or an alias the frame is another one.
    if (delivery.identifiers !== undefined || connection.topicAliases !== undefined) return false;
    if (!connection.isRoomy && !this.#isRoomMade(connection, run.origin)) {
      this.#door.metrics.messagesDropped["slow-receiver"] += run.count;
      this.#traceLoss(run.topic.name, "slow-receiver", run.count);
      return true;
    }
    connection.outbox.append(run.source, run.start, run.end);
    connection.scheduleFlush();
    this.#door.countSent(0, run.count, run.payloadBytes);
    return true;
  }

  deliver(message: Message, delivery: Delivery): void {
    const qos = message.qos < delivery.qos ? message.qos : delivery.qos;
    const retain = delivery.retainAsPublished && message.retain;
    const encoded = this.#encode(message);
    if (encoded !== undefined) this.#send(encoded, qos, retain, delivery.identifiers, delivery);
  }

  /** Sends the retained messages that match new subscriptions, as fast as the client takes them. */
  deliverRetained(backlogs: readonly Backlog[]): void {
    for (const backlog of backlogs) {
      (this.#backlogs ??= new Fifo()).push(backlog);
      (this.#backlogBySubscription ??= new Map()).set(backlog.subscription, backlog);
    }
    this.#pumpBacklogs();
  }

  /** The retained messages that `subscription` is still to get are no longer wanted. */
  dropBacklog(subscription: Subscription): void {
    const backlog = this.#backlogBySubscription?.get(subscription);
    if (backlog !== undefined) backlog.isDropped = true;
  }

  /** The client can take more: goes on with what waits. */
  pump(): void {
    this.flow.pump(this.#door.clock.epoch);
    this.#pumpBacklogs();
    if (this.#isCaughtUp()) this.#door.backPressure.relieve(this);
  }

  attach(connection: MqttConnection): void {
    this.connection = connection;
    this.#isOverflowing = false;
    this.flow.attach(connection, this.#door.clock.epoch);
    this.#pumpBacklogs();
  }

  detach(): void {
    this.connection = undefined;
    this.flow.detach();
    this.releaseBuffers();
    this.#door.backPressure.relieve(this);
  }

  /** What is in flight lets go of the network buffers that it came in: it may stay for long. */
  releaseBuffers(): void {
    if (this.flow.inFlightCount > 0) this.flow.detachInFlight(detach);
  }

  handleAccepted(entry: OutboundEntry<MqttMessage>): void {
    this.journal?.noteChange(this, entry);
  }

  handleChanged(entry: OutboundEntry<MqttMessage>): void {
    // Released is the second step of a QoS 2 message that was counted.
    if (entry.state === "published") this.#door.countSent(entry.qos, 1, entry.message.payloadBytes);
    this.#noteChange(entry);
  }

  handleSettled(entry: OutboundEntry<MqttMessage>): void {
    this.journal?.noteSettled(this, entry);
    if ((this.isLagging || this.isHolding) && this.#isCaughtUp()) this.#door.backPressure.relieve(this);
  }

  handleDropped(message: MqttMessage, reason: DropReason): void {
    this.#door.metrics.messagesDropped[reason]++;
    this.#traceLoss(message.topic, reason, 1);
    this.#door.log.debug({ client: this.clientId, topic: message.topic, reason }, "message dropped");
    if (reason === "queue-full" && !this.#isOverflowing) this.#warnOfOverflow();
  }

  /** Once for each time that the client is away or behind: thousands may follow. */
  #warnOfOverflow(): void {
    this.#isOverflowing = true;
    const { maxQueuedMessages, maxQueuedBytes, queueFullPolicy: policy } = this.#door.options;
    this.#door.log.warn(
      { client: this.clientId, waiting: this.flow.waitingCount, maxQueuedMessages, maxQueuedBytes, policy },
      "the queue of a client is full: messages are dropped",
    );
  }

  handleInbound(packetIdentifier: number, isInUse: boolean): void {
    this.journal?.noteInbound(this, packetIdentifier, isInUse);
  }

  /** The client must not see a step of QoS 2 that a crash would take back: it would be delivered twice. */
  #noteChange(entry: OutboundEntry<MqttMessage>): void {
    if (this.journal === undefined) return;
    this.journal.noteChange(this, entry);
    this.connection?.storeFirst();
  }

  #send(
    message: MqttMessage,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    delivery: Delivery | undefined,
  ): void {
    const now = this.#door.clock.epoch;
    if (message.expiresAt <= now) this.handleDropped(message, "expired");
    else if (qos === 0) this.#sendUnacknowledged(message, retain, identifiers, now);
    else this.#offer(message, qos, retain, identifiers, delivery, now);
  }

  #sendUnacknowledged(
    message: MqttMessage,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    now: number,
  ): void {
    const { connection } = this;
    if (connection === undefined) return;
    if (!connection.isRoomy && !this.#isRoomMade(connection, message.origin)) {
      this.handleDropped(message, "slow-receiver");
      return;
    }
    const isSent = this.flow.sendUnacknowledged(message, retain, identifiers, now);
    if (isSent) this.#door.countSent(0, 1, message.payloadBytes);
  }

  #offer(
    message: MqttMessage,
    qos: 1 | 2,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    delivery: Delivery | undefined,
    now: number,
  ): void {
    // What waits owns its bytes; what leaves at once need not.
    const kept = this.flow.isReady ? message : message.detach();
    this.flow.offer(new OutboundEntry(kept, qos, retain, identifiers, delivery?.group), now);
    if (this.flow.fill > HOLD_FILL && this.connection !== undefined) {
      this.#door.holdPublisher(message.origin, this);
    }
  }

  /** The message as MQTT sends it; undefined for one that has no such form: this client does without it. */
  #encode(message: Message): MqttMessage | undefined {
    try {
      return toMqttMessage(message);
    } catch (error) {
      this.#door.metrics.messagesDropped["not-encodable"]++;
      this.#traceLoss(message.topic, "not-encodable", 1);
      this.#door.warnOfUnencodable(message, error);
      return undefined;
    }
  }

  #traceLoss(topic: string, reason: DropReason | "not-encodable", count: number): void {
    (this.#losses ??= new LossTrace()).add(topic, reason, this.#door.clock.epoch, count);
  }

  /** The client is behind: makes the publisher wait. @returns false when there is no room even so. */
  #isRoomMade(connection: MqttConnection, origin: Origin): boolean {
    this.#door.holdPublisher(origin, this);
    return !this.isLagging && connection.unsentBytes < this.#door.options.maxOutboundBytes;
  }

  #isCaughtUp(): boolean {
    const { connection } = this;
    return connection === undefined || (connection.isRoomy && this.flow.fill <= RELIEF_FILL);
  }

  /** Others have their turn before the search for retained messages goes on. */
  #pumpLater(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#door.clock.tick();
      if (this.connection !== undefined) this.pump();
    });
  }

  /** Whether the client published it, be it before a restart. [MQTT-3.8.3-3] */
  #isOwn({ origin }: Message): boolean {
    return origin.door === this.origin.door && origin.name === this.clientId;
  }

  #pumpBacklogs(): void {
    if (this.#isPumpDue) return;
    let pauses = 0;
    while (this.connection?.isRoomy === true && this.flow.waitingCount === 0) {
      const backlog = this.#backlogs?.peek();
      if (backlog === undefined) return;
      const next = backlog.isDropped ? DONE : backlog.messages.next();
      if (next.done === true) {
        this.#backlogs?.shift();
        this.#backlogBySubscription?.delete(backlog.subscription);
        continue;
      }
      if (next.value === undefined) {
        if (++pauses < PAUSES_PER_TURN) continue;
        this.#pumpLater();
        return;
      }
      const { qos, identifier, noLocal } = backlog.subscription;
      if ((noLocal && this.#isOwn(next.value)) || !this.mayReceive(next.value.topic)) continue;
      const message = this.#encode(next.value);
      if (message === undefined) continue;
      const identifiers = identifier === undefined ? undefined : [identifier];
      // Sent because of a new subscription: the retain flag is set (3.3.1.3). [MQTT-3.3.1-8] of MQTT 3.1.1
      this.#send(message, message.qos < qos ? message.qos : qos, true, identifiers, undefined);
    }
  }
}

/** Pauses in the search for retained messages that are passed over in a turn: it may take a millisecond. */
const PAUSES_PER_TURN = 16;

/** Whether the rules mean the same by both. */
function isSame(a: Identity, b: Identity): boolean {
  return a.user === b.user && a.listener === b.listener && a.groups === b.groups && a.rules === b.rules;
}

function detach(message: MqttMessage): MqttMessage {
  return message.detach();
}
