import { earliest, type Instant, type Machine, NEVER } from "@isthmus/machine";
import { MAX_PACKET_SIZE } from "../codec/constants.js";
import { MqttProtocolError, protocolError } from "../codec/errors.js";
import { Framer, type FrameSink } from "../codec/framer.js";
import type { AuthPacket, ConnackPacket, ConnectPacket, DisconnectPacket, PublishPacket } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { isReasonCodeOf, ReasonCode } from "../codec/reason-codes.js";
import { ClientAuthentication } from "./client-authentication.js";
import { checkClientId, connectPacket } from "./client-connect.js";
import { type ClientPacket, decodeServerPacket, encodeClientPacket, type ServerPacket } from "./client-codec.js";
import {
  ConnectionRefusedError,
  reasonText,
  RefusedError,
  returnCodeText,
  ServerDisconnectError,
  TimeoutError,
} from "./client-errors.js";
import { ClientPublisher, type PendingMessage } from "./client-publisher.js";
import { type ClientRequest, ClientRequests, type PendingRequest } from "./client-requests.js";
import type { ClientSessionEvent, ClientSessionOptions, OutboundMessage, SessionPort } from "./client-session-types.js";
import { InboundWindow } from "./inbound-window.js";
import { KeepAlive } from "./keep-alive.js";
import { PacketIdentifiers } from "./packet-identifiers.js";
import { DEFAULT_SERVER_LIMITS, type ServerLimits, serverLimits } from "./server-limits.js";
import { InboundTopicAliases } from "./inbound-topic-aliases.js";

/**
 * Where the connection stands.
 *
 * ```
 * closed --connect()--> connecting --CONNACK--> open --disconnect(), error--> closing --handleClose()--> closed
 *                           `-------------------- refused, error ----------------^
 * ```
 * `handleClose` leads back to closed from anywhere.
 */
type Phase = "closed" | "connecting" | "open" | "closing";

/**
 * The client's side of MQTT 3.1, 3.1.1 and 5.0, sans-I/O: one session over any number of connections.
 *
 * Connections come from the driver: it calls {@link connect} when a transport is open, {@link receiveBytes} with what
 * comes in, {@link handleClose} when it is gone, and after each call it sends {@link takeTransmits}, acts on
 * {@link takeEvents}, and arms a timer for {@link nextDeadline}. `C` is what the application wants back with the
 * event that settles a request.
 */
