import { PacketTypeCode, writePubrel } from "@isthmus/mqtt/codec";

import { AcknowledgementBuffer } from "./acknowledgement-buffer.js";
import type { BenchConnection, ConnectionRole } from "./bench-connection.js";
import type { FrameBatch } from "./frames.js";

/** A connection that publishes as the load tells it to. */
export interface Publisher extends ConnectionRole {
  /** Messages handed to the socket so far. */
  readonly sentCount: number;
  /** Whether nothing that was sent waits in this process or, for QoS 1 and 2, for the broker's acknowledgement. */
  readonly isSettled: boolean;
  /** Sends what it may of `allowance` messages (the last batch may exceed it); true when it could go on at once. */
  pump(allowance: number): boolean;
}

/** QoS 0: whole batches, as fast as the socket takes them. */
export class FloodPublisher implements Publisher {
  sentCount = 0;
  readonly #connection: BenchConnection;
  readonly #batches: readonly FrameBatch[];
  readonly #wake: () => void;
  #next = 0;
  #isBlocked = false;

  /** @param wake called when a blocked publisher can go on */
  constructor(connection: BenchConnection, batches: readonly FrameBatch[], wake: () => void) {
    this.#connection = connection;
    this.#batches = batches;
    this.#wake = wake;
  }

  get isSettled(): boolean {
    return this.#connection.socket.writableLength === 0;
  }

  pump(allowance: number): boolean {
    if (this.#isBlocked || allowance <= 0) return false;
    const batch = this.#batches[this.#next];
    if (!batch) return false;
    this.#next = (this.#next + 1) % this.#batches.length;
    this.sentCount += batch.count;
    this.#isBlocked = !this.#connection.socket.write(batch.bytes);
    return !this.#isBlocked;
  }

  drain(): void {
    this.#isBlocked = false;
    this.#wake();
  }

  receivePublish(): void {
    throw new Error("a PUBLISH on a connection that has no subscription");
  }

  receiveAcknowledgement(typeCode: number): void {
    throw new Error(`packet type ${typeCode} on a connection that publishes with QoS 0`);
  }

  endChunk(): void {}
}

/** What became of the PUBLISH of a packet identifier: awaiting PUBACK or PUBREC, then, with QoS 2, PUBCOMP. */
const IN_FLIGHT = { none: 0, published: 1, released: 2 } as const;

/**
 * QoS 1 and 2: a sliding window over a ring of prebuilt frames whose packet identifiers are 1 to the ring's length.
 *
 * A frame goes again only when the acknowledgement of its identifier has come (PUBACK, or PUBCOMP for QoS 2)
 * [MQTT-2.2.1-4], so the ring is longer than the window.
 */
export class WindowPublisher implements Publisher {
  sentCount = 0;
  readonly #connection: BenchConnection;
  readonly #ring: FrameBatch;
  readonly #qos: 1 | 2;
  readonly #window: number;
  readonly #wake: () => void;
  /** By packet identifier. */
  readonly #states: Uint8Array;
  #inFlightCount = 0;
  /** Index in the ring of the next frame; its packet identifier is one more. */
  #next = 0;
  readonly #pubrels = new AcknowledgementBuffer();

  constructor(connection: BenchConnection, ring: FrameBatch, qos: 1 | 2, window: number, wake: () => void) {
    this.#connection = connection;
    this.#ring = ring;
    this.#qos = qos;
    this.#window = Math.min(window, connection.receiveMaximum, ring.count);
    this.#states = new Uint8Array(ring.count + 1);
    this.#wake = wake;
  }

  get isSettled(): boolean {
    return this.#inFlightCount === 0;
  }

  pump(allowance: number): boolean {
    let rest = Math.min(this.#window - this.#inFlightCount, allowance);
    // Refilled by quarters: a write for each acknowledgement would measure the system calls of this process.
    if (rest < this.#window / 4 && this.#inFlightCount > 0) return false;
    while (rest > 0) {
      const run = this.#freeRun(rest);
      if (run === 0) break;
      const { bytes, frameSize, count } = this.#ring;
      this.#connection.socket.write(bytes.subarray(this.#next * frameSize, (this.#next + run) * frameSize));
      this.#states.fill(IN_FLIGHT.published, this.#next + 1, this.#next + 1 + run);
      this.#inFlightCount += run;
      this.sentCount += run;
      this.#next = (this.#next + run) % count;
      rest -= run;
    }
    return false;
  }

  /** How many frames from the next one on have a free identifier, up to `limit` and to the end of the ring. */
  #freeRun(limit: number): number {
    const most = Math.min(limit, this.#ring.count - this.#next);
    let run = 0;
    while (run < most && this.#states[this.#next + 1 + run] === IN_FLIGHT.none) run++;
    return run;
  }

  receiveAcknowledgement(typeCode: number, packetIdentifier: number): void {
    const state = this.#states[packetIdentifier];
    if (this.#qos === 1 && typeCode === PacketTypeCode.puback && state === IN_FLIGHT.published) {
      this.#free(packetIdentifier);
    } else if (this.#qos === 2 && typeCode === PacketTypeCode.pubrec && state === IN_FLIGHT.published) {
      this.#states[packetIdentifier] = IN_FLIGHT.released;
      this.#pubrels.append(writePubrel, packetIdentifier);
    } else if (this.#qos === 2 && typeCode === PacketTypeCode.pubcomp && state === IN_FLIGHT.released) {
      this.#free(packetIdentifier);
    } else {
      throw new Error(`packet type ${typeCode} for packet identifier ${packetIdentifier}, which does not wait for it`);
    }
  }

  #free(packetIdentifier: number): void {
    this.#states[packetIdentifier] = IN_FLIGHT.none;
    this.#inFlightCount--;
  }

  endChunk(): void {
    this.#pubrels.flush(this.#connection.socket);
    this.#wake();
  }

  drain(): void {}

  receivePublish(): void {
    throw new Error("a PUBLISH on a connection that has no subscription");
  }
}
