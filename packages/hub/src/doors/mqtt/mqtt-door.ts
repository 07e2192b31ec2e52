import type { Exchange, Message, Origin, QoS, Topic } from "@isthmus/exchange";
import type { Transport } from "@isthmus/mqtt";
import { type ConnectPacket, type Properties, type PublishFrame, ReasonCode, reasonName } from "@isthmus/mqtt/codec";
import { type ConnectionFailure, OutboxMemory } from "@isthmus/mqtt/session";
import type { Logger } from "pino";
import type { Access, ClientCertificate, Identity } from "../../access/access.js";
import type { Clock } from "../../clock.js";
import type { FlushScheduler } from "../../flush-scheduler.js";
import type { HookRunner } from "../../hooks/hook-runner.js";
import type { HubContext, ReplaySource } from "../../hub-context.js";
import { LossTrace } from "../../loss-trace.js";
import type { Metrics, Traffic } from "../../metrics.js";
import { BackPressure } from "./back-pressure.js";
import { Admission } from "./admission.js";
import { AdaptivePoller } from "./adaptive-poller.js";
import { farewellOnShutdown, type MqttAnnouncements } from "./announcements.js";
import { checkPublication } from "./check-publication.js";
import { MqttConnection, STORE_FAILED } from "./mqtt-connection.js";
import type { MqttDoorOptions } from "./mqtt-options.js";
import type { MqttSession } from "./mqtt-session.js";
import type { ReadLimits } from "./read-pacer.js";
import { SessionJournal } from "./session-journal.js";
import { SessionRegistry } from "./session-registry.js";

/** How long a message in flight may hold the buffer that it came in. */
const SWEEP_MS = 1000;

/** What the MQTT door shares with the rest of the hub. */
export interface MqttDoorContext extends HubContext {
  readonly options: MqttDoorOptions;
  readonly announcements?: MqttAnnouncements | undefined;
}

/** The MQTT side of the hub: takes connections from the listeners, and knows all sessions. */
export class MqttDoor implements MqttDoorContext {
  readonly exchange: Exchange;
  readonly access: Access;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** What this door counts of {@link metrics}. */
  readonly traffic: Traffic;
  readonly log: Logger;
  readonly options: MqttDoorOptions;
  readonly announcements: MqttAnnouncements;
  readonly flushScheduler: FlushScheduler;
  readonly hooks: HookRunner | undefined;
  readonly replays: readonly ReplaySource[];
  readonly outboxMemory = new OutboxMemory();
  readonly backPressure: BackPressure;
  readonly poller: AdaptivePoller;
  /** Where sessions that outlive the process are written down; undefined without a store. */
  readonly journal: SessionJournal | undefined;
  /** What was not taken from its publisher lately. */
  readonly refusals = new LossTrace(128);
  readonly #unencodable = new WeakSet<Message>();
  readonly #connections = new Set<MqttConnection>();
  readonly #sessions: SessionRegistry;
  readonly #admission: Admission;
  readonly #sweepTimer: NodeJS.Timeout;
  #isClosed = false;
  #hasFailed = false;
  #whenEmpty: (() => void) | undefined;

