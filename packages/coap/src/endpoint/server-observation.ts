import type { Instant } from "@isthmus/machine";
import { isSuccessCode } from "../codec/codes.js";
import type { CoapMessage } from "../codec/message.js";
import { Timed } from "./deadline-queue.js";
import type { Peer } from "./endpoint.js";
import type { Response } from "./incoming.js";
import { type Delivery, type DeliveryListener, ignoreOutcome } from "./lower-layer.js";
import type { ServerExchange } from "./server-exchange.js";
import type { ObservationEnd, Subject, SubjectMember } from "./subject.js";

/** When notifications are Confirmable, and how fast they follow each other. */
export interface NotificationPolicy {
  /**
   * Whether notifications go as Confirmable messages: always, never, or as the registration came (default). Never
   * means "as seldom as allowed": see `confirmableIntervalMs`.
   */
  readonly confirmable: "always" | "never" | "as-registered";
  /** A Confirmable one at least this often, to learn whether the observer is still there. Default 24 h (RFC 7641 4.5). */
  readonly confirmableIntervalMs: number;
  /** Least time between two Non-confirmable ones; the latest state waits. Default 0 (RFC 7641 4.5.1 suggests an RTT). */
  readonly minIntervalMs: number;
}

/** What an observation needs of the responder. */
export interface ObservationHost<P extends Peer> {
  readonly policy: NotificationPolicy;
  /** Whether the transport delivers by itself: then no notification is Confirmable. */
  readonly isReliable: boolean;
  composeNotification(
    now: Instant,
    observation: ServerObservation<P>,
    sequence: number | undefined,
    response: Response,
  ): CoapMessage;
  sendConfirmable(now: Instant, peer: P, message: CoapMessage, listener: DeliveryListener): Delivery | undefined;
  /** @returns -1 when it could not be sent now. */
  sendNonConfirmable(now: Instant, peer: P, message: CoapMessage): number;
  isUnverified(peer: P): boolean;
  schedule(timed: Timed, at: Instant): void;
  unregister(now: Instant, observation: ServerObservation<P>, reason: ObservationEnd): void;
}

interface State {
  readonly sequence: number;
  readonly response: Response | (() => Response);
}

/** Non-confirmable notifications that a Reset may still refer to. */
const REMEMBERED_IDS = 8;
/** Wait before trying again when message ids, the queue or the connection are exhausted. */
const RETRY_MS = 100;

/** One observer, and what it has yet to be told (RFC 7641 4.5). */
export class ServerObservation<P extends Peer> extends Timed implements SubjectMember, DeliveryListener {
  readonly subject: Subject;
  readonly request: ServerExchange<P>;
  isActive = true;
  readonly #host: ObservationHost<P>;
  /** The Confirmable notification that is not acknowledged yet. */
  #inFlight: Delivery | undefined;
  /** What came after it: the latest only. */
  #latest: State | undefined;
  /** What was made for this observer alone and could not be sent: it goes before the latest. */
  #unsent: State | undefined;
  #confirmedAt: Instant;
  #sentAt: Instant = Number.NEGATIVE_INFINITY;
  /** Message ids of the last Non-confirmable notifications, a ring. */
  #sentIds: number[] = [];
  #sentCount = 0;

  constructor(now: Instant, host: ObservationHost<P>, request: ServerExchange<P>, subject: Subject) {
    super();
    this.#host = host;
    this.request = request;
    this.subject = subject;
    this.#confirmedAt = now;
  }

  notify(now: Instant, response: State["response"]): void {
    this.notifyInSequence(now, this.subject.nextSequence(now), response);
  }

