import { NEVER, type Instant, type Machine } from "@isthmus/machine";
import { AcknowledgementFrame } from "../codec/acknowledgement.js";
import { peekProtocolVersion } from "../codec/connect.js";
import { MAX_PACKET_SIZE, PacketTypeCode } from "../codec/constants.js";
import { decodePacket } from "../codec/decode-packet.js";
import { encodePacket } from "../codec/encode-packet.js";
import { MqttProtocolError, protocolError } from "../codec/errors.js";
import { Framer, type FrameSink } from "../codec/framer.js";
import type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  SubscribePacket,
  UnsubscribePacket,
} from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { PublishFrame } from "../codec/publish-frame.js";
import { connectReturnCode, isReasonCodeOf, ReasonCode, SUBACK_FAILURE } from "../codec/reason-codes.js";
import { byteAt } from "@isthmus/bytes";
import type { Outbox } from "./outbox.js";

/** What a {@link ServerConnection} asks of its owner. Frames are valid during the call only. */
export interface ServerConnectionOwner {
  /** The client wants in. Nothing more is read until {@link ServerConnection.accept} or {@link ServerConnection.refuse}. */
  handleConnect(packet: ConnectPacket): void;
  handlePublish(frame: PublishFrame): void;
  handleAcknowledgement(frame: AcknowledgementFrame): void;
  handleSubscribe(packet: SubscribePacket): void;
  handleUnsubscribe(packet: UnsubscribePacket): void;
  handleAuth(packet: AuthPacket): void;
  /** The client takes its leave; nothing is read after it. */
  handleDisconnect(packet: DisconnectPacket): void;
  /** The connection has failed and is to be closed once the outbox has left, with the last word that is put in next. */
  handleFailure(failure: ConnectionFailure): void;
  /** Something was put into the outbox. */
  scheduleFlush(): void;
}

/** Why a server ends a connection of its own accord. */
export interface ConnectionFailure {
  readonly reasonCode: number;
  readonly message: string;
}

export interface ServerConnectionOptions {
  /** The largest packet taken, in bytes. */
  readonly maximumPacketSize: number;
  /** How long a client may take from connecting to its CONNECT, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** The largest CONNECT taken, in bytes: nobody is known yet who would send a larger one. */
  readonly maximumConnectSize: number;
  /** The largest SUBSCRIBE or UNSUBSCRIBE taken, in bytes: what a server does for it grows with its filters. */
  readonly maximumSubscribeSize: number;
}

const NO_BYTES = new Uint8Array(0);

/** Connecting: CONNECT is being answered. Authenticating: what the client has to say to our AUTH is awaited (4.12). */
type State = "waiting" | "connecting" | "authenticating" | "open" | "closed";

/**
 * One network connection from the server's side (3.1 to 3.15): the order of packets, keep alive, and what version they
 * are in. Sans-I/O: bytes and `now` go in, calls to the owner and bytes in the outbox come out.
 */
export class ServerConnection implements Machine, FrameSink {
  readonly outbox: Outbox;
  /** Known once the state is no longer "waiting". */
  version: ProtocolVersion = 4;
  /** Packets of all kinds that came in. */
  packetsReceived = 0;
  /** Packets that went out by {@link send}. */
  packetsSent = 0;
  readonly #owner: ServerConnectionOwner;
  readonly #options: ServerConnectionOptions;
  readonly #framer: Framer;
  readonly #publish = new PublishFrame();
  readonly #acknowledgement = new AcknowledgementFrame();
  #state: State = "waiting";
  #isHeld = false;
  #keepAliveMs = NEVER;
  #openedAt: Instant;
  #lastReceivedAt: Instant;
  /** Whether reason strings and user properties may be sent with any packet. [MQTT-3.1.2-29] */
  #isProblemInformationWanted = true;
  #clientMaximumPacketSize = MAX_PACKET_SIZE;
  /** Whether CONNECT asked for a session that outlives the connection. */
  #isSessionKept = false;

