import { connect, type Socket } from "node:net";

import { byteAt, readUint16 } from "@isthmus/bytes";
import { decodePacket, encodePacket, PacketTypeCode, type ProtocolVersion, type QoS } from "@isthmus/mqtt/codec";

import { connectFrame, subscribeFrame } from "./frames.js";
import { PacketScanner, type PacketSink } from "./packet-scanner.js";

/** What a connection of the generator is for: it is told of each packet, and when the chunk that held it is done. */
export interface ConnectionRole {
  receivePublish(qos: number, packetIdentifier: number, frameSize: number): void;
  receiveAcknowledgement(typeCode: number, packetIdentifier: number): void;
  /** All packets of a read have been told: the time to write what they call for. */
  endChunk(): void;
  /** The socket takes more after a write that returned false. */
  drain(): void;
}

/** Where and how the generator connects. */
export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly version: ProtocolVersion;
  readonly clientId: string;
  /** Its session outlives it. */
  readonly isDurable: boolean;
  /** Source address; for more connections to a loopback broker than one address has ports. */
  readonly localAddress?: string | undefined;
  /** Called once if the connection ends unasked while nobody waits for an answer. */
  readonly onFailure: (error: Error) => void;
  /** Gives up a connection that waits for its CONNACK. */
  readonly signal: AbortSignal;
}

/** A connection could not be made, or ended before it was asked to. The message says which one and why. */
export class BenchConnectionError extends Error {
  override readonly name = "BenchConnectionError";
}

/** In-flight limit of a broker that names none (MQTT 5.0, 3.2.2.3.3; MQTT 3.1.1 has no such limit). */
const DEFAULT_RECEIVE_MAXIMUM = 65_535;

const READ_SIZE = 256 * 1024;

const DISCONNECT_FRAME = encodePacket({ type: "disconnect", reasonCode: 0 }, 4);

/**
 * One buffer for the reads of all connections: each read is used up before the next one begins. Windows starts reads
 * before it knows of data, so there each connection has one of its own.
 */
const sharedReadBuffer = new Uint8Array(READ_SIZE);
function readBuffer(): Uint8Array {
  return process.platform === "win32" ? new Uint8Array(READ_SIZE) : sharedReadBuffer;
}

/** One MQTT connection of the load generator: a socket, a scanner, and no client between them. */
export class BenchConnection implements PacketSink {
  readonly socket: Socket;
  readonly version: ProtocolVersion;
  /** How many QoS 1 and 2 messages the broker takes before it acknowledges one. */
  receiveMaximum = DEFAULT_RECEIVE_MAXIMUM;
  role: ConnectionRole | undefined;
  readonly #options: ConnectionOptions;
  readonly #scanner = new PacketScanner(this);
  /** Who waits for the CONNACK, or for the SUBACK of the one SUBSCRIBE that is under way. */
  #waiting: PromiseWithResolvers<void> | undefined;
  #nextIdentifier = 1;
  #isClosed = false;

  private constructor(options: ConnectionOptions) {
    this.version = options.version;
    this.#options = options;
    this.socket = connect({
      host: options.host,
      port: options.port,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      noDelay: true,
      onread: {
        buffer: readBuffer(),
        callback: (length, bytes) => {
          this.#receive(bytes, length);
          return true;
        },
      },
    });
    this.socket.on("drain", () => this.role?.drain());
    this.socket.on("error", (error) => this.#fail(error));
    this.socket.on("close", () => this.#fail(new Error("the broker closed it")));
  }

  /** Connects and waits for CONNACK. Rejects when the broker refuses, and when the signal is aborted. */
  static async open(options: ConnectionOptions): Promise<BenchConnection> {
    const { signal } = options;
    signal.throwIfAborted();
    const connection = new BenchConnection(options);
    const giveUp = (): void => connection.#fail(new Error("the run has ended"));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await connection.#request(connectFrame(options.clientId, options.version, options.isDurable));
      signal.throwIfAborted();
      return connection;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Subscribes and waits for SUBACK: one at a time. Rejects when the broker refuses a filter. */
  subscribe(filters: readonly string[], qos: QoS): Promise<void> {
    return this.#request(subscribeFrame(this.#nextIdentifier++, filters, qos, this.version));
  }

  /** Says DISCONNECT and drops the socket; a broker that has not taken what was written before is left at once. */
  close(): void {
    if (this.#isClosed) return;
    if (this.socket.writableLength > 0) {
      this.reset();
      return;
    }
    this.#isClosed = true;
    this.socket.write(DISCONNECT_FRAME);
    this.socket.destroySoon();
  }

  /** Drops the socket with a reset: no port lingers in TIME_WAIT on this side. */
  reset(): void {
    this.#isClosed = true;
    this.socket.resetAndDestroy();
  }

  receivePublish(qos: number, packetIdentifier: number, frameSize: number): void {
    this.role?.receivePublish(qos, packetIdentifier, frameSize);
  }

  receiveControl(typeCode: number, bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    switch (typeCode) {
      case PacketTypeCode.puback:
      case PacketTypeCode.pubrec:
      case PacketTypeCode.pubrel:
      case PacketTypeCode.pubcomp:
        // A reason code stands behind the identifier in MQTT 5.0, unless it is success. [MQTT-3.4.2-1]
        if (end - bodyStart > 2 && byteAt(bytes, bodyStart + 2) >= 0x80) {
          throw new Error(`packet type ${typeCode} with reason code ${byteAt(bytes, bodyStart + 2)}`);
        }
        this.role?.receiveAcknowledgement(typeCode, readUint16(bytes, bodyStart));
        break;
      default:
        // The bytes are gone after this call; what is decoded from them is not kept.
        this.#receiveRare(bytes, start, end);
    }
  }

  #receiveRare(bytes: Uint8Array, start: number, end: number): void {
    const packet = decodePacket(bytes, start, end, this.version);
    if (packet.type === "connack") {
      if (packet.reasonCode !== 0) throw new Error(`CONNACK with code ${packet.reasonCode}`);
      this.receiveMaximum = packet.properties?.receiveMaximum ?? DEFAULT_RECEIVE_MAXIMUM;
      this.#answer();
    } else if (packet.type === "suback") {
      const refusal = packet.reasonCodes.find((code) => code >= 0x80);
      if (refusal !== undefined) throw new Error(`SUBACK with code ${refusal}`);
      this.#answer();
    } else if (packet.type === "disconnect") {
      throw new Error(`DISCONNECT with reason code ${packet.reasonCode}`);
    }
  }

  #receive(bytes: Uint8Array, length: number): void {
    try {
      this.#scanner.receive(bytes, length);
      this.role?.endChunk();
    } catch (cause) {
      this.#fail(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  #request(frame: Uint8Array): Promise<void> {
    this.#waiting = Promise.withResolvers();
    this.socket.write(frame);
    return this.#waiting.promise;
  }

  #answer(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #fail(cause: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.destroy();
    const error = new BenchConnectionError(`connection ${this.#options.clientId}: ${cause.message}`, { cause });
    if (this.#waiting) this.#waiting.reject(error);
    else this.#options.onFailure(error);
  }
}
