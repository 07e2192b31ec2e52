import { type Instant, NEVER, type RandomSource } from "@isthmus/machine";
import { viewBytes } from "../codec/byte-slices.js";
import { isRequestCode } from "../codec/codes.js";
import { datagramLength, encodeDatagram, encodeEmpty, MessageType, writeDatagram } from "../codec/datagram.js";
import type { CoapMessage } from "../codec/message.js";
import type { DatagramPeer } from "./datagram-peer.js";
import type { DeadlineQueue } from "./deadline-queue.js";
import type { Address } from "./endpoint.js";
import type { Destination } from "./endpoint-options.js";
import { Transmission, type TransmissionSpec } from "./transmission.js";
import type { TransmissionParameters, TransmissionTimes } from "./transmission-parameters.js";

/** What the outbox is made of; all of it belongs to one endpoint. */
export interface OutboxOptions {
  readonly parameters: TransmissionParameters;
  readonly times: TransmissionTimes;
  readonly random: RandomSource;
  readonly deadlines: DeadlineQueue;
  readonly transmit: (bytes: Uint8Array, to: Destination, isReported: boolean) => void;
  /** Messages that may wait for their turn with one peer. */
  readonly maxQueuedPerPeer: number;
  /** Messages under way or waiting, with all peers. */
  readonly maxTransmissions: number;
  /** How many times the bytes that came from an unverified address may go to it; Infinity for no limit. */
  readonly amplificationFactor: number;
  readonly headerBytes: number;
  readonly isTrusted: (address: Address) => boolean;
}

/** Datagrams that were not sent, and why. */
export interface OutboxCounters {
  retransmissions: number;
  amplificationDrops: number;
}

/** Buffers for datagrams are cut from slabs of this size: one allocation for many messages. */
const SLAB_BYTES = 32_768;

/**
 * The sending half of the message layer: message ids, NSTART, retransmission with exponential back-off
 * (RFC 7252 4.2, 4.4, 4.7), and the bound on what unverified addresses get (RFC 9175 2.4).
 */
export class Outbox {
  readonly counters: OutboxCounters = { retransmissions: 0, amplificationDrops: 0 };
  readonly #options: OutboxOptions;
  #slab = new Uint8Array(0);
  #slabUsed = 0;
  #transmissionCount = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Sends `spec` at once or when its turn comes; undefined when too many wait. */
  send(now: Instant, spec: TransmissionSpec): Transmission | undefined {
    const { peer } = spec;
    const { maxTransmissions, maxQueuedPerPeer } = this.#options;
    if (this.#transmissionCount >= maxTransmissions || peer.queue.length >= maxQueuedPerPeer) return undefined;
    const transmission = new Transmission(this, spec);
    this.#transmissionCount++;
    peer.holds++;
    peer.queue.push(transmission);
    this.#serveQueue(now, peer);
    return transmission;
  }

  /** Sends a Non-confirmable message at once; -1 instead of a message id when ids are exhausted. */
  sendNonConfirmable(now: Instant, peer: DatagramPeer, message: CoapMessage): number {
    if (peer.messageIds.availableAt() > now) return -1;
    const messageId = peer.messageIds.take(now + this.#options.times.nonLifetimeMs);
    this.transmit(peer, this.encode(MessageType.NON, messageId, message));
    return messageId;
  }

  /** The datagram for `message`; it stays valid, and is not to be kept for long. */
  encode(type: MessageType, messageId: number, message: CoapMessage): Uint8Array {
    const length = datagramLength(message);
    const bytes = this.#allocate(length);
    writeDatagram(bytes, 0, type, messageId, message);
    return bytes;
  }

  /** Bytes that may go to `peer` before it sends again. */
  sendAllowance(peer: DatagramPeer): number {
    if (peer.isVerified) return NEVER;
    const { amplificationFactor, headerBytes, isTrusted } = this.#options;
    if (amplificationFactor === Number.POSITIVE_INFINITY || isTrusted(peer)) {
      peer.isVerified = true;
      return NEVER;
    }
    return amplificationFactor * peer.receivedBytes - peer.sentBytes - headerBytes;
  }

  /** Counts what came from `peer`. */
  countReceived(peer: DatagramPeer, bytes: Uint8Array): void {
    if (!peer.isVerified) peer.receivedBytes += bytes.length + this.#options.headerBytes;
  }

  /** The Echo value that proves the address of `peer`: 32 random bits, small enough for the shortest request. */
  challenge(peer: DatagramPeer): Uint8Array | undefined {
    if (this.sendAllowance(peer) === NEVER) return undefined;
    if (peer.challenge === undefined) {
      peer.challenge = new Uint8Array(4);
      new DataView(peer.challenge.buffer).setUint32(0, this.#options.random.nextUint32());
    }
    return peer.challenge;
  }

  /** Sends what `peer` brought about, unless it would be more than its address may get. */
  transmit(peer: DatagramPeer, bytes: Uint8Array): void {
    if (!peer.isVerified) {
      if (bytes.length > this.sendAllowance(peer)) {
        this.counters.amplificationDrops++;
        return;
      }
      peer.sentBytes += bytes.length + this.#options.headerBytes;
    }
    this.#options.transmit(bytes, peer, false);
  }

  /** Ends `transmission` without a word to its listener, and lets the next one have its turn. */
  settle(now: Instant, transmission: Transmission): void {
    if (transmission.isSettled) return;
    transmission.isSettled = true;
    const { peer } = transmission.spec;
    this.#options.deadlines.cancel(transmission);
    this.#transmissionCount--;
    peer.holds--;
    if (transmission.messageId === undefined) {
      peer.queue.splice(peer.queue.indexOf(transmission), 1);
    } else {
      peer.outstanding?.delete(transmission.messageId);
      if (transmission.spec.message !== undefined) peer.outstandingCount--;
    }
    this.#serveQueue(now, peer);
  }

  /** The timer of `transmission` went off: it is sent again, given up, or was waiting for a message id. */
  handleTransmissionDue(now: Instant, transmission: Transmission): void {
    const { peer, isConfirmable, listener } = transmission.spec;
    if (transmission.messageId === undefined) {
      this.#serveQueue(now, peer);
    } else if (!isConfirmable) {
      // RFC 7252 4.7: probed for long enough; whoever waits for the response goes on waiting.
      this.settle(now, transmission);
    } else if (transmission.retransmissions < this.#options.parameters.maxRetransmit) {
      this.#retransmit(now, transmission);
    } else {
      this.settle(now, transmission);
      listener?.handleDeliveryTimeout(now);
    }
  }

  #retransmit(now: Instant, transmission: Transmission): void {
    transmission.retransmissions++;
    // RFC 7252 4.2: the timeout is doubled.
    transmission.timeoutMs *= 2;
    this.counters.retransmissions++;
    this.#options.deadlines.schedule(transmission, now + transmission.timeoutMs);
    this.#replaceByNewer(now, transmission);
    this.#transmitOwn(transmission);
  }

  /** RFC 7641 4.5.2: a newer notification takes the place of the old one, with the attempts that it has left. */
  #replaceByNewer(now: Instant, transmission: Transmission): void {
    const { peer, listener } = transmission.spec;
    if (transmission.messageId === undefined || peer.messageIds.availableAt() > now) return;
    const newer = listener?.takeNewerMessage?.(now);
    if (newer === undefined) return;
    peer.outstanding?.delete(transmission.messageId);
    transmission.message = newer;
    this.#assignMessageId(now, transmission);
  }

  #assignMessageId(now: Instant, transmission: Transmission): void {
    const { peer, isConfirmable } = transmission.spec;
    const { times } = this.#options;
    const messageId = peer.messageIds.take(now + (isConfirmable ? times.exchangeLifetimeMs : times.nonLifetimeMs));
    const type = isConfirmable ? MessageType.CON : MessageType.NON;
    const { message } = transmission;
    transmission.messageId = messageId;
    // In a buffer of its own: it is kept for a minute, and would keep the slab that it stood in.
    transmission.bytes =
      message === undefined ? encodeEmpty(type, messageId) : encodeDatagram({ type, messageId, ...message });
    (peer.outstanding ??= new Map<number, Transmission>()).set(messageId, transmission);
  }