export class ClientSession<C> implements Machine {
  readonly #options: ClientSessionOptions;
  readonly #publisher: ClientPublisher<C>;
  readonly #requests: ClientRequests<C>;
  readonly #inbound: InboundWindow;
  readonly #authentication: ClientAuthentication;
  readonly #keepAlive = new KeepAlive();
  #phase: Phase = "closed";
  #now: Instant = 0;
  #clientId: string;
  #cleanStart: boolean;
  #connackDueAt: Instant = NEVER;
  #framer = new Framer();
  readonly #sink: FrameSink = {
    receiveFrame: (bytes, start, bodyStart, end) => this.#receiveFrame(bytes, start, bodyStart, end),
  };
  #aliases = new InboundTopicAliases(0);
  #limits: ServerLimits = DEFAULT_SERVER_LIMITS;
  #transmits: Uint8Array[] = [];
  #transmitBytes = 0;
  #events: ClientSessionEvent<C>[] = [];

  /** @throws RangeError, TypeError, TopicSyntaxError when the options make no CONNECT. */
  constructor(options: ClientSessionOptions) {
    const identifiers = new PacketIdentifiers();
    const port: SessionPort<C> = {
      send: (packet) => this.#send(packet),
      sizeOf: (packet) => encodeClientPacket(packet, options.protocolVersion).length,
      emit: (event) => this.#emit(event),
    };
    this.#options = options;
    this.#clientId = options.clientId;
    this.#cleanStart = options.cleanStart;
    this.#inbound = new InboundWindow(options.properties?.receiveMaximum ?? 0xffff);
    this.#authentication = new ClientAuthentication(
      options.properties?.authenticationMethod,
      options.finishAuthentication,
    );
    this.#requests = new ClientRequests(port, identifiers);
    this.#publisher = new ClientPublisher(port, identifiers, {
      queueLimitBytes: options.queueLimitBytes ?? 16 * 1024 * 1024,
      usesTopicAliases: options.usesTopicAliases ?? true,
    });
    checkClientId(options);
    // What cannot be sent is told now, not when there is a connection.
    port.sizeOf(this.#connectPacket());
  }

  /** The client identifier: the server's, once it has assigned one. */
  get clientId(): string {
    return this.#clientId;
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Bytes that {@link takeTransmits} will return. */
  get transmitBytes(): number {
    return this.#transmitBytes;
  }

  /** What the application asked for and is not settled yet. */
  get pendingCount(): number {
    return this.#publisher.pendingCount + this.#requests.pendingCount;
  }

  /**
   * A transport is open: sends CONNECT. [MQTT-3.1.0-1]
   *
   * @param authenticationData that enhanced authentication begins with (4.12); it goes with `authenticationMethod`.
   */
  connect(now: Instant, authenticationData?: Uint8Array): void {
    this.#now = now;
    const { properties, connackTimeoutMs = 30_000 } = this.#options;
    this.#phase = "connecting";
    this.#connackDueAt = now + connackTimeoutMs;
    this.#framer = new Framer({
      maximumPacketSize: Math.min(properties?.maximumPacketSize ?? MAX_PACKET_SIZE, MAX_PACKET_SIZE),
    });
    this.#aliases = new InboundTopicAliases(properties?.topicAliasMaximum ?? 0); // [MQTT-3.3.2-7]
    this.#limits = DEFAULT_SERVER_LIMITS;
    this.#authentication.open();
    this.#send(this.#connectPacket(authenticationData));
  }

  /** The transport is gone. What was in flight waits for the next connection. */
  handleClose(now: Instant): void {
    this.#now = now;
    this.#phase = "closed";
    this.#connackDueAt = NEVER;
    this.takeTransmits();
    this.#keepAlive.close();
    this.#publisher.close();
    this.#requests.close();
  }

  /**
   * Sends DISCONNECT and asks for the connection to be closed (3.14). What only explains is left out where the server
   * has no room for it. [MQTT-3.14.2-3] [MQTT-3.14.2-4]
   */
  disconnect(now: Instant, reasonCode: number = ReasonCode.normalDisconnection, properties?: Properties): void {
    this.#now = now;
    const shorter = { ...properties, reasonString: undefined, userProperties: undefined };
    const packet = [properties, shorter]
      .map((each) => ({ type: "disconnect", reasonCode, properties: each }) as const)
      .find((each) => encodeClientPacket(each, this.#options.protocolVersion).length <= this.#limits.maximumPacketSize);
    if (this.#phase === "open" && packet) this.#send(packet);
    this.#close(undefined, false);
  }

  /** Gives the connection up because of `error`, and tells the server why, where the version can (4.13). */
  fail(now: Instant, error: Error): void {
    this.#now = now;
    if (this.#phase === "open" && this.#options.protocolVersion === 5) {
      const reasonCode = error instanceof MqttProtocolError ? error.reasonCode : ReasonCode.unspecifiedError;
      const isKnown = isReasonCodeOf("disconnect", reasonCode);
      this.#send({ type: "disconnect", reasonCode: isKnown ? reasonCode : ReasonCode.protocolError });
    }
    this.#close(error, false);
  }

  /** Fails all that is not settled: there will be no further connection. */
  abandon(error: Error): void {
    this.#publisher.abandon(error);
    this.#requests.abandon(error);
  }

  /** @see ClientPublisher.publish */
  publish(now: Instant, message: OutboundMessage, context: C): PendingMessage<C> | undefined {
    this.#now = now;
    return this.#publisher.publish(now, message, context);
  }

  /** @see ClientRequests.request */
  request(now: Instant, request: ClientRequest, context: C): PendingRequest<C> {
    this.#now = now;
    return this.#requests.request(request, context);
  }

  /** Takes back what was not sent yet: no event follows. @returns false when it is too late. */
  cancel(pending: PendingMessage<C> | PendingRequest<C>): boolean {
    return "message" in pending ? this.#publisher.cancel(pending) : this.#requests.cancel(pending);
  }

  /**
   * Sends AUTH (4.12): the next step of the authentication that CONNECT began, or, with `reAuthenticate`, the first
   * step of a new one.
   *
   * @throws TypeError when CONNECT names no authentication method.
   */
  authenticate(now: Instant, reasonCode: number, authenticationData: Uint8Array | undefined): void {
    this.#now = now;
    // The connection may have closed while the application was thinking.
    if (this.#phase !== "open" && this.#phase !== "connecting") return;
    this.#send(this.#authentication.packet(reasonCode, authenticationData));
  }

  /** Says whether the driver has stopped reading: the server's silence means nothing then. */
  setDeaf(now: Instant, isDeaf: boolean): void {
    this.#keepAlive.setDeaf(now, isDeaf);
  }

  receiveBytes(now: Instant, bytes: Uint8Array): void {
    this.#now = now;
    this.#keepAlive.noteReceived(now);
    if (this.#phase === "closed" || this.#phase === "closing") return;
    try {
      this.#framer.receive(bytes, this.#sink);
    } catch (error) {
      if (!(error instanceof MqttProtocolError)) throw error;
      this.fail(now, error);
    }
  }

  nextDeadline(): Instant {
    return earliest(this.#connackDueAt, earliest(this.#keepAlive.pingAt(), this.#keepAlive.deadAt()));
  }

  handleTimeout(now: Instant): void {
    this.#now = now;
    if (now >= this.#connackDueAt) {
      this.#connackDueAt = NEVER;
      this.#close(new TimeoutError("the server did not answer CONNECT in time"), true);
    } else if (now >= this.#keepAlive.deadAt()) {
      this.#close(new TimeoutError("the server did not answer PINGREQ in time"), true);
    } else if (now >= this.#keepAlive.pingAt()) {
      this.#send({ type: "pingreq" }); // [MQTT-3.1.2-20]
      this.#keepAlive.notePinged(now);
    }
  }

  /** Removes and returns what is to be sent, in order. */
  takeTransmits(): Uint8Array[] {
    const transmits = this.#transmits;
    if (transmits.length > 0) this.#transmits = [];
    this.#transmitBytes = 0;
    return transmits;
  }

  /** Removes and returns what has happened, in order. */
  takeEvents(): ClientSessionEvent<C>[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  #connectPacket(authenticationData?: Uint8Array): ConnectPacket {
    return connectPacket(this.#options, this.#clientId, this.#cleanStart, authenticationData);
  }

  #receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const packet = decodeServerPacket(bytes, start, bodyStart, end, this.#options.protocolVersion);
    this.#options.trace?.("received", packet);
    if (this.#phase === "connecting") this.#receiveWhileConnecting(packet);
    else this.#receiveWhileOpen(packet);
    return this.#phase !== "closing";
  }

  #receiveWhileConnecting(packet: ServerPacket): void {
    if (packet.type === "connack") return this.#receiveConnack(packet);
    if (packet.type === "auth") return this.#receiveAuth(packet);
    throw protocolError(`${packet.type.toUpperCase()} before CONNACK`); // [MQTT-3.2.0-1]
  }

  #receiveWhileOpen(packet: ServerPacket): void {
    switch (packet.type) {
      case "publish":
        return this.#receivePublish(packet);
      case "puback":
      case "pubrec":
      case "pubcomp":
        return this.#publisher.receiveAcknowledgement(this.#now, packet);
      case "pubrel": {
        const isFound = this.#inbound.receivePubrel(packet.packetIdentifier);
        return this.#acknowledge("pubcomp", packet.packetIdentifier, isFound); // [MQTT-4.3.3-11]
      }
      case "suback":
        return this.#requests.receive(packet, true);
      case "unsuback":
        return this.#requests.receive(packet, this.#options.protocolVersion === 5);
      case "pingresp":
        return;
      case "disconnect":
        return this.#receiveDisconnect(packet);
      case "auth":
        return this.#receiveAuth(packet);
      case "connack":
        throw protocolError("a second CONNACK");
    }
  }

  #receiveConnack(packet: ConnackPacket): void {
    const { protocolVersion, keepAlive } = this.#options;
    const { reasonCode, properties } = packet;
    this.#connackDueAt = NEVER;
    if (reasonCode !== 0) {
      const meaning = protocolVersion === 5 ? reasonText(reasonCode, "connack") : returnCodeText(reasonCode);
      this.#close(
        new ConnectionRefusedError(`the server refused the connection: ${meaning}`, reasonCode, properties),
        false,
      );
      return;
    }
    // [MQTT-3.2.2-4]
    if (packet.sessionPresent && this.#cleanStart) throw protocolError("session present after a clean start");
    const objection = this.#authentication.receiveConnack(properties);
    if (objection) return this.fail(this.#now, objection);
    const limits = serverLimits(protocolVersion, properties);
    if (limits.maximumPacketSize < SMALLEST_MAXIMUM_PACKET_SIZE) {
      throw protocolError(`a maximum packet size of ${limits.maximumPacketSize} has no room for an acknowledgement`);
    }
    this.#phase = "open";
    this.#limits = limits;
    this.#clientId = properties?.assignedClientIdentifier ?? this.#clientId; // [MQTT-3.2.2-16]
    const keepAliveMs = (properties?.serverKeepAlive ?? keepAlive) * 1000; // [MQTT-3.1.2-21]
    this.#keepAlive.open(this.#now, keepAliveMs, this.#options.pingTimeoutMs ?? 10_000);
    this.#emit({ type: "connected", connack: packet, isSessionPresent: packet.sessionPresent });
    // MQTT 3.1 has no session present flag: the server is taken at the word that the client asked of it.
    const isSessionPresent = packet.sessionPresent || (protocolVersion === 3 && !this.#cleanStart);
    this.#cleanStart = !this.#isResumable(properties);
    if (!isSessionPresent) this.#inbound.clear();
    this.#inbound.open();
    this.#publisher.open(this.#now, this.#limits, isSessionPresent);
    this.#requests.open(this.#limits);
  }

  /** Whether the session outlives the connection. */
  #isResumable(connack: Properties | undefined): boolean {
    const { protocolVersion, properties, cleanStart } = this.#options;
    if (protocolVersion !== 5) return !cleanStart; // 3.1.2.4 of MQTT 3.1.1
    return (connack?.sessionExpiryInterval ?? properties?.sessionExpiryInterval ?? 0) > 0; // 3.1.2.11.2
  }

  #receivePublish(packet: PublishPacket): void {
    const topicAlias = packet.properties?.topicAlias;
    const message =
      topicAlias === undefined ? packet : { ...packet, topic: this.#aliases.resolve(packet.topic, topicAlias) };
    const { packetIdentifier, qos } = message;
    if (qos === 0 || packetIdentifier === undefined) {
      this.#emit({ type: "message", packet: message });
      return;
    }
    if (this.#inbound.receivePublish(packetIdentifier, qos)) this.#emit({ type: "message", packet: message });
    if (qos === 2) return this.#acknowledge("pubrec", packetIdentifier, true); // [MQTT-4.3.3-8]
    this.#inbound.acknowledge(packetIdentifier);
    this.#acknowledge("puback", packetIdentifier, true); // [MQTT-4.3.2-4]
  }

  #acknowledge(type: "puback" | "pubrec" | "pubcomp", packetIdentifier: number, isFound: boolean): void {
    const reasonCode = isFound ? ReasonCode.success : ReasonCode.packetIdentifierNotFound;
    this.#send({ type, packetIdentifier, reasonCode });
  }

  #receiveDisconnect({ reasonCode, properties }: DisconnectPacket): void {
    const meaning = reasonText(reasonCode, "disconnect");
    this.#close(
      new ServerDisconnectError(`the server closed the connection: ${meaning}`, reasonCode, properties),
      false,
    );
  }

  #receiveAuth(packet: AuthPacket): void {
    const objection = this.#authentication.receiveAuth(packet, this.#phase === "open");
    if (objection) this.fail(this.#now, objection);
    else this.#emit({ type: "authentication", packet });
  }

  #close(error: Error | undefined, isAbrupt: boolean): void {
    if (this.#phase === "closed" || this.#phase === "closing") return;
    this.#phase = "closing";
    this.#connackDueAt = NEVER;
    this.#keepAlive.close();
    this.#publisher.close();
    this.#requests.close();
    this.#emit({ type: "close", error, isAbrupt });
  }

  #send(packet: ClientPacket): void {
    const bytes = encodeClientPacket(packet, this.#options.protocolVersion);
    if (bytes.length > this.#limits.maximumPacketSize) {
      throw new RefusedError(
        `a packet of ${bytes.length} bytes exceeds the server's maximum of ${this.#limits.maximumPacketSize}`,
        ReasonCode.packetTooLarge,
      );
    }
    this.#options.trace?.("sent", packet);
    this.#transmits.push(bytes);
    this.#transmitBytes += bytes.length;
    this.#keepAlive.noteSent(this.#now);
  }

  #emit(event: ClientSessionEvent<C>): void {
    this.#events.push(event);
  }
}

/** Fixed header, packet identifier, reason code: a server that takes less cannot be answered. */
const SMALLEST_MAXIMUM_PACKET_SIZE = 2 + 2 + 1;
