import { acknowledgementSize, writePubrel } from "../codec/acknowledgement.js";
import type { ProtocolVersion, QoS } from "../codec/packets.js";
import { ReasonCode } from "../codec/reason-codes.js";
import { Fifo } from "./fifo.js";
import { InFlightTable } from "./in-flight-table.js";
import type { OutboundEntry } from "./outbound-entry.js";
import type { OutboundTopicAliases, TopicAlias } from "./outbound-topic-aliases.js";
import type { Outbox } from "./outbox.js";
import { type Publication, type PublishForm, publicationSize, writePublication } from "./publication.js";

/** What a session needs of the connection that it is attached to. */
export interface SessionLink {
  readonly outbox: Outbox;
  readonly version: ProtocolVersion;
  /** The client's Maximum Packet Size in bytes; Infinity when it set none. */
  readonly maximumPacketSize: number;
  /** The client's Receive Maximum. */
  readonly receiveMaximum: number;
  /** Undefined when the client takes none, or the server uses none. */
  readonly topicAliases: OutboundTopicAliases | undefined;
  /** False while the client takes its bytes too slowly: messages wait in the session. */
  canSend(): boolean;
  /** Something was put into the outbox. */
  scheduleFlush(): void;
}

/** Why a message did not reach a client. */
export type DropReason =
  | "queue-full"
  | "too-large"
  | "expired"
  | "slow-receiver"
  | "refused-by-client"
  | "not-authorized";

/** Told of each step of a message, so that it can be made durable, and of each loss, so that it can be counted. */
export interface SessionObserver<M extends Publication> {
  /** Taken in: it will be delivered, if need be after a reconnect. */
  handleAccepted(entry: OutboundEntry<M>): void;
  /** `state` or `packetIdentifier` changed. */
  handleChanged(entry: OutboundEntry<M>): void;
  /** Delivered, or dropped after it was accepted: nothing more comes of it. */
  handleSettled(entry: OutboundEntry<M>): void;
  /** Dropped. `qos` 0 messages were never accepted. */
  handleDropped(message: M, reason: DropReason): void;
  /** A QoS 2 packet identifier of the client came into use, or was released. */
  handleInbound(packetIdentifier: number, isInUse: boolean): void;
}

/** What is dropped when a limit is reached. */
export type QueueFullPolicy = "drop-newest" | "drop-oldest";

export interface ServerSessionOptions {
  /** Messages that may wait beside those in flight. */
  readonly maxQueuedMessages: number;
  /** Bytes of topics, payloads and properties that may wait. */
  readonly maxQueuedBytes: number;
  /** Which message goes when there is no room for one more: that one, or those that have waited for longest. */
  readonly queueFullPolicy?: QueueFullPolicy;
  /** Messages in flight at the most, whatever the client's Receive Maximum allows. */
  readonly maxInFlight: number;
}

/**
 * The part of an MQTT session that outlives its connections (4.1): the QoS 1 and 2 messages on their way to the client,
 * and the QoS 2 identifiers that came from it. Pure: it writes to an outbox and reports to an observer.
 */
