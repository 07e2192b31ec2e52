import { byteAt } from "@isthmus/bytes";

import { MAX_PACKET_SIZE } from "./constants.js";
import { MqttProtocolError } from "./errors.js";
import { ReasonCode } from "./reason-codes.js";
import {
  endlessVariableByteInteger,
  overlongVariableByteInteger,
  variableByteIntegerSize,
} from "./variable-byte-integer.js";

const NO_BYTES = new Uint8Array(0);

/** Where a framer delivers packets. */
export interface FrameSink {
  /**
   * One whole packet: `bytes` from `start` (its first byte) to `end`, its variable header at `bodyStart`. The framer
   * never writes to these bytes again; whether they last is up to the owner of the chunk that they came in.
   *
   * @returns false to get no more for now: what is left waits for `resume`.
   */
  receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean;
}

/** Limits of a framer. */
export interface FramerOptions {
  /** Bytes of the largest packet to accept, fixed header included; default 268,435,460: all that MQTT can express. */
  readonly maximumPacketSize?: number | undefined;
}

/**
 * Cuts a stream of bytes into MQTT packets (2.1), however it is chunked.
 *
 * Packets that a chunk holds whole are delivered in place: nothing is copied. One that is spread over chunks is
 * gathered in a buffer that grows with the bytes that have come, never with the length that they claim; a packet above
 * the limit is refused when its length is known.
 *
 * After an error the stream has no packet boundary any more: close it, and do not use the framer again.
 */
export class Framer {
  #maximumPacketSize = MAX_PACKET_SIZE;
  /** Bytes not delivered yet: from #storeStart to #storeEnd. Delivered bytes of it are never overwritten. */
  #store: Uint8Array = NO_BYTES;
  #storeStart = 0;
  #storeEnd = 0;
  #isStopped = false;

  constructor(options: FramerOptions = {}) {
    this.setMaximumPacketSize(options.maximumPacketSize ?? MAX_PACKET_SIZE);
  }

  /** Bytes that wait for the rest of their packet, or for `resume`. */
  get pendingSize(): number {
    return this.#storeEnd - this.#storeStart;
  }

