import type { Instant } from "@isthmus/machine";
import { type DatagramMessage, encodeEmpty, MessageType } from "../codec/datagram.js";
import type { CoapMessage } from "../codec/message.js";
import type { DatagramPeer } from "./datagram-peer.js";
import { Timed } from "./deadline-queue.js";
import type { EntryId } from "./deduplication.js";
import type { Receipt } from "./lower-layer.js";
import type { MessageLayer, MessageLayerOptions } from "./message-layer.js";

/**
 * A request that came as a datagram, and how it is acknowledged and answered (RFC 7252 5.2).
 *
 * A Confirmable one is answered on its acknowledgement while the piggyback window is open, and on its own later.
 */
export class DatagramReceipt extends Timed implements Receipt {
  readonly isConfirmable: boolean;
  readonly isMulticast: boolean;
  readonly #layer: MessageLayer;
  readonly #options: MessageLayerOptions;
  readonly #peer: DatagramPeer;
  readonly #messageId: number;
  readonly #entry: EntryId;
  #isAcknowledged = false;
  #isAnswered = false;
  #isHeld = false;

  constructor(
    layer: MessageLayer,
    options: MessageLayerOptions,
    peer: DatagramPeer,
    message: DatagramMessage,
    entry: EntryId,
    isMulticast: boolean,
  ) {
    super();
    this.#layer = layer;
    this.#options = options;
    this.#peer = peer;
    this.#messageId = message.messageId;
    this.#entry = entry;
    this.isConfirmable = message.type === MessageType.CON;
    this.isMulticast = isMulticast;
  }

  /** The request was handed on: unless it was answered at once, an acknowledgement is due before long. */
  awaitReply(now: Instant): void {
    if (this.#isAnswered) return;
    this.#peer.holds++;
    this.#layer.pendingRequests++;
    this.#isHeld = true;
    const { deadlines, piggybackWindowMs, times } = this.#options;
    deadlines.schedule(this, now + (this.isConfirmable ? piggybackWindowMs : times.nonLifetimeMs));
  }

  handleDue(now: Instant): void {
    if (this.isConfirmable && !this.#isAcknowledged) {
      // The piggyback window closed: the client is told to wait (RFC 7252 5.2.2).
      this.#acknowledge(encodeEmpty(MessageType.ACK, this.#messageId));
      this.#options.deadlines.schedule(this, now + this.#options.times.exchangeLifetimeMs);
    } else {
      // Nobody waits any more; a handler that never answers leaves nothing behind.
      this.#finish();
    }
  }

  reply(now: Instant, message: CoapMessage, isConfirmable = this.isConfirmable): void {
    if (this.#isAnswered) return;
    this.#finish();
    if (this.isConfirmable && !this.#isAcknowledged) {
      this.#acknowledge(this.#options.outbox.encode(MessageType.ACK, this.#messageId, message));
    } else if (isConfirmable) {
      this.#options.outbox.send(now, { peer: this.#peer, message, isConfirmable, listener: undefined });
    } else {
      this.#options.outbox.sendNonConfirmable(now, this.#peer, message);
    }
  }

  ignore(): void {
    if (this.#isAnswered) return;
    this.#finish();
    if (this.isConfirmable && !this.#isAcknowledged) {
      this.#acknowledge(encodeEmpty(MessageType.ACK, this.#messageId));
    }
  }

  withhold(): void {
    this.#finish();
  }

  reject(): void {
    this.#finish();
    if (this.isConfirmable && !this.#isAcknowledged) {
      this.#acknowledge(encodeEmpty(MessageType.RST, this.#messageId));
    }
  }

  #acknowledge(reply: Uint8Array): void {
    this.#isAcknowledged = true;
    this.#options.deduplication.setReply(this.#entry, reply);
    this.#options.outbox.transmit(this.#peer, reply);
  }

  #finish(): void {
    this.#isAnswered = true;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#peer.holds--;
    this.#layer.pendingRequests--;
    this.#options.deadlines.cancel(this);
  }
}