  constructor(owner: ServerConnectionOwner, outbox: Outbox, options: ServerConnectionOptions, now: Instant) {
    this.#owner = owner;
    this.outbox = outbox;
    this.#options = options;
    this.#framer = new Framer({ maximumPacketSize: Math.min(options.maximumConnectSize, options.maximumPacketSize) });
    this.#openedAt = this.#lastReceivedAt = now;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The client's Maximum Packet Size; all that MQTT can express when it set none. */
  get clientMaximumPacketSize(): number {
    return this.#clientMaximumPacketSize;
  }

  get #isReading(): boolean {
    return this.#state === "open" || this.#state === "authenticating";
  }

  /** Takes all complete packets of `bytes` before it returns. */
  receiveBytes(now: Instant, bytes: Uint8Array): void {
    this.#lastReceivedAt = now;
    if (this.#state === "closed") return;
    this.#guard(() => this.#framer.receive(bytes, this));
    // A connection at rest does not hold on to what it read last.
    this.#publish.bytes = NO_BYTES;
    this.#acknowledgement.bytes = NO_BYTES;
  }

  /** Called by the framer. */
  receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    this.packetsReceived++;
    const type = byteAt(bytes, start) >> 4;
    if (this.#state === "open") this.#receiveOpen(type, bytes, start, bodyStart, end);
    else if (this.#state === "waiting") this.#receiveFirst(type, bytes, start, bodyStart, end);
    else if (this.#state === "authenticating") this.#receiveAuthenticating(decodePacket(bytes, start, end, 5));
    return this.#isReading && !this.#isHeld;
  }

  /** Lets the client in and goes on with what it has sent meanwhile. `keepAlive` in seconds is what applies. */
  accept(connack: ConnackPacket, keepAlive: number): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    this.#framer.setMaximumPacketSize(this.#options.maximumPacketSize);
    // One and a half times the keep alive. [MQTT-3.1.2-22]
    this.#keepAliveMs = keepAlive === 0 ? NEVER : keepAlive * 1500;
    this.send(connack);
  }

  /** Asks the client, instead of letting it in, for its next step of an authentication exchange (4.12). */
  challenge(properties: Properties): void {
    if (this.#state !== "connecting") return;
    this.#state = "authenticating";
    this.send({ type: "auth", reasonCode: ReasonCode.continueAuthentication, properties }); // [MQTT-4.12.0-2]
  }

  /** Handles no more packets until {@link resume}: the owner has to find out something first. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Goes on with the packets that have come in meanwhile. */
  resume(): void {
    this.#isHeld = false;
    if (this.#isReading) this.#guard(() => this.#framer.resume(this));
  }

  /** Turns the client away with CONNACK, and `properties` such as a server reference. [MQTT-3.1.4-2] */
  refuse(reasonCode: number, message: string, properties?: Properties): void {
    if (this.#state !== "connecting") return;
    this.#fail({ reasonCode, message }, properties);
  }

  /** Ends an open connection for a reason of the server's: MQTT 5.0 clients get DISCONNECT. [MQTT-4.13.2-1] */
  disconnect(reasonCode: number, message: string, properties?: Properties): void {
    if (this.#state === "closed") return;
    this.#fail({ reasonCode, message }, properties);
  }

  /** Encodes `packet` into the outbox, without what the client did not ask for or has no room for. */
  send(packet: Exclude<Packet, { readonly type: "publish" }>): void {
    const bytes = this.#encode(packet);
    if (bytes === undefined) return;
    this.packetsSent++;
    this.outbox.append(bytes, 0, bytes.length);
    this.#owner.scheduleFlush();
  }

  /** The client was not read until `now`: its silence is no sign that it is gone. */
  excuseSilence(now: Instant): void {
    this.#lastReceivedAt = now;
  }

  nextDeadline(): Instant {
    if (this.#state === "closed") return NEVER;
    if (this.#state === "open") return this.#lastReceivedAt + this.#keepAliveMs;
    return this.#openedAt + this.#options.connectTimeoutMs;
  }

  handleTimeout(now: Instant): void {
    if (now < this.nextDeadline()) return;
    if (this.#state === "open")
      this.disconnect(ReasonCode.keepAliveTimeout, `nothing came for ${this.#keepAliveMs} ms`);
    else this.#fail(protocolError(`no CONNECT within ${this.#options.connectTimeoutMs} ms`));
  }

  /** The transport is gone, or the owner has closed it: nothing more is read or sent. */
  close(): void {
    this.#state = "closed";
  }

  #receiveFirst(type: number, bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    // [MQTT-3.1.0-1]
    if (type !== PacketTypeCode.connect) throw protocolError(`the first packet has type ${type}, not CONNECT`);
    const packet = this.#decodeConnect(bytes, start, bodyStart, end);
    this.version = packet.protocolVersion;
    this.#state = "connecting";
    this.#isProblemInformationWanted = packet.properties?.requestProblemInformation ?? true;
    this.#clientMaximumPacketSize = packet.properties?.maximumPacketSize ?? MAX_PACKET_SIZE;
    this.#isSessionKept = (packet.properties?.sessionExpiryInterval ?? 0) > 0;
    this.#owner.handleConnect(packet);
  }

  /** Decodes a CONNECT; one that cannot be is answered in its version, or, if that is none of ours, in the oldest way. */
  #decodeConnect(bytes: Uint8Array, start: number, bodyStart: number, end: number): ConnectPacket {
    try {
      // The type says that it is a CONNECT.
      return decodePacket(bytes, start, end, undefined) as ConnectPacket;
    } catch (error) {
      const version = peekProtocolVersion(bytes, bodyStart, end);
      const isForeign =
        error instanceof MqttProtocolError && error.reasonCode === ReasonCode.unsupportedProtocolVersion;
      // [MQTT-3.1.2-2]; other bytes may not even be from an MQTT client, and get no answer.
      if (version !== undefined || isForeign) this.#state = "connecting";
      this.version = version ?? 4;
      throw error;
    }
  }

  /** Before CONNACK a client has nothing to say but its next step, or that it goes. [MQTT-3.1.2-30] */
  #receiveAuthenticating(packet: Packet): void {
    if (packet.type === "auth") {
      this.#state = "connecting";
      this.#owner.handleAuth(packet);
    } else if (packet.type === "disconnect") {
      this.#state = "closed";
      this.#owner.handleDisconnect(packet);
    } else throw protocolError(`${packet.type} before the end of the authentication`);
  }

  #receiveOpen(type: number, bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    switch (type) {
      case PacketTypeCode.connect:
        throw protocolError("a second CONNECT"); // [MQTT-3.1.0-2]
      case PacketTypeCode.publish:
        this.#publish.parse(bytes, start, bodyStart, end, this.version);
        this.#owner.handlePublish(this.#publish);
        return;
      case PacketTypeCode.puback:
      case PacketTypeCode.pubrec:
      case PacketTypeCode.pubrel:
      case PacketTypeCode.pubcomp:
        this.#receiveAcknowledgement(bytes, start, bodyStart, end);
        return;
      case PacketTypeCode.subscribe:
      case PacketTypeCode.unsubscribe:
        this.#checkSubscribeSize(end - start);
        this.#receiveControl(decodePacket(bytes, start, end, this.version));
        return;
      default:
        this.#receiveControl(decodePacket(bytes, start, end, this.version));
    }
  }

  #checkSubscribeSize(size: number): void {
    const { maximumSubscribeSize } = this.#options;
    if (size <= maximumSubscribeSize) return;
    const message = `a SUBSCRIBE or UNSUBSCRIBE of ${size} bytes exceeds ${maximumSubscribeSize}`;
    throw new MqttProtocolError(ReasonCode.quotaExceeded, message);
  }

  #receiveAcknowledgement(bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    const frame = this.#acknowledgement;
    frame.parse(bytes, start, bodyStart, end, this.version);
    // Nothing in them is used, but bytes that are no properties must not pass.
    if (frame.propertiesStart !== frame.end) frame.properties();
    this.#owner.handleAcknowledgement(frame);
  }

  #receiveControl(packet: Packet): void {
    switch (packet.type) {
      case "subscribe":
        this.#owner.handleSubscribe(packet);
        return;
      case "unsubscribe":
        this.#owner.handleUnsubscribe(packet);
        return;
      case "pingreq":
        this.send({ type: "pingresp" }); // [MQTT-3.12.4-1]
        return;
      case "disconnect":
        this.#checkSessionExpiry(packet);
        this.#state = "closed";
        this.#owner.handleDisconnect(packet);
        return;
      case "auth":
        this.#owner.handleAuth(packet);
        return;
      case "connect":
      case "connack":
      case "suback":
      case "unsuback":
      case "pingresp":
      case "publish":
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp":
        throw protocolError(`${packet.type} from a client`);
    }
  }

  /** A session that was to end with its connection cannot be kept at the last moment (3.14.2.2.2). */
  #checkSessionExpiry({ properties }: DisconnectPacket): void {
    const expiry = properties?.sessionExpiryInterval ?? 0;
    if (expiry === 0 || this.#isSessionKept) return;
    throw protocolError(`DISCONNECT raises the session expiry interval from 0 to ${expiry}`);
  }

  /** A protocol error ends the connection; anything else is our own fault and is not hidden. */
  #guard(receive: () => void): void {
    try {
      receive();
    } catch (error) {
      if (!(error instanceof MqttProtocolError)) throw error;
      this.#fail(error);
    }
  }

