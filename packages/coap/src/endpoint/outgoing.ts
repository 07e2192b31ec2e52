import type { Instant } from "@isthmus/machine";
import type { Options } from "../codec/options.js";
import type { Peer } from "./endpoint.js";

/** What is asked of a server. */
export interface Request {
  /** A method. */
  readonly code: number;
  /**
   * Uri-Path, Uri-Query, Accept ... With Observe 0 the request stays open and yields notifications. Block2 of block 0
   * proposes a block size (RFC 7959 2.4); of a later block it asks for that block alone.
   */
  readonly options?: Options;
  /** The whole body, of any length: the endpoint cuts it into blocks. It must not change until the end. */
  readonly payload?: Uint8Array;
  /** Whether it goes as a Confirmable message. Default true; never to a multicast group. */
  readonly isConfirmable?: boolean;
  /** Whether `to` is a group (RFC 7252 8): every response within the multicast lifetime is one. Default false. */
  readonly isMulticast?: boolean;
  /** Wait for a response after the request was acknowledged or sent, in milliseconds. Default: the endpoint's. */
  readonly responseTimeoutMs?: number;
  /**
   * The token of the first message, perhaps none; of at most 8 bytes unless the server speaks RFC 8974. Default: a random one, which is what keeps
   * others from forging the response; those that a transfer takes besides always are.
   */
  readonly token?: Uint8Array;
  /** Most bytes of a block of the request's body: 16 to 1024. Default: the endpoint's. */
  readonly blockSizeBytes?: number;
}

/** A response, whole: blocks are put together. */
export interface IncomingResponse {
  readonly peer: Peer;
  readonly code: number;
  readonly options: Options;
  readonly payload: Uint8Array;
  /** Whether it is a notification, after which others may follow (RFC 7641 3.2). */
  readonly isNotification: boolean;
}

/** Why a request got no (further) response. */
export type RequestFailureReason =
  /** Sent as often as allowed and never acknowledged (RFC 7252 4.2), or acknowledged and never answered. */
  | "timeout"
  /** The server answered with a Reset: it does not want or understand the message. */
  | "reset"
  /** {@link OutgoingRequest.cancel}. */
  | "cancelled"
  /** The endpoint or the connection closed. */
  | "closed"
  /** Too many requests wait for this peer, or too many peers are busy: nothing was sent. */
  | "overload"
  /** The response has a critical option that is not understood, or blocks that do not fit together. */
  | "bad-response"
  /** The body of the response is larger than the endpoint's options allow. */
  | "too-large"
  /** The network refused the datagram. */
  | "unreachable";

/** A request got no (further) response. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly reason: RequestFailureReason;

  constructor(reason: RequestFailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Bytes of a block-wise body that got through so far. */
export interface TransferProgress {
  readonly direction: "upload" | "download";
  readonly transferredBytes: number;
  /** From Size1 or Size2; undefined while unknown. */
  readonly totalBytes: number | undefined;
}

/** Told what comes of a request: any number of responses, then one end. */
export interface ResponseHandler {
  /** One response; for an observation each notification, for a multicast request one per responder. */
  handleResponse(now: Instant, response: IncomingResponse): void;
  /** Called once; nothing follows. Without `failure` the request had all the responses that it could have. */
  handleEnd(now: Instant, failure: RequestError | undefined): void;
  /** After each block of a transfer that takes several. */
  handleProgress?(now: Instant, progress: TransferProgress): void;
}

/** A request under way. */
export interface OutgoingRequest {
  /** Whether `handleEnd` was called. */
  readonly isEnded: boolean;
  /**
   * Gives up: `handleEnd` is called with reason `cancelled`. An observation is deregistered with the server
   * (RFC 7641 3.6), a retransmission stops. Idempotent.
   */
  cancel(now: Instant): void;
}
