import type { Instant } from "@isthmus/machine";
import type { Peer } from "./endpoint.js";
import type { Delivery, DeliveryListener } from "./lower-layer.js";
import { RequestError, type ResponseHandler } from "./outgoing.js";
import type { Requester, RunningRequest } from "./requester.js";

/** A sign of life that is asked for: over datagrams the Reset is the answer (RFC 7252 4.3). */
export class PingExchange<P extends Peer> implements RunningRequest, DeliveryListener {
  isEnded = false;
  readonly #requester: Requester<P>;
  readonly #peer: P;
  readonly #handler: ResponseHandler;
  #delivery: Delivery | undefined;

  constructor(requester: Requester<P>, peer: P, handler: ResponseHandler) {
    this.#requester = requester;
    this.#peer = peer;
    this.#handler = handler;
  }

  start(now: Instant): void {
    this.#delivery = this.#requester.lower.ping(now, this.#peer, this);
    if (this.#delivery === undefined) this.fail(now, new RequestError("overload", "too many messages wait to be sent"));
  }

  cancel(now: Instant): void {
    this.fail(now, new RequestError("cancelled", "the ping was cancelled"));
  }

  fail(now: Instant, error: RequestError): void {
    this.#end(now, error);
  }

  handleReset(now: Instant): void {
    this.#end(now, undefined);
  }

  /** Not what the standard says, but somebody is there. */
  handleAcknowledged(now: Instant): void {
    this.#end(now, undefined);
  }

  handleDeliveryTimeout(now: Instant): void {
    this.#end(now, new RequestError("timeout", "nothing came back"));
  }

  handleUnreachable(now: Instant): void {
    this.#end(now, new RequestError("unreachable", "the network cannot reach the peer"));
  }

  #end(now: Instant, error: RequestError | undefined): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#delivery?.settle(now);
    this.#requester.remove(this);
    this.#handler.handleEnd(now, error);
  }
}
