import { type IncomingRequest, type Observation, type Response, Subject, type SubjectListener } from "@isthmus/coap";
import type { Instant } from "@isthmus/machine";
import type { Message, Receiver } from "@isthmus/exchange";
import type { Identity } from "../../access/access.js";
import { watchExpiry } from "../requests/credentials-expiry.js";
import { credentialsExpired, noLongerAllowed, packResponse } from "./message-representation.js";
import type { ObserverContext } from "./observer-context.js";
import type { Notifiable } from "../requests/turn-end.js";

/** A notification holds as many messages as go in one datagram, but one at least. */
const PACK_BYTES = 900;
/** What the labels of a record take beside topic and payload. */
const RECORD_BYTES = 40;

/**
 * One client that observes all topics of a filter: a receiver of the exchange that tells it the newest message of each
 * topic, several in one notification. A client that is slow to acknowledge gets fewer messages, and of no topic an old
 * one; beyond the limits the topics that have waited for longest are left out, and counted.
 */
export class FilterObserver implements Receiver, Notifiable, SubjectListener {
  readonly filter: string;
  readonly isOnline = true;
  readonly #context: ObserverContext;
  readonly #identity: Identity;
  readonly #format: number;
  readonly #subject = new Subject(this);
  readonly #handleUnobserved: () => void;
  /** The newest of each topic, the one that has waited for longest first. */
  readonly #waitingByTopic = new Map<string, Message>();
  #waitingBytes = 0;
  #observation: Observation | undefined;
  #stopWatching: () => void = () => undefined;

  /** @param format the Content-Format of all notifications. */
  constructor(
    filter: string,
    format: number,
    identity: Identity,
    context: ObserverContext,
    handleUnobserved: () => void,
  ) {
    this.filter = filter;
    this.#format = format;
    this.#identity = identity;
    this.#context = context;
    this.#handleUnobserved = handleUnobserved;
    context.hub.exchange.subscribe({ receiver: this, filter, qos: 2, noLocal: false, retainAsPublished: true });
  }

  /** Enters whoever made `request`, who is then answered. @returns false when there are too many observers. */
  enter(now: Instant, request: IncomingRequest): boolean {
    this.#observation = request.observe(now, this.#subject);
    if (this.#observation === undefined) {
      this.#leave();
      return false;
    }
    this.#stopWatching = watchExpiry(this.#identity, this.#context.hub.clock, () => this.end(credentialsExpired));
    return true;
  }

  deliver(message: Message): void {
    const { topics, turnEnd, options } = this.#context;
    if (!topics.mayRead(this.#identity, message.topic)) return;
    this.#forget(message.topic);
    this.#waitingByTopic.set(message.topic, message.detach());
    this.#waitingBytes += message.sizeBytes;
    while (this.#waitingByTopic.size > options.maxWaitingTopics || this.#isTooMuch()) this.#dropOldest();
    turnEnd.schedule(this);
  }

  notify(): void {
    if (this.#waitingByTopic.size === 0) return;
    this.#observation?.notify(this.#context.now(), () => this.#takePack());
  }

  handleObservationEnd(): void {
    this.#observation = undefined;
    this.#stopWatching();
    this.#waitingByTopic.clear();
    this.#leave();
  }

  /** Ends the observation when the client may no longer observe this. */
  recheck(): void {
    if (!this.#context.topics.mayGoOn(this.#identity, this.filter)) this.end(noLongerAllowed);
  }

  /** Ends the observation with an error. */
  end(response: Response): void {
    this.#subject.end(this.#context.now(), response);
  }

  /** What goes in one notification; the rest has its turn after it. */
  #takePack(): Response {
    const { hub, turnEnd } = this.#context;
    const epoch = hub.clock.tick().epoch;
    const pack: Message[] = [];
    let sizeBytes = 0;
    for (const message of this.#waitingByTopic.values()) {
      sizeBytes += message.topic.length + message.payloadBytes + RECORD_BYTES;
      if (pack.length > 0 && sizeBytes > PACK_BYTES) break;
      this.#forget(message.topic);
      if (message.expiresAt <= epoch) hub.metrics.messagesDropped.expired++;
      else pack.push(message);
    }
    for (const message of pack) {
      hub.metrics.traffic.coap.messagesSent[message.qos]++;
      hub.metrics.traffic.coap.payloadBytesSent += message.payloadBytes;
    }
    if (this.#waitingByTopic.size > 0) turnEnd.schedule(this);
    return packResponse(pack, this.#format);
  }

  #isTooMuch(): boolean {
    return this.#waitingBytes > this.#context.options.maxWaitingBytes && this.#waitingByTopic.size > 1;
  }

  #dropOldest(): void {
    for (const topic of this.#waitingByTopic.keys()) {
      this.#forget(topic);
      this.#context.hub.metrics.messagesDropped["slow-receiver"]++;
      return;
    }
  }

  #forget(topic: string): void {
    const message = this.#waitingByTopic.get(topic);
    if (message === undefined) return;
    this.#waitingByTopic.delete(topic);
    this.#waitingBytes -= message.sizeBytes;
  }

  #leave(): void {
    this.#context.hub.exchange.unsubscribe(this, this.filter);
    this.#handleUnobserved();
  }
}
