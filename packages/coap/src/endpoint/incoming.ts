import type { Instant } from "@isthmus/machine";
import type { Options } from "../codec/options.js";
import type { Peer } from "./endpoint.js";
import type { Observation, Subject } from "./subject.js";
import type { UriPath } from "./uri-path.js";

/** What a request is answered with, or an observer is told. */
export interface Response {
  /** Of class 2, 4 or 5. */
  readonly code: number;
  /**
   * What the representation needs: Content-Format, ETag, Max-Age, Location-Path ... The endpoint itself adds Observe,
   * Block1, Block2, Size2 and Echo.
   */
  readonly options?: Options;
  /** The whole body, of any length: the endpoint cuts it into blocks. It must not change afterwards. */
  readonly payload?: Uint8Array;
  /**
   * Whether a separate response or a notification goes out as a Confirmable message. Default: as the request came;
   * notifications as the endpoint's options say. Reliable transports do not care.
   */
  readonly isConfirmable?: boolean;
}

/**
 * A request that is to be answered once, at once or later.
 *
 * What reaches the handler is whole and checked: blocks are put together, duplicates are filtered, unknown critical
 * options were refused with 4.02, proxy options without a proxy with 5.05.
 */
export interface IncomingRequest {
  readonly peer: Peer;
  /** The method. */
  readonly code: number;
  readonly token: Uint8Array;
  /** As they came, those for the endpoint (Block1, Observe, Echo ...) among them. */
  readonly options: Options;
  /** The whole body; a view that stays valid. */
  readonly payload: Uint8Array;
  /** The Uri-Path options as one interned value. */
  readonly path: UriPath;
  /** Whether it came as a Confirmable message; true on reliable transports. */
  readonly isConfirmable: boolean;
  /** Whether it came to a multicast group: errors are then kept back, and answers spread over the leisure. */
  readonly isMulticast: boolean;
  /** Whether the client asks to observe: GET or FETCH with Observe 0 (RFC 7641 2). */
  readonly isRegistration: boolean;
  /** Whether {@link respond} or {@link ignore} was called, or the requester is gone. */
  readonly isAnswered: boolean;

  /**
   * Answers. Responses that the client wants suppressed (No-Response, multicast) are dropped here.
   *
   * A second answer, or one after the connection closed, is ignored: whoever looks up something slow need not care.
   *
   * @throws TypeError when the code is not a response code.
   */
  respond(now: Instant, response: Response): void;

  /** Answers nothing; a Confirmable request is only acknowledged. */
  ignore(now: Instant): void;

  /**
   * Enters the requester among the observers of `subject`; call it before {@link respond}. A 2.xx response then
   * becomes the first notification, any other ends the observation again (RFC 7641 4.1, 4.2).
   *
   * @returns undefined when it is not a registration, or the endpoint has as many observers as its options allow: the
   * request is then answered as if it had not asked to observe.
   */
  observe(now: Instant, subject: Subject): Observation | undefined;
}

/** The upper layer, as an endpoint sees it: a server, a proxy, or one that refuses. One may serve many endpoints. */
export interface RequestHandler {
  /** Each request is to be answered by {@link IncomingRequest.respond}, during this call or at any time later. */
  handleRequest(now: Instant, request: IncomingRequest): void;
}
