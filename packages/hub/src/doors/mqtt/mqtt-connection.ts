import type { Transport, TransportListener } from "@isthmus/mqtt";
import {
  type AcknowledgementFrame,
  acknowledgementSize,
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  MqttProtocolError,
  type Properties,
  type ProtocolVersion,
  type PublishFrame,
  ReasonCode,
  type SubscribePacket,
  type UnsubscribePacket,
  type writePuback,
} from "@isthmus/mqtt/codec";
import {
  type ConnectionFailure,
  OutboundTopicAliases,
  type Outbox,
  ServerConnection,
  type ServerConnectionOwner,
  type SessionLink,
  toReasonString,
} from "@isthmus/mqtt/session";
import type { ClientCertificate, Identity } from "../../access/access.js";
import type { EnhancedAuthentication } from "./enhanced-authentication.js";
import type { Pausable } from "./back-pressure.js";
import type { HookClient } from "../../hooks/hooks.js";
import { ConnectionOutput, type OutputOwner } from "./connection-output.js";
import { grant } from "./grant.js";
import type { MqttDoor } from "./mqtt-door.js";
import type { MqttSession } from "./mqtt-session.js";
import { ReadGate } from "./read-gate.js";
import { type ReadLimits, ReadPacer } from "./read-pacer.js";
import { PublicationIntake } from "./publication-intake.js";
import { wireForm } from "./publish-run.js";
import { RequestIntake } from "./request-intake.js";

/** A chunk up to this many bytes is answered at once: the publisher is in no hurry to send more. */
const LONE_CHUNK_BYTES = 1024;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What clients are told when the store has failed. */
export const STORE_FAILED = "the server cannot store messages any more";

/**
 * One network connection of an MQTT client: the driver of its {@link ServerConnection}, and the way from its packets to
 * the exchange and back.
 */
export class MqttConnection implements TransportListener, ServerConnectionOwner, SessionLink, OutputOwner, Pausable {
  readonly outbox: Outbox;
  readonly remoteAddress: string;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  /** The listener that it came in by, for logs. */
  readonly listener: string;
  /** What the client has shown on a TLS listener. */
  readonly certificate: ClientCertificate | undefined;
  /** Undefined before the client was let in, and once it has left. */
  session: MqttSession | undefined;
  /** Kept for logs when the session has gone. */
  clientId: string | undefined;
  identity: Identity = { user: undefined };
  /** Whether the client is a bridge of mosquitto's kind. */
  isBridge = false;
  /** Who it is, where that need not be asked: a part of the hub itself. */
  ownIdentity: Identity | undefined;
  /** Undefined where CONNECT has named no method. */
  authentication: EnhancedAuthentication | undefined;
  readonly #door: MqttDoor;
  readonly #transport: Transport;
  readonly #readGate: ReadGate;
  readonly #pacer: ReadPacer | undefined;
  /** Packets that were counted against the client's rate. */
  #packetsPaced = 0;
  #paceTimer: NodeJS.Timeout | undefined;
  readonly #core: ServerConnection;
  #timer: NodeJS.Timeout | undefined;
  readonly #output: ConnectionOutput;
  #isClosing = false;
  #isGraceful = false;
  /** When the credentials cease to hold, on the monotonic clock. */
  #expiresAt = Number.POSITIVE_INFINITY;
  /** What the client publishes; made with the first PUBLISH. */
  #intake: PublicationIntake | undefined;
  /** What else it asks for; made when it is let in. */
  #requests: RequestIntake | undefined;
  /** True while something must be found out before the next packet is handled. */
  #isHeld = false;
  #receiveMaximum = 65_535;
  #topicAliases: OutboundTopicAliases | undefined;
  /** Those of the core's that were counted. */
  #packetsSentBefore = 0;
  #packetsReceivedBefore = 0;
  /** The end of the transport, when it came while the client was held. */
  #closeWhenReleased: (() => void) | undefined;
  #hookClient: HookClient | undefined;

