import { equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Code, isIdempotentMethod, isRequestCode, isResponseCode } from "../codec/codes.js";
import {
  confirmableMessageId,
  type DatagramMessage,
  decodeDatagram,
  encodeEmpty,
  MessageType,
} from "../codec/datagram.js";
import { MessageFormatError } from "../codec/errors.js";
import type { CoapMessage } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import type { DatagramPeer } from "./datagram-peer.js";
import { DatagramReceipt } from "./datagram-receipt.js";
import type { DeadlineQueue } from "./deadline-queue.js";
import { type DeduplicationTable, type EntryId, UNKNOWN_ENTRY } from "./deduplication.js";
import type { Address } from "./endpoint.js";
import type { Destination } from "./endpoint-options.js";
import type { BlockLimit, Delivery, DeliveryListener, LowerLayer, UpperLayer } from "./lower-layer.js";
import type { Outbox } from "./outbox.js";
import type { PeerTable } from "./peer-table.js";
import { type RequestRate, TokenBucket } from "./token-bucket.js";
import type { TransmissionTimes } from "./transmission-parameters.js";

/** What the message layer is made of; all of it belongs to one endpoint. */
export interface MessageLayerOptions {
  readonly peers: PeerTable;
  readonly deduplication: DeduplicationTable;
  readonly outbox: Outbox;
  readonly deadlines: DeadlineQueue;
  readonly times: TransmissionTimes;
  readonly transmit: (bytes: Uint8Array, to: Destination, isReported: boolean) => void;
  /** How long an answer to a Confirmable request may take to be piggybacked on its acknowledgement. */
  readonly piggybackWindowMs: number;
  readonly maxTokenLength: number;
  /** Requests that may wait for their answer; beyond it new ones are dropped, and come again. */
  readonly maxPendingRequests: number;
  readonly blockLimit: BlockLimit;
  /** How many requests one peer may make; undefined for any number. */
  readonly requestRate: RequestRate | undefined;
}

/** What came in and led to nothing, by cause. */
export interface MessageLayerCounters {
  received: number;
  malformed: number;
  duplicates: number;
  ignored: number;
  /** Messages dropped because too many peers are in use, or too many requests unanswered. */
  overload: number;
}

/** Types, message ids, acknowledgements and duplicates: RFC 7252 4. */
export class MessageLayer implements LowerLayer<DatagramPeer> {
  readonly isReliable = false;
  readonly counters: MessageLayerCounters = { received: 0, malformed: 0, duplicates: 0, ignored: 0, overload: 0 };
  /** Requests handed on and not answered. */
  pendingRequests = 0;
  readonly #options: MessageLayerOptions;
  readonly #upper: UpperLayer<DatagramPeer>;

  constructor(options: MessageLayerOptions, upper: UpperLayer<DatagramPeer>) {
    this.#options = options;
    this.#upper = upper;
  }