export class ServerSession<M extends Publication> {
  readonly #options: ServerSessionOptions;
  readonly #observer: SessionObserver<M>;
  readonly #window = new InFlightTable<OutboundEntry<M>>();
  readonly #waiting = new Fifo<OutboundEntry<M>>();
  #waitingBytes = 0;
  #link: SessionLink | undefined;
  /** Messages that may be in flight on this connection. */
  #windowLimit = 0;
  /** What was in flight when the connection began, to be sent again in order. */
  #resend: readonly OutboundEntry<M>[] = [];
  #resendAt = 0;
  /** How many of them are in flight still and were not sent again. */
  #resendCount = 0;
  /** QoS 2 packet identifiers received and not yet released; made when first needed. */
  #inbound: Set<number> | undefined;
  /** Those of them that did not come in on this connection; made when there are any. */
  #inboundBefore: Set<number> | undefined;
  /** One object for all frames: {@link writePublication} reads it and keeps nothing. */
  readonly #form: Mutable<PublishForm> = {
    version: 4,
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    identifiers: undefined,
    alias: undefined,
  };

  constructor(options: ServerSessionOptions, observer: SessionObserver<M>) {
    this.#options = options;
    this.#observer = observer;
  }

  get inFlightCount(): number {
    return this.#window.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Bytes of topics, payloads and properties that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How full the queue of what waits is, by messages or by bytes: 0 is empty, 1 is full. */
  get fill(): number {
    if (this.#waiting.length === 0) return 0;
    const { maxQueuedMessages, maxQueuedBytes } = this.#options;
    return Math.max(this.#waiting.length / maxQueuedMessages, this.#waitingBytes / maxQueuedBytes);
  }

  /** QoS 2 messages that came in on this connection and are not yet released: what the Receive Maximum limits (4.9). */
  get inboundCount(): number {
    return (this.#inbound?.size ?? 0) - (this.#inboundBefore?.size ?? 0);
  }

  /** Whether {@link offer} would send a message at once. */
  get isReady(): boolean {
    const link = this.#link;
    return (
      link !== undefined &&
      this.#waiting.length === 0 &&
      this.#resendCount === 0 &&
      this.#window.size < this.#windowLimit &&
      link.canSend()
    );
  }

  /** The client is back: sends what is in flight again, in order, then what has waited. [MQTT-4.4.0-1] */
  attach(link: SessionLink, now: number): void {
    this.#link = link;
    this.#windowLimit = Math.min(link.receiveMaximum, this.#options.maxInFlight);
    this.#form.version = link.version;
    if (this.#inbound !== undefined && this.#inbound.size > 0) this.#inboundBefore = new Set(this.#inbound);
    if (this.#window.size > 0) this.#beginResend(link);
    this.pump(now);
  }

  /** The client is gone; what is in flight stays so. */
  detach(): void {
    this.#link = undefined;
  }

  /** Sends a QoS 0 message. @returns false when there is no connection or the message does not fit the client. */
  sendUnacknowledged(message: M, retain: boolean, identifiers: readonly number[] | undefined, now: number): boolean {
    const link = this.#link;
    if (link === undefined) return false;
    const form = this.#prepare(0, retain, false, 0, identifiers, link.topicAliases?.choose(message.topic));
    if (publicationSize(message, form) > link.maximumPacketSize) {
      this.#observer.handleDropped(message, "too-large");
      return false;
    }
    write(link, message, form, now);
    return true;
  }

  /** Takes in a QoS 1 or 2 message: sends it if there is room, else lets it wait. @returns false when it is dropped. */
  offer(entry: OutboundEntry<M>, now: number): boolean {
    const link = this.#link;
    if (link !== undefined && this.isReady) {
      this.#observer.handleAccepted(entry);
      this.#send(entry, link, now);
      return true;
    }
    return this.#wait(entry);
  }

  /** Sends what waits, as far as the window and the connection allow. */
  pump(now: number): void {
    const link = this.#link;
    if (link === undefined) return;
    if (this.#resendCount > 0) this.#pumpResend(link, now);
    while (this.#resendCount === 0 && this.#window.size < this.#windowLimit && link.canSend()) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      this.#waitingBytes -= sizeOf(entry);
      if (entry.message.expiresAt <= now) this.#drop(entry, "expired");
      else this.#send(entry, link, now);
    }
  }

  /** @returns false when no QoS 1 message with this identifier is in flight. */
  handlePuback(packetIdentifier: number, now: number): boolean {
    const entry = this.#window.get(packetIdentifier);
    if (entry === undefined || entry.qos !== 1) return false;
    this.#settle(entry, now);
    return true;
  }

  /** @returns the reason code of the PUBREL that answers it; undefined when none follows. */
  handlePubrec(packetIdentifier: number, reasonCode: number, now: number): number | undefined {
    const entry = this.#window.get(packetIdentifier);
    if (entry === undefined || entry.qos !== 2) {
      return reasonCode >= 0x80 ? undefined : ReasonCode.packetIdentifierNotFound;
    }
    if (reasonCode >= 0x80) {
      // The client refused it: the exchange ends here. [MQTT-4.3.3-4]
      this.#observer.handleDropped(entry.message, "refused-by-client");
      this.#settle(entry, now);
      return undefined;
    }
    if (entry.state !== "released") {
      entry.state = "released";
      this.#noteResent(entry);
      this.#window.moveToEnd(entry);
      this.#observer.handleChanged(entry);
    }
    return ReasonCode.success;
  }

  /** @returns false when no released QoS 2 message with this identifier is in flight. */
  handlePubcomp(packetIdentifier: number, now: number): boolean {
    const entry = this.#window.get(packetIdentifier);
    if (entry === undefined || entry.state !== "released") return false;
    this.#settle(entry, now);
    return true;
  }

  /** Whether a QoS 2 PUBLISH with this identifier came in that is not released. */
  hasReceived(packetIdentifier: number): boolean {
    return this.#inbound?.has(packetIdentifier) === true;
  }

  /** A QoS 2 PUBLISH came in. @returns false when it is one that came before: it must not be published again. */
  receive(packetIdentifier: number): boolean {
    this.#inbound ??= new Set();
    if (this.#inbound.has(packetIdentifier)) {
      this.#inboundBefore?.delete(packetIdentifier);
      return false;
    }
    this.#inbound.add(packetIdentifier);
    this.#observer.handleInbound(packetIdentifier, true);
    return true;
  }

  /** A PUBREL came in. @returns false when its identifier is not known. */
  release(packetIdentifier: number): boolean {
    if (this.#inbound?.delete(packetIdentifier) !== true) return false;
    this.#inboundBefore?.delete(packetIdentifier);
    this.#observer.handleInbound(packetIdentifier, false);
    return true;
  }

  /** Puts back what a store remembers, before the first {@link attach}; entries in the order of acceptance. */
  restore(entries: Iterable<OutboundEntry<M>>, inbound: Iterable<number>): void {
    for (const entry of entries) {
      if (entry.packetIdentifier !== 0) this.#window.restore(entry);
      else this.#push(entry);
    }
    for (const packetIdentifier of inbound) (this.#inbound ??= new Set()).add(packetIdentifier);
  }

  /** Replaces what is in flight by what `detach` gives for it: a client that does not acknowledge holds no buffers. */
  detachInFlight(detach: (message: M) => M): void {
    this.#window.forEach((entry) => (entry.message = detach(entry.message)));
  }

  /** Drops what was not sent on this connection and may no longer be delivered. */
  withdraw(mayDeliver: (message: M) => boolean): void {
    for (const entry of this.#window.inOrder()) {
      const isUnderWay = entry.state === "released" || (this.#link !== undefined && !entry.mustResend);
      if (isUnderWay || mayDeliver(entry.message)) continue;
      this.#window.delete(entry);
      this.#noteResent(entry);
      this.#drop(entry, "not-authorized");
    }
    const waiting = this.#waiting.takeAll();
    this.#waitingBytes = 0;
    for (const entry of waiting) {
      if (mayDeliver(entry.message)) this.#push(entry);
      else this.#drop(entry, "not-authorized");
    }
  }

  /** What is on its way: in flight in the order of sending, then what waits. */
  *entries(): Generator<OutboundEntry<M>, void, undefined> {
    yield* this.#window.inOrder();
    yield* this.#waiting;
  }

  /** The QoS 2 packet identifiers that came in and are not released. */
  inbound(): Iterable<number> {
    return this.#inbound ?? [];
  }

  /** Ends the session: removes and returns what was not delivered, each settled. */
  clear(): OutboundEntry<M>[] {
    const inFlight = this.#window.inOrder();
    const waiting = this.#waiting.takeAll();
    for (const entry of inFlight) this.#window.delete(entry);
    for (const entry of [...inFlight, ...waiting]) this.#observer.handleSettled(entry);
    this.#waitingBytes = 0;
    for (const packetIdentifier of this.#inbound ?? []) this.#observer.handleInbound(packetIdentifier, false);
    this.#inbound = undefined;
    this.#inboundBefore = undefined;
    this.#resend = [];
    this.#resendCount = 0;
    // What the client has acknowledged with PUBREC it has got.
    return [...inFlight.filter(({ state }) => state !== "released"), ...waiting];
  }

  #wait(entry: OutboundEntry<M>): boolean {
    if (!this.#hasRoomFor(entry) && !this.#makeRoomFor(entry)) {
      this.#observer.handleDropped(entry.message, "queue-full");
      return false;
    }
    this.#observer.handleAccepted(entry);
    this.#push(entry);
    return true;
  }

  #hasRoomFor(entry: OutboundEntry<M>): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#options;
    return this.#waiting.length < maxQueuedMessages && this.#waitingBytes + sizeOf(entry) <= maxQueuedBytes;
  }

  /** Drops what has waited for longest, if that is the policy. @returns false when there is no room even so. */
  #makeRoomFor(entry: OutboundEntry<M>): boolean {
    if (this.#options.queueFullPolicy !== "drop-oldest" || sizeOf(entry) > this.#options.maxQueuedBytes) return false;
    while (!this.#hasRoomFor(entry)) {
      const oldest = this.#waiting.shift();
      if (oldest === undefined) return false;
      this.#waitingBytes -= sizeOf(oldest);
      this.#drop(oldest, "queue-full");
    }
    return true;
  }

  #push(entry: OutboundEntry<M>): void {
    this.#waiting.push(entry);
    this.#waitingBytes += sizeOf(entry);
  }

  #send(entry: OutboundEntry<M>, link: SessionLink, now: number): void {
    const alias = link.topicAliases?.choose(entry.message.topic);
    const form = this.#prepare(entry.qos, entry.retain, false, 0, entry.identifiers, alias);
    if (publicationSize(entry.message, form) > link.maximumPacketSize) {
      // Too large for this client: it is skipped as if it had been sent. [MQTT-3.1.2-25]
      this.#drop(entry, "too-large");
      return;
    }
    this.#window.add(entry);
    form.packetIdentifier = entry.packetIdentifier;
    entry.state = "published";
    entry.isSent = true;
    this.#observer.handleChanged(entry);
    write(link, entry.message, form, now);
  }

  /** Sends PUBREL again for what was released, and lines up the rest. */
  #beginResend(link: SessionLink): void {
    const inFlight = this.#window.inOrder();
    this.#resend = inFlight;
    this.#resendAt = 0;
    this.#resendCount = 0;
    for (const entry of inFlight) {
      entry.mustResend = entry.state !== "released";
      if (entry.mustResend) this.#resendCount++;
      else {
        const at = link.outbox.reserve(acknowledgementSize(ReasonCode.success));
        writePubrel(link.outbox.staging, at, entry.packetIdentifier, ReasonCode.success);
        link.scheduleFlush();
      }
    }
  }

  /** Sends PUBLISH again, as far as the client's Receive Maximum and the connection allow. [MQTT-3.3.4-9] */
  #pumpResend(link: SessionLink, now: number): void {
    while (this.#window.size - this.#resendCount < this.#windowLimit && link.canSend()) {
      const entry = this.#resend[this.#resendAt++];
      if (entry === undefined) return;
      if (entry.mustResend) this.#sendAgain(entry, link, now);
    }
  }

  #sendAgain(entry: OutboundEntry<M>, link: SessionLink, now: number): void {
    this.#noteResent(entry);
    const { qos, retain, isSent, packetIdentifier, identifiers } = entry;
    const alias = link.topicAliases?.choose(entry.message.topic);
    const form = this.#prepare(qos, retain, isSent, packetIdentifier, identifiers, alias);
    if (publicationSize(entry.message, form) > link.maximumPacketSize) {
      this.#window.delete(entry);
      this.#drop(entry, "too-large");
      return;
    }
    entry.isSent = true;
    write(link, entry.message, form, now);
  }

  /** The entry no longer waits to be sent again. */
  #noteResent(entry: OutboundEntry<M>): void {
    if (!entry.mustResend) return;
    entry.mustResend = false;
    this.#resendCount--;
    if (this.#resendCount === 0) this.#resend = [];
  }

  #prepare(
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
    identifiers: readonly number[] | undefined,
    alias: TopicAlias | undefined,
  ): Mutable<PublishForm> {
    const form = this.#form;
    form.qos = qos;
    form.retain = retain;
    form.dup = dup;
    form.packetIdentifier = packetIdentifier;
    form.identifiers = identifiers;
    form.alias = alias;
    return form;
  }

  #settle(entry: OutboundEntry<M>, now: number): void {
    this.#window.delete(entry);
    this.#noteResent(entry);
    this.#observer.handleSettled(entry);
    if (this.#waiting.length > 0 || this.#resendCount > 0) this.pump(now);
  }

  #drop(entry: OutboundEntry<M>, reason: DropReason): void {
    this.#observer.handleDropped(entry.message, reason);
    this.#observer.handleSettled(entry);
  }
}

function write(link: SessionLink, message: Publication, form: PublishForm, now: number): void {
  writePublication(link.outbox, message, form, now);
  if (form.alias !== undefined) form.alias.isEstablished = true;
  link.scheduleFlush();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function sizeOf<M extends Publication>({ message }: OutboundEntry<M>): number {
  const { topicBytes, propertyBytes, payloadStart, payloadEnd } = message;
  return topicBytes.length + propertyBytes.length + payloadEnd - payloadStart;
}
