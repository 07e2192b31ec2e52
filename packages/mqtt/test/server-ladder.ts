import { concatBytes } from "@isthmus/bytes";
import { VirtualClock } from "@isthmus/testing";
import {
  type AcknowledgementFrame,
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  decodePacket,
  type DisconnectPacket,
  encodePacket,
  Framer,
  type Packet,
  type ProtocolVersion,
  type PublishFrame,
  type SubscribePacket,
  type UnsubscribePacket,
} from "../src/codec/index.js";
import { Outbox, OutboxMemory } from "../src/session/outbox.js";
import {
  type ConnectionFailure,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerConnectionOwner,
} from "../src/session/server-connection.js";
import type { Transport } from "../src/transport/transport.js";

/** A transport that keeps what is written: where an outbox of a test is flushed to. */
export class CapturingTransport implements Transport {
  readonly remoteAddress = "test";
  readonly bufferedBytes = 0;
  #written: Uint8Array[] = [];
  /** Calls of write and writeAll. */
  writeCount = 0;
  /** What write and writeAll return. */
  isFree = true;

  open(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}

  write(bytes: Uint8Array): boolean {
    this.writeCount++;
    this.#written.push(bytes);
    return this.isFree;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    this.writeCount++;
    this.#written.push(...parts);
    return this.isFree;
  }

  /** All bytes written since the last call. */
  take(): Uint8Array {
    return concatBytes(this.takeParts());
  }

  /** The same, as it was written. */
  takeParts(): Uint8Array[] {
    const parts = this.#written;
    this.#written = [];
    return parts;
  }
}

/** The packets that `bytes` hold whole. */
export function packetsOf(bytes: Uint8Array, version: ProtocolVersion): Packet[] {
  const packets: Packet[] = [];
  new Framer().receive(bytes, {
    receiveFrame(frame, start, _bodyStart, end) {
      packets.push(decodePacket(frame, start, end, version));
      return true;
    },
  });
  return packets;
}

/** What a {@link ServerConnection} told its owner, in short, in order. Lets everybody in unless told otherwise. */
export class RecordingOwner implements ServerConnectionOwner {
  readonly heard: string[] = [];
  connect: ConnectPacket | undefined;
  failure: ConnectionFailure | undefined;
  flushCount = 0;
  answer: (connection: ServerConnection) => void = (connection) => connection.accept(ACCEPTED, this.keepAlive);
  connection: ServerConnection | undefined;
  keepAlive = 0;

  handleConnect(packet: ConnectPacket): void {
    this.connect = packet;
    this.keepAlive = packet.keepAlive;
    this.heard.push("connect");
    if (this.connection !== undefined) this.answer(this.connection);
  }

  handlePublish(frame: PublishFrame): void {
    this.heard.push(`publish ${frame.topic()}`);
  }

  handleAcknowledgement(frame: AcknowledgementFrame): void {
    this.heard.push(`${frame.type} ${frame.packetIdentifier} ${frame.reasonCode}`);
  }

  handleSubscribe(packet: SubscribePacket): void {
    this.heard.push(`subscribe ${packet.packetIdentifier}`);
  }

  handleUnsubscribe(packet: UnsubscribePacket): void {
    this.heard.push(`unsubscribe ${packet.packetIdentifier}`);
  }

  handleAuth(packet: AuthPacket): void {
    this.heard.push(`auth ${packet.reasonCode}`);
  }

  handleDisconnect(packet: DisconnectPacket): void {
    this.heard.push(`disconnect ${packet.reasonCode}`);
  }

  handleFailure(failure: ConnectionFailure): void {
    this.failure = failure;
    this.heard.push(`failure 0x${failure.reasonCode.toString(16)}`);
  }

  scheduleFlush(): void {
    this.flushCount++;
  }
}

export const ACCEPTED: ConnackPacket = { type: "connack", sessionPresent: false, reasonCode: 0 };

/** A server connection, and the test as its client. */
export class ServerLadder {
  readonly clock = new VirtualClock();
  readonly owner = new RecordingOwner();
  readonly connection: ServerConnection;
  readonly version: ProtocolVersion;
  readonly #transport = new CapturingTransport();

  constructor(version: ProtocolVersion = 5, options: Partial<ServerConnectionOptions> = {}) {
    this.version = version;
    this.connection = new ServerConnection(
      this.owner,
      new Outbox(new OutboxMemory()),
      {
        maximumPacketSize: 1_000_000,
        connectTimeoutMs: 10_000,
        maximumConnectSize: 10_000,
        maximumSubscribeSize: 100_000,
        ...options,
      },
      this.clock.now,
    );
    this.owner.connection = this.connection;
  }

  /** Opens the connection up to CONNACK, which is left out of {@link replies}. */
  connect(rest: Partial<ConnectPacket> = {}): this {
    this.send(connectPacket(this.version, rest));
    this.replies();
    this.owner.heard.length = 0;
    return this;
  }

  /** Sends packets in one chunk. */
  send(...packets: Packet[]): this {
    return this.sendBytes(concatBytes(packets.map((packet) => encodePacket(packet, this.version))));
  }

  sendBytes(bytes: Uint8Array): this {
    this.connection.receiveBytes(this.clock.now, bytes);
    return this;
  }

  /** What the server has sent since the last call. */
  replies(): Packet[] {
    return packetsOf(this.repliedBytes(), this.version);
  }

  repliedBytes(): Uint8Array {
    this.connection.outbox.flush(this.#transport);
    return this.#transport.take();
  }

  /** Lets time pass; the timers are served at their deadlines. */
  advance(milliseconds: number): this {
    const until = this.clock.now + milliseconds;
    for (let at = this.connection.nextDeadline(); at <= until; at = this.connection.nextDeadline()) {
      this.clock.advanceTo(Math.max(at, this.clock.now));
      this.connection.handleTimeout(this.clock.now);
    }
    this.clock.advanceTo(until);
    return this;
  }
}

export function connectPacket(protocolVersion: ProtocolVersion, rest: Partial<ConnectPacket> = {}): ConnectPacket {
  return { type: "connect", protocolVersion, clientId: "c", cleanStart: true, keepAlive: 0, ...rest };
}