  constructor(context: MqttDoorContext) {
    this.exchange = context.exchange;
    this.access = context.access;
    this.clock = context.clock;
    this.metrics = context.metrics;
    this.traffic = context.metrics.traffic.mqtt;
    this.log = context.log;
    this.options = context.options;
    this.announcements = context.announcements ?? {};
    this.poller = new AdaptivePoller(this.options.pollMs);
    this.backPressure = new BackPressure(this.options.slowReceiverGraceMs, this.metrics);
    const { store, log } = this.exchange;
    this.journal = store === undefined || log === undefined ? undefined : new SessionJournal(store, log);
    this.flushScheduler = context.flushScheduler;
    this.hooks = context.hooks;
    this.replays = context.replays ?? [];
    this.flushScheduler.beforeCommit(() => this.journal?.flush());
    this.#sessions = new SessionRegistry(this);
    this.#admission = new Admission(this, this.#sessions);
    this.access.watch(() => this.#handleAccessChange());
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    if (this.journal !== undefined) this.#sessions.restore(this.journal.load());
  }

  /** Takes a connection that a listener has accepted. */
  open(transport: Transport, listener: string, certificate?: ClientCertificate, limits?: ReadLimits): void {
    if (this.#isClosed) {
      transport.destroy();
      return;
    }
    this.metrics.connectionsOpened++;
    if (this.#connections.size >= this.options.maxConnections) {
      this.metrics.connectionsRefused.add("too-many-connections");
      this.log.warn(
        { address: transport.remoteAddress, listener, reason: `${this.options.maxConnections} connections are open` },
        "connection refused",
      );
      transport.destroy();
      return;
    }
    this.#connections.add(new MqttConnection(this, transport, listener, certificate, limits));
    this.metrics.connectionsOpen = this.#connections.size;
  }

  /** Takes a connection of a part of the hub itself, whose identity is not asked for. */
  openOwn(transport: Transport, identity: Identity): void {
    if (this.#isClosed) {
      transport.destroy();
      return;
    }
    const connection = new MqttConnection(this, transport, "hub");
    connection.ownIdentity = identity;
    this.#connections.add(connection);
    this.metrics.connectionsOpened++;
    this.metrics.connectionsOpen = this.#connections.size;
  }

  /** A client has sent CONNECT: lets it in or turns it away. */
  connect(connection: MqttConnection, packet: ConnectPacket): void {
    if (this.#hasFailed) connection.refuse(ReasonCode.serverUnavailable, STORE_FAILED);
    else this.#admission.connect(connection, packet);
  }

  /** @throws MqttProtocolError for a publication that MQTT does not allow. */
  checkPublication(frame: PublishFrame, properties: Properties | undefined): void {
    if (properties !== undefined) checkPublication(frame, properties, this.options.maxTopicLevels);
  }

  /** A message has no form in MQTT. Told once, however many receivers it is for: a retained one comes up again. */
  warnOfUnencodable(message: Message, error: unknown): void {
    if (this.#unencodable.has(message)) return;
    this.#unencodable.add(message);
    const reason = error instanceof Error ? error.message : String(error);
    const { topic, origin } = message;
    this.log.warn({ topic, door: origin.door, client: origin.name, reason }, "MQTT cannot carry a message: dropped");
  }

  /** Users or rules have changed: who is no longer allowed has to go, and nobody gets what is no longer for them. */
  #handleAccessChange(): void {
    this.clock.tick();
    this.exchange.forgetRoutes();
    for (const connection of this.#connections) {
      const { session } = connection;
      if (session === undefined) continue;
      const refusal = this.access.mayStay(connection.identity);
      if (refusal !== undefined) connection.disconnect(refusal.reasonCode, refusal.reason);
      else session.setIdentity(connection.identity);
    }
    this.flushScheduler.arm();
  }

  /** What a topic is about: who may read `house/a` may read what there was of it. */
  subjectOf(topic: string): string {
    if (!topic.startsWith("$")) return topic;
    const source = this.replays.find(({ prefix }) => topic.startsWith(prefix));
    return source === undefined ? topic : topic.slice(source.prefix.length);
  }

  /** The session expiry that applies, from seconds to milliseconds. 0xFFFFFFFF is for ever (3.1.2.11.2). */
  sessionExpiryMs(seconds: number): number {
    const allowed = Math.min(seconds, this.options.maxSessionExpiry);
    return allowed === 0xffff_ffff ? Number.POSITIVE_INFINITY : allowed * 1000;
  }

  /** The client has changed its mind on how long the session outlives the connection, in seconds. */
  changeExpiry(session: MqttSession, seconds: number): void {
    this.#sessions.changeExpiry(session, this.sessionExpiryMs(seconds));
  }

  /** Those that are open, let in or not. */
  get connections(): Iterable<MqttConnection> {
    return this.#connections;
  }

  /** All sessions, of clients that are connected and of those that are away. */
  get sessions(): Iterable<MqttSession> {
    return this.#sessions.all();
  }

  /** The session of a client identifier. */
  findSession(clientId: string): MqttSession | undefined {
    return this.#sessions.get(clientId);
  }

  /** Ends the session of a client, and its connection: nothing of it is left. */
  endSession(session: MqttSession): void {
    session.connection?.disconnect(ReasonCode.administrativeAction, "ended by an administrator");
    this.#sessions.remove(session);
    this.flushScheduler.arm();
  }

  /** Makes the connection that published wait for `receiver`. */
  holdPublisher(origin: Origin, receiver: MqttSession): void {
    const publisher = this.#sessions.find(origin)?.connection;
    if (publisher !== undefined && publisher.session !== receiver) this.backPressure.hold(publisher, receiver);
  }

  /** `count` messages went to a client. */
  countSent(qos: QoS, count: number, payloadBytes: number): void {
    this.traffic.messagesSent[qos] += count;
    this.traffic.packetsSent += count;
    this.traffic.payloadBytesSent += payloadBytes;
  }

  handlePublishRefused(connection: MqttConnection, topic: Topic, label: string, reason: string): void {
    this.metrics.messagesRefused.add(label);
    this.refusals.add(topic.name, label, this.clock.epoch, 1, connection.clientId);
    this.log.warn(
      {
        client: connection.clientId,
        address: connection.remoteAddress,
        listener: connection.listener,
        topic: topic.name,
        reason,
      },
      "publish refused",
    );
  }

  handleSubscribeRefused(session: MqttSession, filter: string, reasonCode: number): void {
    this.metrics.subscriptionsRefused.add(labelOf(reasonCode));
    this.log.warn(
      {
        client: session.clientId,
        address: session.connection?.remoteAddress,
        listener: session.connection?.listener,
        filter,
        reason: reasonName(reasonCode),
      },
      "subscription refused",
    );
  }

  /** The server ends a connection: a refusal, a protocol error, a takeover. */
  handleFailed(connection: MqttConnection, failure: ConnectionFailure): void {
    const isRefused = connection.clientId === undefined;
    if (isRefused) this.metrics.connectionsRefused.add(labelOf(failure.reasonCode));
    this.log.warn(
      {
        client: connection.clientId,
        address: connection.remoteAddress,
        listener: connection.listener,
        code: `0x${failure.reasonCode.toString(16).padStart(2, "0")}`,
        reason: failure.message,
      },
      isRefused ? "connection refused" : "client disconnected by the server",
    );
  }

  /** The session is on its own from now on. Called once or more for each connection. */
  release(connection: MqttConnection, isGraceful: boolean): void {
    const { session } = connection;
    connection.session = undefined;
    this.backPressure.forget(connection);
    if (session?.connection === connection) this.#sessions.leave(session, isGraceful);
  }

  /** The transport is gone. */
  handleClosed(connection: MqttConnection, error: Error | undefined, isGraceful: boolean): void {
    // Neither a connection that was never let in nor one that the server has ended: those were reported.
    if (connection.session !== undefined || isGraceful) {
      this.log.info(
        { client: connection.clientId, address: connection.remoteAddress, reason: error?.message },
        isGraceful ? "client disconnected" : "client lost",
      );
    }
    if (connection.clientId !== undefined) this.hooks?.tellDisconnected(connection.hookClient, { isGraceful, error });
    this.release(connection, isGraceful);
    this.#connections.delete(connection);
    this.metrics.connectionsOpen = this.#connections.size;
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** The store has failed: nobody is told that anything is stored, and nobody is let in. */
  fail(): void {
    this.#hasFailed = true;
    for (const connection of this.#connections) connection.abandon();
    this.flushScheduler.arm();
  }

  /** Tells every client that the server goes, and waits for the connections to close. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweepTimer);
    const isEmpty = new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    const { reasonCode, message, properties } = farewellOnShutdown(this.announcements);
    for (const connection of this.#connections) connection.disconnect(reasonCode, message, properties);
    this.flushScheduler.flush();
    if (this.#connections.size > 0) await Promise.race([isEmpty, delay(graceMs)]);
    for (const connection of this.#connections) connection.destroy();
    if (this.#connections.size > 0) await isEmpty;
    this.backPressure.close();
    this.#sessions.close();
  }

  /** What is still in flight lets go of the network buffers that it came in. */
  #sweep(): void {
    for (const { session } of this.#connections) session?.releaseBuffers();
  }
}

/** A reason code as metrics name it: `not-authorized`. */
function labelOf(reasonCode: number): string {
  const name = reasonName(reasonCode) ?? "unspecifiedError";
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
