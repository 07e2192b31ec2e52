import type { Instant } from "@isthmus/machine";
import type { CoapMessage } from "../codec/message.js";
import type { DatagramPeer } from "./datagram-peer.js";
import { Timed } from "./deadline-queue.js";
import type { Delivery, DeliveryListener } from "./lower-layer.js";
import type { Outbox } from "./outbox.js";

/** What is being transmitted, and how it is to be. */
export interface TransmissionSpec {
  readonly peer: DatagramPeer;
  /** Undefined: an Empty message, a ping. */
  readonly message: CoapMessage | undefined;
  readonly isConfirmable: boolean;
  readonly listener: DeliveryListener | undefined;
}

/**
 * A message that goes out of our own accord and is waited for: a Confirmable one until it is acknowledged, a
 * Non-confirmable request until it is answered or has been probing for long enough (RFC 7252 4.2, 4.7).
 */
export class Transmission extends Timed implements Delivery {
  readonly spec: TransmissionSpec;
  readonly #outbox: Outbox;
  /** What is sent: that of the spec, or what took its place. */
  message: CoapMessage | undefined;
  /** Undefined while it waits for its turn. */
  messageId: number | undefined;
  /** As sent; empty while it waits for its turn. */
  bytes: Uint8Array | undefined;
  retransmissions = 0;
  timeoutMs = 0;
  isSettled = false;

  constructor(outbox: Outbox, spec: TransmissionSpec) {
    super();
    this.#outbox = outbox;
    this.spec = spec;
    this.message = spec.message;
  }

  settle(now: Instant): void {
    this.#outbox.settle(now, this);
  }

  handleDue(now: Instant): void {
    this.#outbox.handleTransmissionDue(now, this);
  }
}
