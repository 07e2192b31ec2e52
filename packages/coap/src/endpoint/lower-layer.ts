import type { Instant } from "@isthmus/machine";
import type { CoapMessage } from "../codec/message.js";
import type { Peer } from "./endpoint.js";

/**
 * What carries messages for the request-response layer: the message layer over datagrams (RFC 7252 4), or framing and
 * signalling over a connection (RFC 8323).
 */
export interface LowerLayer<P extends Peer> {
  readonly isReliable: boolean;

  /**
   * Sends a message of our own accord: a request or a notification. A Confirmable one, or a request, may wait for its
   * turn (NSTART).
   *
   * @returns undefined when too many wait already: nothing will be sent.
   */
  send(
    now: Instant,
    peer: P,
    message: CoapMessage,
    isConfirmable: boolean,
    listener: DeliveryListener,
  ): Delivery | undefined;

  /**
   * Sends a notification that no delivery report is wanted for, at once.
   *
   * @returns its message id, or -1 when it could not be sent now.
   */
  sendNotification(now: Instant, peer: P, message: CoapMessage): number;

  /** Sends a request to a group: at once, without a peer. */
  sendToGroup(now: Instant, peer: P, message: CoapMessage): void;

  /** Sends what is answered with a sign of life: an Empty Confirmable message, or a Ping. */
  ping(now: Instant, peer: P, listener: DeliveryListener): Delivery | undefined;

  /** Bytes that may be sent to `peer` now: few while its address is unverified. */
  sendAllowance(peer: P): number;

  /** Counts a request of `peer`. @returns 0, or after how many milliseconds it may ask again (RFC 8516). */
  admit(now: Instant, peer: P): number;

  /** What an unverified `peer` is to return in an Echo option; undefined when its address is verified. */
  challenge(peer: P): Uint8Array | undefined;

  /** `peer` returned `echo`; when that is its challenge, its address is verified (RFC 9175 2.3). */
  receiveEcho(peer: P, echo: Uint8Array): void;

  /** Most bytes of a block in `peer`'s direction, and whether several may go in one message (BERT). */
  blockLimit(peer: P): BlockLimit;

  /** `peer` is of use for something that lasts, and must stay known until {@link release}. */
  hold(peer: P): void;
  release(peer: P): void;
}

/** How large the blocks to a peer may be. */
export interface BlockLimit {
  /** SZX of the largest block; 7 when the transport speaks BERT (RFC 8323 6). */
  readonly szx: number;
  /** Most bytes of payload in one message. */
  readonly payloadBytes: number;
}

/** Told what became of a message. On reliable transports only a ping is reported on. */
export interface DeliveryListener {
  handleAcknowledged(now: Instant): void;
  handleReset(now: Instant): void;
  /** Sent as often as allowed, and nothing came. */
  handleDeliveryTimeout(now: Instant): void;
  /** The network refused it. */
  handleUnreachable(now: Instant): void;
  /**
   * Asked before a retransmission: what is to be sent in place of the old message, which then goes as a new one with
   * the attempts that are left (RFC 7641 4.5.2); undefined to send the old one again.
   */
  takeNewerMessage?(now: Instant): CoapMessage | undefined;
}

/** A message on its way. */
export interface Delivery {
  /** No more retransmissions; the listener hears nothing. A response settles a request like an acknowledgement. */
  settle(now: Instant): void;
}

/** A request as the lower layer got it: what a reply goes back on. */
export interface Receipt {
  readonly isConfirmable: boolean;
  readonly isMulticast: boolean;
  /**
   * Sends the response, once: piggybacked on the acknowledgement while that is due, else on its own, Confirmable when
   * `isConfirmable` says so (default: when the request was).
   */
  reply(now: Instant, message: CoapMessage, isConfirmable?: boolean): void;
  /** No response will come: a Confirmable request is acknowledged all the same. */
  ignore(now: Instant): void;
  /** The response goes as a Confirmable message of our own, which acknowledges the request as well (RFC 7252 5.2.2). */
  withhold(now: Instant): void;
  /** Rejects the message: a Reset for a Confirmable one, silence else (RFC 7252 4.2, 4.3). */
  reject(now: Instant): void;
}

/** What the lower layer calls: requests and responses, free of types and message ids. */
export interface UpperLayer<P extends Peer> {
  handleRequest(now: Instant, peer: P, message: CoapMessage, receipt: Receipt): void;
  /** @returns false when nobody waits for it, or it must be rejected. */
  handleResponse(now: Instant, peer: P, message: CoapMessage): boolean;
  /** A Reset for a message that was not reported on: a notification, perhaps. */
  handleReset(now: Instant, peer: P, messageId: number): void;
}

/** For messages that nobody waits for. */
export const ignoreOutcome: DeliveryListener = {
  handleAcknowledged() {},
  handleReset() {},
  handleDeliveryTimeout() {},
  handleUnreachable() {},
};