  /** Takes in a datagram; `isMulticast` when it was sent to a group. */
  receive(now: Instant, bytes: Uint8Array, from: Address, isMulticast: boolean): void {
    this.counters.received++;
    let message: DatagramMessage;
    try {
      message = decodeDatagram(bytes, this.#options.maxTokenLength);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#rejectMalformed(bytes, from, isMulticast);
      return;
    }
    const peer = this.#options.peers.touch(now, from);
    if (peer === undefined) {
      this.counters.overload++;
      return;
    }
    this.#options.outbox.countReceived(peer, bytes);
    switch (message.type) {
      case MessageType.CON:
      case MessageType.NON:
        this.#receiveMessage(now, peer, message, isMulticast);
        return;
      case MessageType.ACK:
        this.#receiveAcknowledgement(now, peer, message);
        return;
      case MessageType.RST:
        this.#receiveReset(now, peer, message);
        return;
    }
  }

  send(
    now: Instant,
    peer: DatagramPeer,
    message: CoapMessage,
    isConfirmable: boolean,
    listener: DeliveryListener,
  ): Delivery | undefined {
    return this.#options.outbox.send(now, { peer, message, isConfirmable, listener });
  }

  sendNotification(now: Instant, peer: DatagramPeer, message: CoapMessage): number {
    return this.#options.outbox.sendNonConfirmable(now, peer, message);
  }

  sendToGroup(now: Instant, peer: DatagramPeer, message: CoapMessage): void {
    const messageId = peer.messageIds.take(now + this.#options.times.nonLifetimeMs);
    this.#options.transmit(this.#options.outbox.encode(MessageType.NON, messageId, message), peer, false);
  }

  ping(now: Instant, peer: DatagramPeer, listener: DeliveryListener): Delivery | undefined {
    return this.#options.outbox.send(now, { peer, message: undefined, isConfirmable: true, listener });
  }

  sendAllowance(peer: DatagramPeer): number {
    return this.#options.outbox.sendAllowance(peer);
  }

  admit(now: Instant, peer: DatagramPeer): number {
    const { requestRate } = this.#options;
    if (requestRate === undefined) return 0;
    peer.requestBucket ??= new TokenBucket(now, requestRate);
    return peer.requestBucket.take(now);
  }

  /** The network cannot reach `peer`: what is waited for from it will not come. */
  handleUnreachable(now: Instant, peer: DatagramPeer): void {
    // A copy: settling takes them out.
    for (const transmission of Array.from(peer.outstanding?.values() ?? [])) {
      transmission.settle(now);
      transmission.spec.listener?.handleUnreachable(now);
    }
  }

  challenge(peer: DatagramPeer): Uint8Array | undefined {
    return this.#options.outbox.challenge(peer);
  }

  receiveEcho(peer: DatagramPeer, echo: Uint8Array): void {
    if (peer.challenge !== undefined && equalBytes(peer.challenge, echo)) peer.isVerified = true;
  }

  blockLimit(): BlockLimit {
    return this.#options.blockLimit;
  }

  hold(peer: DatagramPeer): void {
    peer.holds++;
  }

  release(peer: DatagramPeer): void {
    peer.holds--;
  }

  #rejectMalformed(bytes: Uint8Array, from: Address, isMulticast: boolean): void {
    this.counters.malformed++;
    const messageId = confirmableMessageId(bytes);
    // RFC 7252 4.2, 4.3: a Confirmable one is rejected with a Reset, any other ignored; 8.1: no Reset to a group's.
    if (messageId !== undefined && !isMulticast) {
      this.#options.transmit(encodeEmpty(MessageType.RST, messageId), from, false);
    }
  }

  #receiveMessage(now: Instant, peer: DatagramPeer, message: DatagramMessage, isMulticast: boolean): void {
    const isConfirmable = message.type === MessageType.CON;
    // RFC 7252 8.1: multicast requests MUST be Non-confirmable; 4.3: a Non-confirmable message MUST NOT be Empty.
    if ((isMulticast && isConfirmable) || (message.code === Code.EMPTY && !isConfirmable)) {
      this.counters.ignored++;
      return;
    }
    if (message.code === Code.EMPTY) {
      // RFC 7252 4.3: provoking a Reset, "CoAP ping".
      this.#options.outbox.transmit(peer, encodeEmpty(MessageType.RST, message.messageId));
      return;
    }
    const { deduplication, times } = this.#options;
    const known = deduplication.find(now, peer.id, message.messageId);
    if (known !== UNKNOWN_ENTRY && this.#handleDuplicate(peer, message, known)) return;
    if (this.pendingRequests >= this.#options.maxPendingRequests && isRequestCode(message.code)) {
      this.counters.overload++;
      return;
    }
    const lifetimeMs = isConfirmable ? times.exchangeLifetimeMs : times.nonLifetimeMs;
    const entry = deduplication.add(now, peer.id, message.messageId, now + lifetimeMs);
    if (isRequestCode(message.code)) {
      const receipt = new DatagramReceipt(this, this.#options, peer, message, entry, isMulticast);
      this.#upper.handleRequest(now, peer, message, receipt);
      receipt.awaitReply(now);
    } else if (!isMulticast) {
      this.#receiveResponse(now, peer, message, entry);
    }
  }

  /** @returns false when the message is to be handled anew. */
  #handleDuplicate(peer: DatagramPeer, message: DatagramMessage, entry: EntryId): boolean {
    this.counters.duplicates++;
    // RFC 7252 4.3: duplicates of a Non-confirmable message are silently ignored.
    if (message.type === MessageType.NON) return true;
    const reply = this.#options.deduplication.reply(entry);
    // Not answered yet: the acknowledgement is on its way, or the piggybacked response.
    if (reply === undefined) return true;
    if (reply === "overwritten") {
      // The limits are too small for the load. Handling it twice is what must not happen, so a request that would do
      // something twice is met with silence.
      if (isRequestCode(message.code) && !isIdempotentMethod(message.code)) return true;
      this.#options.deduplication.forget(entry);
      return false;
    }
    // RFC 7252 4.5: each duplicate is acknowledged the same way, with the same response, and handled once only.
    this.#options.outbox.transmit(peer, reply);
    return true;
  }

  /** A separate response or a notification. */
  #receiveResponse(now: Instant, peer: DatagramPeer, message: DatagramMessage, entry: EntryId): void {
    const isWanted = this.#upper.handleResponse(now, peer, message);
    if (isWanted) peer.isVerified = true;
    else this.counters.ignored++;
    const isConfirmable = message.type === MessageType.CON;
    // RFC 7252 4.3: a Non-confirmable message may be rejected with a Reset: worth it when that ends an observation
    // (RFC 7641 3.6), and noise for the late response of a group.
    if (!isConfirmable && (isWanted || !message.options.has(Option.OBSERVE))) return;
    const reply = encodeEmpty(isWanted ? MessageType.ACK : MessageType.RST, message.messageId);
    this.#options.deduplication.setReply(entry, reply);
    this.#options.outbox.transmit(peer, reply);
  }

  #receiveAcknowledgement(now: Instant, peer: DatagramPeer, message: DatagramMessage): void {
    const transmission = peer.outstanding?.get(message.messageId);
    if (transmission === undefined || !transmission.spec.isConfirmable) {
      this.counters.ignored++;
      return;
    }
    const { listener } = transmission.spec;
    const sent = transmission.message;
    if (message.code === Code.EMPTY) {
      peer.isVerified = true;
      transmission.settle(now);
      listener?.handleAcknowledged(now);
      return;
    }
    // RFC 7252 4.2: an Acknowledgement carries a response or is Empty; 5.3.2: its token is that of the request.
    if (!isResponseCode(message.code) || sent === undefined || !equalBytes(sent.token, message.token)) {
      this.counters.ignored++;
      return;
    }
    peer.isVerified = true;
    transmission.settle(now);
    // RFC 7252 4.2: rejecting an Acknowledgement is ignoring it.
    if (!this.#upper.handleResponse(now, peer, message)) this.counters.ignored++;
  }

  #receiveReset(now: Instant, peer: DatagramPeer, message: DatagramMessage): void {
    if (message.code !== Code.EMPTY) {
      this.counters.ignored++;
      return;
    }
    const transmission = peer.outstanding?.get(message.messageId);
    if (transmission === undefined) {
      this.#upper.handleReset(now, peer, message.messageId);
      return;
    }
    transmission.settle(now);
    transmission.spec.listener?.handleReset(now);
  }
}