  /** Whether the sink has stopped the flow: feed no more before `resume`, for what comes is kept without a limit. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Changes the limit from the next packet on: a small one suits the first packet of an unknown peer.
   *
   * @throws RangeError when `sizeBytes` is not an integer from 2 to 268,435,460.
   */
  setMaximumPacketSize(sizeBytes: number): void {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 2 || sizeBytes > MAX_PACKET_SIZE) {
      throw new RangeError(`maximumPacketSize ${sizeBytes} is not an integer from 2 to ${MAX_PACKET_SIZE}`);
    }
    this.#maximumPacketSize = sizeBytes;
  }

  /**
   * Takes the next bytes of the stream and delivers each packet that they complete.
   *
   * `chunk` is not kept: its owner may reuse it once this returns. A subclass of Uint8Array, such as Node's Buffer, is
   * delivered as a plain Uint8Array on the same memory.
   *
   * @throws MqttProtocolError 0x95 for a packet above the limit, 0x81 for an overlong Remaining Length; and whatever
   * the sink throws.
   */
  receive(chunk: Uint8Array, sink: FrameSink): void {
    const bytes = chunk.constructor === Uint8Array ? chunk : plainView(chunk);
    let offset = 0;
    if (!this.#isStopped && this.pendingSize > 0) offset = this.#completePending(bytes, sink);
    if (!this.#isStopped) offset = this.#deliver(bytes, offset, bytes.length, sink);
    if (offset === bytes.length) return;
    this.#keep(bytes, offset, bytes.length, this.#isStopped ? Infinity : this.#frameSize(bytes, offset, bytes.length));
  }

  /** Goes on after the sink has returned false: delivers what was kept, until the sink stops it again. */
  resume(sink: FrameSink): void {
    this.#isStopped = false;
    this.#deliverStore(sink);
  }

  /** The hot loop: delivers every whole packet from `from` on, and returns where the first undelivered byte is. */
  #deliver(bytes: Uint8Array, from: number, end: number, sink: FrameSink): number {
    let start = from;
    while (start < end) {
      const length = remainingLength(bytes, start + 1, end);
      if (length === INCOMPLETE) break;
      const bodyStart = start + 1 + variableByteIntegerSize(length);
      const frameEnd = bodyStart + length;
      if (frameEnd - start > this.#maximumPacketSize) throw this.#packetTooLarge(frameEnd - start);
      if (frameEnd > end) break;
      const frameStart = start;
      start = frameEnd;
      if (!sink.receiveFrame(bytes, frameStart, bodyStart, frameEnd)) {
        this.#isStopped = true;
        break;
      }
    }
    return start;
  }

  /** Adds to the packet in the store what it lacks, delivers it if that completes it; returns how many bytes it took. */
  #completePending(bytes: Uint8Array, sink: FrameSink): number {
    let offset = 0;
    let size = this.#frameSize(this.#store, this.#storeStart, this.#storeEnd);
    while (size === Infinity && offset < bytes.length) {
      this.#keep(bytes, offset, ++offset, Infinity);
      size = this.#frameSize(this.#store, this.#storeStart, this.#storeEnd);
    }
    const taken = Math.min(size - this.pendingSize, bytes.length - offset);
    this.#keep(bytes, offset, offset + taken, size);
    if (this.pendingSize === size) this.#deliverStore(sink);
    return offset + taken;
  }

  #deliverStore(sink: FrameSink): void {
    this.#storeStart = this.#deliver(this.#store, this.#storeStart, this.#storeEnd, sink);
    if (this.#storeStart < this.#storeEnd) return;
    // Whoever got the packets may still look at them: the next bytes get a store of their own.
    this.#store = NO_BYTES;
    this.#storeStart = 0;
    this.#storeEnd = 0;
  }

  /** Size of the packet at `start`; Infinity while its Remaining Length is cut short. */
  #frameSize(bytes: Uint8Array, start: number, end: number): number {
    const length = remainingLength(bytes, start + 1, end);
    if (length === INCOMPLETE) return Infinity;
    const size = 1 + variableByteIntegerSize(length) + length;
    if (size > this.#maximumPacketSize) throw this.#packetTooLarge(size);
    return size;
  }

  /** Copies bytes behind those in the store. A larger store doubles what it must hold, up to `expectedSize`. */
  #keep(bytes: Uint8Array, from: number, to: number, expectedSize: number): void {
    const count = to - from;
    if (this.#storeEnd + count > this.#store.length) {
      const pending = this.#store.subarray(this.#storeStart, this.#storeEnd);
      const needed = pending.length + count;
      const larger = new Uint8Array(Math.max(needed, Math.min(expectedSize, 2 * needed + SMALL_STORE)));
      larger.set(pending);
      this.#store = larger;
      this.#storeStart = 0;
      this.#storeEnd = pending.length;
    }
    this.#store.set(bytes.subarray(from, to), this.#storeEnd);
    this.#storeEnd += count;
  }

  #packetTooLarge(size: number): Error {
    const limit = this.#maximumPacketSize;
    return new MqttProtocolError(
      ReasonCode.packetTooLarge,
      `a packet of ${size} bytes exceeds the maximum of ${limit}`,
    );
  }
}

/** Room beyond what is needed at once, so that most split packets need one store. */
const SMALL_STORE = 256;

const INCOMPLETE = -1;

/** The Remaining Length at `offset`, or INCOMPLETE when it goes on beyond `end`. [MQTT-1.5.5-1] */
function remainingLength(bytes: Uint8Array, offset: number, end: number): number {
  if (offset >= end) return INCOMPLETE;
  const first = byteAt(bytes, offset);
  return first < 0x80 ? first : longRemainingLength(bytes, offset, end);
}

function longRemainingLength(bytes: Uint8Array, offset: number, end: number): number {
  let length = byteAt(bytes, offset) & 0x7f;
  for (let i = 1; i < 4; i++) {
    if (offset + i >= end) return INCOMPLETE;
    const byte = byteAt(bytes, offset + i);
    length |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (byte === 0) throw overlongVariableByteInteger(length);
    return length;
  }
  throw endlessVariableByteInteger();
}

function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
