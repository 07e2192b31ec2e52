import {
  Code,
  type IncomingRequest,
  NO_BYTES,
  type Observation,
  Option,
  Options,
  type Response,
  Subject,
  type SubjectListener,
} from "@isthmus/coap";
import { encodeUtf8, equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import type { Message, Receiver } from "@isthmus/exchange";
import type { Identity } from "../../access/access.js";
import { asRequestRefusal } from "../requests/request-refusal.js";
import { watchExpiry } from "../requests/credentials-expiry.js";
import { credentialsExpired, noLongerAllowed, messageResponse } from "./message-representation.js";
import type { ObserverContext } from "./observer-context.js";
import type { TopicPlaces } from "./topic-places.js";
import type { Notifiable } from "../requests/turn-end.js";

/** What is told of a topic without a last value: the observer stays, and hears of the next. */
export const NO_VALUE: Response = { code: Code.CONTENT, options: Options.NONE, payload: NO_BYTES };

interface Observer {
  readonly identity: Identity;
  /** RFC 7641 4.2: the Content-Format of all notifications is that of the first. */
  format: number | undefined;
  /** Its credentials need no longer be watched. */
  readonly stopWatching: () => void;
}

/**
 * One topic and those who observe it: one receiver of the exchange for all of them, which tells them the newest message
 * of each turn. Observers get the latest state, not each (RFC 7641 1.3).
 */
export class ObservedTopic implements Receiver, Notifiable, SubjectListener {
  readonly topic: string;
  readonly isOnline = true;
  readonly #context: ObserverContext;
  readonly #places: TopicPlaces;
  readonly #subject = new Subject(this);
  readonly #handleUnobserved: () => void;
  readonly #observerByObservation = new Map<Observation, Observer>();
  #newest: Message | undefined;
  /** Whether somebody is being entered, perhaps in place of who was the last. */
  #isEntering = false;
  #confirmedAt: Instant;

  constructor(topic: string, context: ObserverContext, places: TopicPlaces, handleUnobserved: () => void) {
    this.topic = topic;
    this.#context = context;
    this.#places = places;
    this.#confirmedAt = context.now();
    this.#handleUnobserved = handleUnobserved;
    // The newest of several: none of them is acknowledged, so any QoS will do.
    context.hub.exchange.subscribe({ receiver: this, filter: topic, qos: 2, noLocal: false, retainAsPublished: true });
  }

  get observerCount(): number {
    return this.#subject.observations.size;
  }

  /** Enters whoever made `request`, who is then answered with `response`. @returns false when there are too many. */
  enter(now: Instant, request: IncomingRequest, response: Response, identity: Identity): boolean {
    this.#isEntering = true;
    // RFC 7641 4.1: a client that registers again takes its own place.
    const observation =
      this.observerCount < this.#places.maxObservers(this.topic) || this.#isKnown(request)
        ? request.observe(now, this.#subject)
        : undefined;
    this.#isEntering = false;
    if (observation === undefined) {
      if (this.observerCount === 0) this.#leave();
      return false;
    }
    const stopWatching = watchExpiry(identity, this.#context.hub.clock, () =>
      observation.notify(this.#context.now(), credentialsExpired),
    );
    const format = response.options?.uint(Option.CONTENT_FORMAT);
    this.#observerByObservation.set(observation, { identity, format, stopWatching });
    return true;
  }

  deliver(message: Message): void {
    this.#newest = message.detach();
    this.#context.turnEnd.schedule(this);
  }

  notify(): void {
    const message = this.#newest;
    this.#newest = undefined;
    if (message === undefined) return;
    const { hub, options, now } = this.#context;
    const epoch = hub.clock.tick().epoch;
    if (message.expiresAt <= epoch) {
      hub.metrics.messagesDropped.expired += this.observerCount;
    } else if (message.payloadBytes > options.maximumBodySize) {
      hub.metrics.messagesDropped["too-large"] += this.observerCount;
    } else {
      const responseByAccept = new Map<number | undefined, Response>();
      hub.metrics.traffic.coap.messagesSent[message.qos] += this.observerCount;
      hub.metrics.traffic.coap.payloadBytesSent += message.payloadBytes * this.observerCount;
      this.#subject.notify(now(), (observation) => this.#tell(observation, message, responseByAccept, epoch));
    }
  }

  handleObservationEnd(_now: Instant, observation: Observation): void {
    this.#observerByObservation.get(observation)?.stopWatching();
    this.#observerByObservation.delete(observation);
    if (this.observerCount === 0 && !this.#isEntering) this.#leave();
  }

  /** Leaves the first `max` observers, and tells the others `response`, an error. */
  limit(max: number, response: Response): void {
    const now = this.#context.now();
    for (const observation of [...this.#observerByObservation.keys()].slice(max)) observation.notify(now, response);
  }

  /** Ends the observations of those who may no longer observe this. */
  recheck(): void {
    const now = this.#context.now();
    for (const [observation, { identity }] of this.#observerByObservation) {
      if (!this.#context.topics.mayGoOn(identity, this.topic)) observation.notify(now, noLongerAllowed);
    }
  }

  /** Ends all observations with an error. */
  end(response: Response): void {
    this.#subject.end(this.#context.now(), response);
  }

  /** What `observation` is told of `message`: the same response for all who asked for the same. */
  #tell(
    observation: Observation,
    message: Message,
    responseByAccept: Map<number | undefined, Response>,
    epoch: number,
  ): Response {
    const accept = observation.request.options.uint(Option.ACCEPT);
    let response = responseByAccept.get(accept);
    if (response === undefined) {
      response = this.#represent(message, accept, epoch);
      responseByAccept.set(accept, response);
    }
    return this.#isOfSameFormat(observation, response) ? response : anotherFormat;
  }

  #represent(message: Message, accept: number | undefined, epoch: number): Response {
    // A cleared value: nothing that has a form.
    if (message.payloadBytes === 0) return this.#places.isThereWithoutValue(this.topic) ? NO_VALUE : noLongerThere;
    try {
      const response = messageResponse(message, accept, epoch, false);
      return this.#isCheckDue() ? { ...response, isConfirmable: true } : response;
    } catch (error) {
      const refused = asRequestRefusal(error);
      if (refused === undefined) throw error;
      return notAcceptable(refused.message);
    }
  }

  /**
   * RFC 7641 4.2: notifications have the Content-Format of the first response, or 4.06 ends the observation. One that
   * nobody knows is no other: MQTT's clients mostly do not say what they publish.
   */
  #isOfSameFormat(observation: Observation, { options }: Response): boolean {
    const observer = this.#observerByObservation.get(observation);
    const format = options?.uint(Option.CONTENT_FORMAT);
    if (format === undefined || observer === undefined) return true;
    observer.format ??= format;
    return observer.format === format;
  }

  /** Whether it is time to ask whether the observers are still there. */
  #isCheckDue(): boolean {
    const now = this.#context.now();
    if (now - this.#confirmedAt < this.#places.observerCheckMs(this.topic)) return false;
    this.#confirmedAt = now;
    return true;
  }

  #isKnown({ peer, token }: IncomingRequest): boolean {
    for (const { request } of this.#subject.observations) {
      if (request.peer === peer && equalBytes(request.token, token)) return true;
    }
    return false;
  }

  #leave(): void {
    this.#context.hub.exchange.unsubscribe(this, this.topic);
    this.#handleUnobserved();
  }
}

function notAcceptable(diagnostic: string): Response {
  return { code: Code.NOT_ACCEPTABLE, options: Options.NONE, payload: encodeUtf8(diagnostic) };
}

/** What ends the observation of a topic that is there no longer than its value (RFC 7641 3.2). */
const noLongerThere: Response = { code: Code.NOT_FOUND, options: Options.NONE };

const anotherFormat = notAcceptable("the topic is in another Content-Format now: observe it anew");