  /** Sends a message of our own accord; a response still counts as brought about by its request. */
  #transmitOwn({ spec, bytes, message }: Transmission): void {
    if (bytes === undefined) return;
    if (message === undefined || isRequestCode(message.code)) this.#options.transmit(bytes, spec.peer, true);
    else this.transmit(spec.peer, bytes);
  }

  #serveQueue(now: Instant, peer: DatagramPeer): void {
    for (let first = peer.queue[0]; first !== undefined; first = peer.queue[0]) {
      const isPing = first.spec.message === undefined;
      // RFC 7252 4.7: at most NSTART outstanding interactions with one endpoint.
      if (!isPing && peer.outstandingCount >= this.#options.parameters.nstart) return;
      const availableAt = peer.messageIds.availableAt();
      if (availableAt > now) {
        this.#options.deadlines.schedule(first, availableAt);
        return;
      }
      peer.queue.shift();
      this.#start(now, first);
    }
  }

  #start(now: Instant, transmission: Transmission): void {
    const { parameters, random, deadlines } = this.#options;
    this.#assignMessageId(now, transmission);
    const { peer, isConfirmable } = transmission.spec;
    if (transmission.message !== undefined) peer.outstandingCount++;
    if (isConfirmable) {
      // RFC 7252 4.2: a random duration between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR.
      const spread = (parameters.ackRandomFactor - 1) * (random.nextUint32() / 0x1_0000_0000);
      transmission.timeoutMs = parameters.ackTimeoutMs * (1 + spread);
    } else {
      // RFC 7252 4.7: an endpoint that does not answer gets no more than PROBING_RATE on average.
      const length = transmission.bytes?.length ?? 0;
      transmission.timeoutMs = (length / parameters.probingRateBytesPerSecond) * 1_000;
    }
    deadlines.schedule(transmission, now + transmission.timeoutMs);
    this.#transmitOwn(transmission);
  }

  #allocate(length: number): Uint8Array {
    if (length > SLAB_BYTES / 4) return new Uint8Array(length);
    if (this.#slabUsed + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += length;
    return viewBytes(this.#slab, start, start + length);
  }
}