  #fail({ reasonCode, message }: ConnectionFailure, more?: Properties): void {
    const state = this.#state;
    if (state === "closed") return;
    this.#state = "closed";
    // What the owner has still to say comes first: DISCONNECT is the last packet. [MQTT-3.14.4-1]
    this.#owner.handleFailure({ reasonCode, message });
    const properties = { ...more, reasonString: toReasonString(message) };
    if (state === "open" && this.version === 5) {
      this.send({ type: "disconnect", reasonCode: wordOf("disconnect", reasonCode), properties });
    } else if (state === "connecting" || state === "authenticating") {
      const code = this.version === 5 ? wordOf("connack", reasonCode) : connectReturnCode(reasonCode);
      // Where the older versions have no word for it, closing must do.
      if (code !== undefined) this.send({ type: "connack", sessionPresent: false, reasonCode: code, properties });
    }
  }

  #encode(packet: Exclude<Packet, { readonly type: "publish" }>): Uint8Array | undefined {
    if (this.version !== 5) return encodePacket(inOldWords(packet), this.version);
    const mayExplain = this.#isProblemInformationWanted || packet.type === "connack" || packet.type === "disconnect"; // [MQTT-3.1.2-29]
    const bytes = encodePacket(mayExplain ? packet : withoutExplanation(packet), this.version);
    if (bytes.length <= this.#clientMaximumPacketSize) return bytes;
    // What only explains is left out before the packet is. [MQTT-3.2.2-19] [MQTT-3.14.2-3]
    const shorter = encodePacket(withoutExplanation(packet), this.version);
    return shorter.length <= this.#clientMaximumPacketSize ? shorter : undefined;
  }
}

/** SUBACK has one word for all failures before MQTT 5.0. */
function inOldWords(packet: Packet): Packet {
  if (packet.type !== "suback") return packet;
  return { ...packet, reasonCodes: packet.reasonCodes.map((code) => (code < 0x80 ? code : SUBACK_FAILURE)) };
}

/** The reason code itself where the packet may carry it, else what comes close. */
function wordOf(packet: "connack" | "disconnect", reasonCode: number): number {
  if (isReasonCodeOf(packet, reasonCode)) return reasonCode;
  const isClosing = packet === "connack" && reasonCode === ReasonCode.serverShuttingDown;
  return isClosing ? ReasonCode.serverUnavailable : ReasonCode.unspecifiedError;
}

/** Messages quote what the client sent, which may be long, and what is cut may not end in half a character. */
export function toReasonString(message: string): string {
  return message.slice(0, LONGEST_REASON_STRING).toWellFormed();
}

const LONGEST_REASON_STRING = 512;

function withoutExplanation<P extends Packet>(packet: P): P {
  if (!("properties" in packet) || packet.properties === undefined) return packet;
  return { ...packet, properties: { ...packet.properties, reasonString: undefined, userProperties: undefined } };
}
