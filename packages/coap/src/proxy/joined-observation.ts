import type { Instant } from "@isthmus/machine";
import { isSuccessCode } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import { Options } from "../codec/options.js";
import type { Response } from "../endpoint/incoming.js";
import type { IncomingResponse, RequestError, ResponseHandler } from "../endpoint/outgoing.js";
import { type Observation, type ObservationEnd, Subject, type SubjectListener } from "../endpoint/subject.js";
import type { UpstreamExchange } from "./upstream.js";

/** What a {@link JoinedObservation} has of its relay. */
export interface JoinedObservationHost {
  /** What the server said, as it goes on to the observers. */
  receive(now: Instant, response: IncomingResponse): Response;
  /** What the observers are told when the server can no longer be observed. */
  fail(failure: RequestError | undefined): Response;
  /** It is over: nobody observes any more, or the server ended it. */
  handleOver(): void;
}

/** Somebody who wants to observe. */
export interface Applicant {
  /** Enters the requester among the observers of `subject`. @returns whether that worked. */
  readonly register: (now: Instant, subject: Subject) => boolean;
  /** Answers the request. */
  readonly respond: (now: Instant, response: Response) => void;
}

/** One observation of a server for all who observe the same through a proxy (RFC 7641 5). */
export class JoinedObservation implements SubjectListener {
  readonly #host: JoinedObservationHost;
  readonly #subject = new Subject(this);
  /** Those who asked before the first response of the server. */
  #applicants: Applicant[] | undefined = [];
  #latest: { readonly response: Response; readonly receivedAt: Instant } | undefined;
  #exchange: UpstreamExchange | undefined;
  #isOver = false;

  constructor(host: JoinedObservationHost) {
    this.#host = host;
  }

  /** Registers with the server. */
  start(send: (handler: ResponseHandler) => UpstreamExchange): void {
    this.#exchange = send({
      handleResponse: (now, response) => this.#receive(now, response),
      handleEnd: (now, failure) => this.#handleEnd(now, failure),
    });
  }

  /** Takes one more in; it is answered with the latest state, or the first when that is not there yet. */
  join(now: Instant, register: Applicant["register"], respond: Applicant["respond"]): void {
    if (this.#latest === undefined) this.#applicants?.push({ register, respond });
    else this.#admit(now, { register, respond }, aged(this.#latest.response, now - this.#latest.receivedAt));
  }

  /** Ends it from this side, telling the observers. */
  end(now: Instant, response: Response): void {
    this.#finish();
    this.#subject.end(now, response);
    for (const { respond } of this.#applicants?.splice(0) ?? []) respond(now, response);
    this.#exchange?.cancel(now);
  }

  handleObservationEnd(now: Instant, _observation: Observation, _reason: ObservationEnd): void {
    if (this.#subject.observations.size > 0 || this.#isOver) return;
    this.#finish();
    this.#exchange?.cancel(now);
  }

  #receive(now: Instant, incoming: IncomingResponse): void {
    if (this.#isOver) return;
    const response = this.#host.receive(now, incoming);
    const isObserved = incoming.isNotification && isSuccessCode(response.code);
    if (isObserved) this.#latest = { response, receivedAt: now };
    else this.#finish();
    const applicants = this.#applicants;
    this.#applicants = undefined;
    // RFC 7641 4.2: an error ends the observations; so does a server that answers once and for all.
    if (isObserved) this.#subject.notify(now, response);
    else this.#subject.end(now, response);
    for (const applicant of applicants ?? []) {
      if (isObserved) this.#admit(now, applicant, response);
      else applicant.respond(now, response);
    }
    // All of them may have gone meanwhile.
    if (isObserved && this.#subject.observations.size === 0) {
      this.#finish();
      this.#exchange?.cancel(now);
    }
  }

  #handleEnd(now: Instant, failure: RequestError | undefined): void {
    if (this.#isOver) return;
    const response = this.#host.fail(failure);
    this.#finish();
    this.#subject.end(now, response);
    for (const { respond } of this.#applicants?.splice(0) ?? []) respond(now, response);
  }

  #admit(now: Instant, { register, respond }: Applicant, response: Response): void {
    register(now, this.#subject);
    respond(now, response);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.handleOver();
  }
}

/** RFC 7252 5.10.5: what is passed on later has less of its Max-Age left. */
function aged(response: Response, ageMs: number): Response {
  const options = response.options ?? Options.NONE;
  const maxAge = Math.max(0, (options.uint(Option.MAX_AGE) ?? 60) - Math.floor(ageMs / 1_000));
  return { ...response, options: options.with(Option.MAX_AGE, maxAge) };
}
