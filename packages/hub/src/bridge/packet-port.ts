import type { Transport, TransportListener } from "@isthmus/mqtt";
import {
  decodePacket,
  encodePacket,
  Framer,
  type FrameSink,
  type Packet,
  type ProtocolVersion,
} from "@isthmus/mqtt/codec";

/** What becomes of what a {@link PacketPort} gets. */
export interface PacketPortOwner {
  handlePacket(packet: Packet): void;
  /** The port takes no more for now, or takes more again. */
  handleCongestion(isCongested: boolean): void;
  /** It is over. Called once. */
  handleClose(error: Error | undefined): void;
}

/** One end of a bridge: MQTT packets over a transport, one write a turn. */
export class PacketPort implements TransportListener, FrameSink {
  readonly version: ProtocolVersion;
  /** On the monotonic clock. */
  sentAt = performance.now();
  receivedAt = performance.now();
  isPaused = false;
  /** The end, when there was nobody to be told of it. */
  #isClosed = false;
  #owner: PacketPortOwner | undefined;
  readonly #transport: Transport;
  readonly #framer: Framer;
  #waiting: Uint8Array[] = [];
  #isCongested = false;
  #error: Error | undefined;

  /** @param maximumPacketSize bytes of the largest packet that may come in. */
  constructor(transport: Transport, version: ProtocolVersion, maximumPacketSize: number) {
    this.#transport = transport;
    this.version = version;
    this.#framer = new Framer({ maximumPacketSize });
  }

  /** Begins to read; what comes goes to `owner`. */
  open(owner: PacketPortOwner): void {
    this.#owner = owner;
    this.#transport.open(this);
  }

  /** Hands the port on. An owner that comes too late is told so. */
  handTo(owner: PacketPortOwner): void {
    this.#owner = owner;
    if (this.#isClosed) owner.handleClose(this.#error);
  }

  /** @throws RangeError for a packet that cannot be encoded. */
  send(packet: Packet): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
    this.#waiting.push(encodePacket(packet, this.version));
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) this.#transport.pause();
    else this.#transport.resume();
  }

  /** Sends what waits, then closes. */
  end(): void {
    this.#flush();
    this.#transport.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#transport.destroy();
  }

  receiveBytes(bytes: Uint8Array): void {
    this.receivedAt = performance.now();
    try {
      this.#framer.receive(bytes, this);
    } catch (error) {
      // The other side does not keep to the protocol: a bridge cannot go on with it.
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  receiveFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number): boolean {
    this.#owner?.handlePacket(decodePacket(bytes, start, end, this.version));
    return true;
  }

  handleDrain(): void {
    this.#isCongested = false;
    this.#owner?.handleCongestion(false);
  }

  handleClose(error: Error | undefined): void {
    this.#waiting = [];
    this.#isClosed = true;
    this.#error ??= error;
    this.#owner?.handleClose(this.#error);
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.sentAt = performance.now();
    if (this.#transport.writeAll(waiting) || this.#isCongested) return;
    this.#isCongested = true;
    this.#owner?.handleCongestion(true);
  }
}
