import type { Instant, Machine } from "@isthmus/machine";
import type { OutgoingRequest, Request, ResponseHandler } from "./outgoing.js";

/** Where a datagram goes to or comes from, or the far end of a connection. What `node:dgram` reports fits as it is. */
export interface Address {
  /** An IP address as text, a zone after `%` where one is needed; on connections whatever names the far end. */
  readonly address: string;
  readonly port: number;
}

/** The other endpoint, as the upper layer sees it. */
export interface Peer extends Address {
  /** Unlike that of any other peer of the endpoint; the same address gets a new one after it was forgotten. */
  readonly id: number;
  /** What whoever accepted its connection said of it, see `ConnectionOptions`. */
  readonly context?: unknown;
  /** Whether the transport delivers in order and without loss (TCP, WebSocket): no types, no message ids. */
  readonly isReliable: boolean;
}

/**
 * One end of CoAP on one socket or connection: requests go out, and come in at the {@link RequestHandler} that it was
 * made with.
 *
 * It does no I/O and reads no clock. The driver feeds it bytes, sends what it transmits, and calls `handleTimeout` at
 * the deadline that it announces through its output.
 */
export interface Endpoint extends Machine {
  /**
   * Sends `request` to `to`, in blocks when the body is large, and tells `handler` what comes of it.
   *
   * On a connection `to` is its far end, whatever is passed.
   *
   * @throws TypeError when the code is not a method, or an option that the endpoint itself sets (Block1, Size1,
   * Request-Tag) is given.
   */
  request(now: Instant, to: Address, request: Request, handler: ResponseHandler): OutgoingRequest;

  /**
   * Asks whether `to` is there: an Empty Confirmable message that is answered with a Reset (RFC 7252 4.3), or a Ping
   * that is answered with a Pong (RFC 8323 5.4). `handler` gets no response, only the end: a failure, or none.
   */
  ping(now: Instant, to: Address, handler: ResponseHandler): OutgoingRequest;

  /** Ends all that is under way; observers are dropped, requests fail with reason `closed`. Idempotent. */
  close(now: Instant): void;
}