  notifyInSequence(now: Instant, sequence: number, response: State["response"]): void {
    if (!this.isActive) return;
    if (typeof response !== "function" && !isSuccessCode(response.code)) {
      this.#sendLast(now, response);
      return;
    }
    // RFC 7641 4.5.2: one notification at a time; what comes meanwhile takes the place of what came before.
    if (this.#inFlight !== undefined || this.place >= 0) this.#latest = { sequence, response };
    else this.#send(now, { sequence, response });
  }

  end(now: Instant): void {
    this.finish(now, "ended");
  }

  /** Ends it: no notification follows, and the subject is told why. */
  finish(now: Instant, reason: ObservationEnd): void {
    if (!this.isActive) return;
    this.isActive = false;
    this.#inFlight?.settle(now);
    this.#inFlight = undefined;
    this.#latest = undefined;
    this.#unsent = undefined;
    this.#host.unregister(now, this, reason);
    this.subject.leave(now, this, reason);
  }

  /** Whether the message with this id was one of the last notifications. */
  hasSent(messageId: number): boolean {
    return this.#sentIds.includes(messageId);
  }

  handleAcknowledged(now: Instant): void {
    this.#inFlight = undefined;
    this.#confirmedAt = now;
    this.#sendLatest(now);
  }

  handleReset(now: Instant): void {
    this.#inFlight = undefined;
    // RFC 7641 4.2: a Reset removes the client from the list.
    this.finish(now, "reset");
  }

  handleDeliveryTimeout(now: Instant): void {
    this.#inFlight = undefined;
    // RFC 7641 4.5: a Confirmable notification that times out removes the client from the list.
    this.finish(now, "timeout");
  }

  handleUnreachable(now: Instant): void {
    this.handleDeliveryTimeout(now);
  }

  takeNewerMessage(now: Instant): CoapMessage | undefined {
    const latest = this.#latest;
    // What is made when its turn comes does not stand for what was sent before.
    if (latest === undefined || typeof latest.response === "function" || !this.isActive) return undefined;
    this.#latest = undefined;
    return this.#host.composeNotification(now, this, latest.sequence, latest.response);
  }

  /** The pause between notifications is over. */
  handleDue(now: Instant): void {
    if (this.isActive) this.#sendLatest(now);
  }

  #sendLatest(now: Instant): void {
    const unsent = this.#unsent;
    if (unsent !== undefined) {
      this.#unsent = undefined;
      this.#send(now, unsent);
      if (this.#inFlight !== undefined || this.place >= 0) return;
    }
    const latest = this.#latest;
    if (latest === undefined) return;
    this.#latest = undefined;
    this.#send(now, latest);
  }

  #send(now: Instant, state: State): void {
    const eager = typeof state.response === "function" ? undefined : state.response;
    const isConfirmable = this.#mustConfirm(now, eager);
    const { minIntervalMs } = this.#host.policy;
    if (!isConfirmable && now < this.#sentAt + minIntervalMs) {
      this.#retryAt(this.#sentAt + minIntervalMs, state);
      return;
    }
    const response = typeof state.response === "function" ? state.response() : state.response;
    const message = this.#host.composeNotification(now, this, state.sequence, response);
    this.#sentAt = now;
    if (isConfirmable) {
      this.#inFlight = this.#host.sendConfirmable(now, this.request.peer, message, this);
      if (this.#inFlight === undefined) this.#sendLater(now, state, response);
    } else {
      const messageId = this.#host.sendNonConfirmable(now, this.request.peer, message);
      if (messageId < 0) this.#sendLater(now, state, response);
      else this.#sentIds[this.#sentCount++ % REMEMBERED_IDS] = messageId;
    }
  }

  /** There is no room for it now. */
  #sendLater(now: Instant, state: State, response: Response): void {
    if (response === state.response) {
      this.#retryAt(now + RETRY_MS, state);
    } else {
      this.#unsent = { sequence: state.sequence, response: () => response };
      this.#host.schedule(this, now + RETRY_MS);
    }
  }

  #retryAt(at: Instant, state: State): void {
    this.#latest = state;
    this.#host.schedule(this, at);
  }

  /** An error is the last that the observer hears (RFC 7641 4.2): it takes the place of all that waits. */
  #sendLast(now: Instant, response: Response): void {
    const { peer } = this.request;
    const message = this.#host.composeNotification(now, this, undefined, response);
    this.finish(now, "error-response");
    if (this.#mustConfirm(now, response)) this.#host.sendConfirmable(now, peer, message, ignoreOutcome);
    else this.#host.sendNonConfirmable(now, peer, message);
  }

  #mustConfirm(now: Instant, response: Response | undefined): boolean {
    if (this.#host.isReliable) return false;
    const { confirmable, confirmableIntervalMs } = this.#host.policy;
    if (now >= this.#confirmedAt + confirmableIntervalMs) return true;
    // An address that may be forged must show that it wants this before it gets a stream of datagrams.
    if (this.#host.isUnverified(this.request.peer)) return true;
    return (
      response?.isConfirmable ??
      (confirmable === "as-registered" ? this.request.isConfirmable : confirmable === "always")
    );
  }
}