  constructor(
    door: MqttDoor,
    transport: Transport,
    listener: string,
    certificate?: ClientCertificate,
    limits?: ReadLimits,
  ) {
    this.#door = door;
    this.#transport = transport;
    this.#readGate = new ReadGate(transport);
    this.#pacer = limits && ReadPacer.for(limits, door.clock.tick().monotonic);
    this.listener = listener;
    this.certificate = certificate;
    this.remoteAddress = transport.remoteAddress;
    this.openedAt = door.clock.tick().epoch;
    this.#output = new ConnectionOutput(this, door, transport);
    this.outbox = this.#output.outbox;
    this.#core = new ServerConnection(this, this.outbox, door.options, door.clock.tick().monotonic);
    this.#armTimer();
    transport.open(this);
  }

  get version(): ProtocolVersion {
    return this.#core.version;
  }

  /** The client as hooks know it. */
  get hookClient(): HookClient {
    const { identity, remoteAddress: address } = this;
    return (this.#hookClient ??= { door: "mqtt", name: this.clientId ?? "", identity, address });
  }

  /** Names the wire form of PUBLISH that the client takes. */
  get form(): number {
    return wireForm(this.#core.version);
  }

  get maximumPacketSize(): number {
    return this.#core.clientMaximumPacketSize;
  }

  get receiveMaximum(): number {
    return this.#receiveMaximum;
  }

  get topicAliases(): OutboundTopicAliases | undefined {
    return this.#topicAliases;
  }

  /** Bytes that wait to be taken by the client. */
  get unsentBytes(): number {
    return this.#output.unsentBytes;
  }

  /** False once so much waits that whoever publishes to this client should wait as well. */
  get isRoomy(): boolean {
    return this.#output.isRoomy;
  }

  canSend(): boolean {
    return this.isRoomy;
  }

  receiveBytes(bytes: Uint8Array): void {
    const { clock, flushScheduler, poller, traffic } = this.#door;
    traffic.bytesReceived += bytes.length;
    // What a client sends while it is held is kept, and no more than one chunk of it.
    if (this.#isHeld) this.#readGate.shut("held");
    const isLone = bytes.length <= LONE_CHUNK_BYTES;
    if (isLone) flushScheduler.beginGathering();
    this.#core.receiveBytes(clock.tick().monotonic, bytes);
    this.#intake?.publishRun();
    this.#countReceived();
    if (isLone) flushScheduler.flush();
    // A retained message may be all that came, and nobody's to be told.
    else if (this.#door.journal !== undefined) flushScheduler.arm();
    if (this.#pacer !== undefined) this.#pace(this.#pacer, bytes.length);
    // Whoever asks and does not take the answers is not asked for more.
    if (this.unsentBytes >= this.#door.options.maxOutboundBytes) this.#readGate.shut("answers");
    poller.handleAnswered(this, clock.monotonic);
  }

  handleDrain(): void {
    this.#door.clock.tick();
    this.#output.handleDrain();
    if (this.isRoomy) this.handleRoom();
    else this.session?.pump();
  }

  handleClose(error: Error | undefined): void {
    if (this.#isHeld && this.session !== undefined) {
      // What came in before the end is still to be handled.
      this.#closeWhenReleased = () => this.handleClose(error);
      return;
    }
    this.#door.clock.tick();
    clearTimeout(this.#timer);
    clearTimeout(this.#paceTimer);
    this.#isClosing = true;
    this.#core.close();
    this.#output.discard();
    this.#door.handleClosed(this, error, this.#isGraceful);
  }

  scheduleFlush(): void {
    this.#output.schedule();
  }

  handleSending(bytes: number): void {
    const { traffic } = this.#door;
    traffic.bytesSent += bytes;
    traffic.packetsSent += this.#core.packetsSent - this.#packetsSentBefore;
    this.#packetsSentBefore = this.#core.packetsSent;
  }

  handleRoom(): void {
    if (!this.#isClosing) this.#readGate.open("answers");
    this.session?.pump();
  }

  /** What was put into the outbox tells of something that the store must hold first. */
  storeFirst(): void {
    this.#output.mustBeStoredFirst = true;
  }

  pauseReading(): void {
    this.#readGate.shut("congestion");
  }

  resumeReading(): void {
    if (!this.#isClosing) this.#readGate.open("congestion");
  }

  /** True once nothing more is read: the client has left, or is being sent away. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Ends the connection because the store has failed: what still waits for it is never told. */
  abandon(): void {
    this.#output.discard();
    // Nothing goes before CONNACK. [MQTT-3.2.0-1]
    if (this.#output.isUnwelcomed) this.destroy();
    this.disconnect(ReasonCode.unspecifiedError, STORE_FAILED);
    // It may be closing already, and have waited for the store.
    this.scheduleFlush();
  }

  /** Ends the connection for a reason of the server's. */
  disconnect(reasonCode: number, message: string, properties?: Properties): void {
    this.#core.disconnect(reasonCode, message, properties);
  }

  /** Lets the client in, its session attached. */
  accept(
    session: MqttSession,
    identity: Identity,
    packet: ConnectPacket,
    isPresent: boolean,
    authentication?: Properties,
  ): void {
    const { options } = this.#door;
    this.session = session;
    this.#requests = new RequestIntake(this.#door, this, session);
    this.clientId = session.clientId;
    this.isBridge = packet.isBridge === true;
    this.#identify(identity);
    this.#receiveMaximum = packet.properties?.receiveMaximum ?? 65_535;
    // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
    const aliasCount = Math.min(packet.properties?.topicAliasMaximum ?? 0, options.maxOutboundTopicAliases);
    if (aliasCount > 0) this.#topicAliases = new OutboundTopicAliases(aliasCount);
    const granted = grant(options, this.#door.announcements, packet, session.clientId);
    const { keepAlive } = granted;
    const properties = { ...granted.properties, ...authentication };
    const reasonCode = ReasonCode.success;
    // What the session sends again tells of what may not be on the disk yet.
    if (session.journal !== undefined || packet.will !== undefined) this.storeFirst();
    this.#core.accept({ type: "connack", sessionPresent: isPresent, reasonCode, properties }, keepAlive);
    this.#output.isUnwelcomed = true;
    session.attach(this);
    this.#armTimer();
  }

  /** The client has authenticated anew. */
  renewIdentity(identity: Identity): void {
    const known = { ...identity, clientId: this.clientId };
    this.#identify(known);
    this.session?.setIdentity(known);
    this.#armTimer();
  }

  /** See {@link ServerConnection.challenge}. */
  challenge(properties: Properties): void {
    this.#core.challenge(properties);
  }

  /** See {@link ServerConnection.send}. */
  send(packet: Parameters<ServerConnection["send"]>[0]): void {
    this.#core.send(packet);
  }

  #identify(identity: Identity): void {
    const { clock } = this.#door;
    this.identity = identity;
    this.#expiresAt = clock.monotonic + (identity.expiresAt ?? Number.POSITIVE_INFINITY) - clock.epoch;
  }

  refuse(reasonCode: number, message: string, properties?: Properties): void {
    this.#core.refuse(reasonCode, message, properties);
  }

  /** Nothing is handled until `verdict` settles; then what has come in meanwhile is. */
  awaitVerdict(verdict: Promise<void>): void {
    this.#isHeld = true;
    this.#core.hold();
    void verdict.then(
      () => this.#goOn(),
      (error: unknown) => {
        if (!(error instanceof MqttProtocolError)) throw error;
        this.disconnect(error.reasonCode, error.message);
        this.#goOn();
      },
    );
  }

  /** Closes at once: what was not sent is lost. */
  destroy(): void {
    this.#transport.destroy();
  }

  handleConnect(packet: ConnectPacket): void {
    this.#door.connect(this, packet);
  }

  handlePublish(frame: PublishFrame): void {
    if (this.#intake === undefined) {
      if (this.session === undefined) return;
      this.#intake = new PublicationIntake(this.#door, this, this.session);
    }
    this.#intake.receive(frame);
  }

  handleAcknowledgement(frame: AcknowledgementFrame): void {
    this.#intake?.publishRun();
    if (this.session !== undefined) this.#requests?.receiveAcknowledgement(frame);
  }

  handleSubscribe(packet: SubscribePacket): void {
    this.#intake?.publishRun();
    if (this.session !== undefined) this.#requests?.receiveSubscribe(packet);
  }

  handleUnsubscribe(packet: UnsubscribePacket): void {
    this.#intake?.publishRun();
    if (this.session !== undefined) this.#requests?.receiveUnsubscribe(packet);
  }

  handleAuth(packet: AuthPacket): void {
    this.#intake?.publishRun();
    // No method was agreed on at CONNECT, so there is nothing to continue. [MQTT-4.12.0-7]
    if (this.authentication === undefined)
      throw new MqttProtocolError(ReasonCode.protocolError, "AUTH without an authentication method");
    this.authentication.handleAuth(packet);
  }

  handleDisconnect(packet: DisconnectPacket): void {
    this.#intake?.publishRun();
    const expiry = packet.properties?.sessionExpiryInterval;
    if (this.session !== undefined && expiry !== undefined) this.#door.changeExpiry(this.session, expiry);
    // Any other reason leaves the will to be published. [MQTT-3.1.2-10] [MQTT-3.14.4-3]
    this.#isGraceful = packet.reasonCode === ReasonCode.normalDisconnection;
    this.#close();
  }

  handleFailure(failure: ConnectionFailure): void {
    // What came in before the error came in before the will is due.
    this.#intake?.publishRun();
    this.#door.handleFailed(this, failure);
    this.#close();
  }

  acknowledge(write: typeof writePuback, packetIdentifier: number, reasonCode: number): void {
    const code = this.version === 5 ? reasonCode : ReasonCode.success;
    const at = this.outbox.reserve(acknowledgementSize(code));
    write(this.outbox.staging, at, packetIdentifier, code);
    this.#door.traffic.packetsSent++;
    this.storeFirst();
    this.scheduleFlush();
  }

  /** As {@link acknowledge}, with the reason for a refusal in words. */
  acknowledgeRefused(type: "puback" | "pubrec", packetIdentifier: number, reasonCode: number, reason: string): void {
    this.storeFirst();
    this.send({ type, packetIdentifier, reasonCode, properties: { reasonString: toReasonString(reason) } });
  }

  /** Nothing holds the client any more: handles what has come in meanwhile. */
  #goOn(): void {
    this.#isHeld = false;
    if (!this.#isClosing) {
      this.#door.clock.tick();
      this.#core.resume();
      this.#intake?.publishRun();
      this.#countReceived();
      this.#door.flushScheduler.arm();
      if (this.#isHeld) return;
      this.#readGate.open("held");
    }
    this.#closeWhenReleased?.();
  }

  /** Reads on only when the client is within its rate again. */
  #pace(pacer: ReadPacer, bytes: number): void {
    const { packetsReceived } = this.#core;
    const restMs = pacer.spend(packetsReceived - this.#packetsPaced, bytes, this.#door.clock.monotonic);
    this.#packetsPaced = packetsReceived;
    if (restMs === 0 || this.#isClosing) return;
    this.#readGate.shut("pace");
    clearTimeout(this.#paceTimer);
    this.#paceTimer = setTimeout(() => {
      this.#core.excuseSilence(this.#door.clock.tick().monotonic);
      if (!this.#isClosing) this.#readGate.open("pace");
    }, restMs).unref();
  }

  #countReceived(): void {
    this.#door.traffic.packetsReceived += this.#core.packetsReceived - this.#packetsReceivedBefore;
    this.#packetsReceivedBefore = this.#core.packetsReceived;
  }

  #close(): void {
    this.#isClosing = true;
    this.#door.release(this, this.#isGraceful);
    this.#output.end();
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const deadline = Math.min(this.#core.nextDeadline(), this.#expiresAt);
    if (deadline === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(1, deadline - this.#door.clock.monotonic));
    this.#timer = setTimeout(() => this.#handleTimeout(), waitMs).unref();
  }

  /** Bytes that came in since have moved the deadline: the timer is not touched for each of them. */
  #handleTimeout(): void {
    const now = this.#door.clock.tick().monotonic;
    // Who is not read cannot be heard.
    if (this.#readGate.isShut("pace") || this.#readGate.isShut("answers")) this.#core.excuseSilence(now);
    this.#core.handleTimeout(now);
    if (now >= this.#expiresAt) this.disconnect(ReasonCode.maximumConnectTime, "the credentials have expired");
    if (!this.#isClosing) this.#armTimer();
  }
}
