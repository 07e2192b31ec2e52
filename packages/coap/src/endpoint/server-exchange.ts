import type { Instant } from "@isthmus/machine";
import type { Block } from "../codec/block.js";
import { Code, isResponseCode } from "../codec/codes.js";
import type { CoapMessage } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import type { Peer } from "./endpoint.js";
import type { IncomingRequest, Response } from "./incoming.js";
import type { Receipt } from "./lower-layer.js";
import type { Responder } from "./responder.js";
import type { ServerObservation } from "./server-observation.js";
import type { Observation, Subject } from "./subject.js";
import type { UriPath } from "./uri-path.js";

/** A request on its way through the {@link Responder}; the upper layer sees it as {@link IncomingRequest}. */
export class ServerExchange<P extends Peer> implements IncomingRequest {
  readonly peer: P;
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: Options;
  readonly path: UriPath;
  readonly receipt: Receipt;
  /** The whole body once blocks are put together. */
  payload: Uint8Array;
  /** The Block1 option of the request's last block, to be returned with the response (RFC 7959 2.3). */
  block1: Block | undefined;
  /** The Block2 option of the request: the block that is asked for. */
  block2: Block | undefined;
  /** Set when the upper layer accepted to be observed. */
  observation: ServerObservation<P> | undefined;
  isAnswered = false;
  readonly #responder: Responder<P>;

  constructor(
    responder: Responder<P>,
    peer: P,
    message: CoapMessage,
    options: Options,
    path: UriPath,
    receipt: Receipt,
  ) {
    this.#responder = responder;
    this.peer = peer;
    this.code = message.code;
    this.token = message.token;
    this.options = options;
    this.payload = message.payload;
    this.path = path;
    this.receipt = receipt;
  }

  get isConfirmable(): boolean {
    return this.receipt.isConfirmable;
  }

  get isMulticast(): boolean {
    return this.receipt.isMulticast;
  }

  get isRegistration(): boolean {
    // RFC 7641 2: GET; RFC 8132 2.4: FETCH as well.
    if (this.code !== Code.GET && this.code !== Code.FETCH) return false;
    return this.options.uint(Option.OBSERVE) === 0 && !this.isMulticast;
  }

  respond(now: Instant, response: Response): void {
    if (!isResponseCode(response.code)) throw new TypeError(`${response.code} is not a response code`);
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#responder.answer(now, this, response);
  }

  ignore(now: Instant): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.receipt.ignore(now);
  }

  observe(now: Instant, subject: Subject): Observation | undefined {
    if (this.isAnswered || !this.isRegistration) return undefined;
    return this.#responder.register(now, this, subject);
  }
}
