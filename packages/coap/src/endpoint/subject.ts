import type { Instant } from "@isthmus/machine";
import type { IncomingRequest, Response } from "./incoming.js";

/** 125 ticks a second: far less than the 2^23 in 256 s that receivers can order (RFC 7641 3.4). */
const SEQUENCE_TICK_MS = 8;

/** Why an observation ended (RFC 7641 3.6, 4.2, 4.5). */
export type ObservationEnd =
  /** The client sent Observe 1, or a plain GET with the same token. */
  | "deregistered"
  /** The same client registered again for the same: the new observation stands in its place. */
  | "replaced"
  /** The client answered a notification with a Reset. */
  | "reset"
  /** A Confirmable notification was never acknowledged. */
  | "timeout"
  /** A response other than 2.xx was sent. */
  | "error-response"
  /** {@link Observation.end} or {@link Subject.end}. */
  | "ended"
  /** The endpoint or the connection closed. */
  | "closed";

/** One client that observes one subject. */
export interface Observation {
  readonly subject: Subject;
  /** The request that registered it: peer, path, query, Accept. Already answered. */
  readonly request: IncomingRequest;
  readonly isActive: boolean;

  /**
   * Tells this observer alone. While an earlier Confirmable notification is unacknowledged this one waits and newer
   * ones take its place (RFC 7641 4.5.2): observers get the latest state, not each.
   *
   * A response that is not 2.xx ends the observation.
   *
   * @param response or what makes it, of 2.xx, when its turn has come: for an observer who is to be told each of several
   * things, in as few notifications as it takes. What was made is sent until it is acknowledged; nothing newer takes its
   * place.
   */
  notify(now: Instant, response: Response | (() => Response)): void;

  /** Forgets the observer without telling it; tell it with `notify` of an error instead when you can. */
  end(now: Instant): void;
}

/** Told when an observation of a {@link Subject} ends, whatever the reason. */
export interface SubjectListener {
  handleObservationEnd(now: Instant, observation: Observation, reason: ObservationEnd): void;
}

/** What the endpoint keeps of an observation; the upper layer sees it as {@link Observation}. */
export interface SubjectMember extends Observation {
  notifyInSequence(now: Instant, sequence: number, response: Response): void;
}

/**
 * What is observed (RFC 7641 1.2): make one per observable resource. Its observers may be on any number of endpoints
 * and transports.
 *
 * @example
 * const temperature = new Subject();
 * // in the handler: request.observe(now, temperature); request.respond(now, current());
 * // when it changes:  temperature.notify(now, current());
 */
export class Subject {
  readonly #listener: SubjectListener | undefined;
  readonly #members = new Set<SubjectMember>();
  #sequence = 0;

  constructor(listener?: SubjectListener) {
    this.#listener = listener;
  }

  /** Those who observe now. */
  get observations(): ReadonlySet<Observation> {
    return this.#members;
  }

  /**
   * Tells all observers; with a function each gets what it returns for it, and none when that is undefined.
   *
   * The same `Response` object for all is encoded once.
   */
  notify(now: Instant, response: Response | ((observation: Observation) => Response | undefined)): void {
    const sequence = this.nextSequence(now);
    for (const member of this.#members) {
      const own = typeof response === "function" ? response(member) : response;
      if (own !== undefined) member.notifyInSequence(now, sequence, own);
    }
  }

  /** Tells all observers `response`, an error, which ends their observation: "4.04, it is gone". */
  end(now: Instant, response: Response): void {
    this.notify(now, response);
    for (const member of this.#members) member.end(now);
  }

  /**
   * For the endpoint: the Observe value of the next notification, 24 bits.
   *
   * It follows the clock where that is ahead, so that it goes on growing when the server starts anew (RFC 7641 4.4).
   */
  nextSequence(now: Instant): number {
    const byClock = Math.floor(now / SEQUENCE_TICK_MS) & 0xff_ffff;
    const byCount = (this.#sequence + 1) & 0xff_ffff;
    const isClockAhead = ((byClock - byCount) & 0xff_ffff) < 0x80_0000;
    this.#sequence = isClockAhead ? byClock : byCount;
    return this.#sequence;
  }

  /** For the endpoint. */
  enter(member: SubjectMember): void {
    this.#members.add(member);
  }

  /** For the endpoint. */
  leave(now: Instant, member: SubjectMember, reason: ObservationEnd): void {
    if (this.#members.delete(member)) this.#listener?.handleObservationEnd(now, member, reason);
  }
}
