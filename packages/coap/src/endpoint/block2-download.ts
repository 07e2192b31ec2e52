import { equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { type Block, blockOffset, blockSize, decodeBlock, encodeBlock } from "../codec/block.js";
import { Code, isSuccessCode } from "../codec/codes.js";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { Options } from "../codec/options.js";
import { appendBlock, BodyBuffer } from "./block-assembly.js";
import { Timed } from "./deadline-queue.js";
import type { Peer } from "./endpoint.js";
import type { Delivery, DeliveryListener } from "./lower-layer.js";
import { type Request, RequestError, type TransferProgress } from "./outgoing.js";
import { isChallenge, MAX_CHALLENGES } from "./echo-challenge.js";
import type { Requester } from "./requester.js";
import type { TokenOwner } from "./token-table.js";

/** Told what became of a download. */
export interface DownloadListener<P extends Peer> {
  /** `message` is the first block, `payload` the whole body. */
  handleDownloaded(now: Instant, peer: P, message: CoapMessage, payload: Uint8Array): void;
  handleDownloadFailure(now: Instant, error: RequestError): void;
  handleDownloadProgress(now: Instant, progress: TransferProgress): void;
}

/** Whether blocks are left to be asked for after `message`. */
export function hasMoreBlocks(message: CoapMessage): boolean {
  const value = message.options.uint(Option.BLOCK2);
  return value !== undefined && decodeBlock(value).more;
}

/** How often a download starts over because the representation changed under it. */
const MAX_RESTARTS = 2;

/**
 * Fetches the blocks that follow the first one of a response, each with a request of its own (RFC 7959 2.4).
 *
 * The blocks belong together when their ETags are equal; when the representation changes meanwhile, it starts over.
 */
export class Block2Download<P extends Peer> extends Timed implements TokenOwner<P>, DeliveryListener {
  readonly responder: P;
  readonly #requester: Requester<P>;
  readonly #request: Request;
  readonly #listener: DownloadListener<P>;
  #first: CoapMessage;
  #buffer = new BodyBuffer();
  #block: Block = { number: 0, more: true, szx: 0 };
  #token = NO_BYTES;
  #delivery: Delivery | undefined;
  #echo: Uint8Array | undefined;
  /** Whether the response that is waited for is a first block, in place of the one that there was. */
  #isFirstAsked = false;
  #restarts = 0;
  #challenges = 0;
  #isOver = false;

  constructor(requester: Requester<P>, peer: P, request: Request, first: CoapMessage, listener: DownloadListener<P>) {
    super();
    this.#requester = requester;
    this.responder = peer;
    this.#request = request;
    this.#first = first;
    this.#listener = listener;
  }

  /** Takes the first block in and asks for the next. */
  start(now: Instant): void {
    this.#echo = this.#first.options.bytes(Option.ECHO);
    if (this.#mayGetLargerBlocks()) {
      this.#block = { number: 0, more: true, szx: this.#wantedSzx() };
      this.#askNext(now);
    } else {
      this.#receiveBlock(now, this.#first);
    }
  }

  /** Stops; the listener hears nothing more. */
  stop(now: Instant): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#finishStep(now);
  }

  receiveResponse(now: Instant, _peer: P, message: CoapMessage): boolean {
    this.#finishStep(now);
    const fault = this.#requester.responseCheck.findFault(message.options);
    if (fault !== undefined) {
      this.#fail(now, new RequestError("bad-response", fault));
      return false;
    }
    if (this.#isFirstAsked) this.#first = message;
    if (isChallenge(message) && this.#challenges++ < MAX_CHALLENGES) {
      this.#echo = message.options.bytes(Option.ECHO);
      this.#askNext(now);
    } else if (!isSuccessCode(message.code)) {
      // The server has lost it, or refuses: that response is the outcome (4.08, 4.04 ...).
      this.#isOver = true;
      this.#listener.handleDownloaded(now, this.responder, message, message.payload);
    } else if (!hasSameEtag(this.#first.options, message.options)) {
      this.#restart(now, message);
    } else {
      this.#receiveBlock(now, message);
    }
    return true;
  }

  handleAcknowledged(): void {
    this.#delivery = undefined;
  }

  handleReset(now: Instant): void {
    this.#fail(now, new RequestError("reset", "the server rejected the request for a block"));
  }

  handleDeliveryTimeout(now: Instant): void {
    this.#fail(now, new RequestError("timeout", "the request for a block was never acknowledged"));
  }

  handleUnreachable(now: Instant): void {
    this.#fail(now, new RequestError("unreachable", "the network cannot reach the server"));
  }

  /** No response came in time. */
  handleDue(now: Instant): void {
    this.#fail(now, new RequestError("timeout", "no response to the request for a block"));
  }

  /**
   * Whether the first block is small and has a challenge: the server does not know our address yet. One more request,
   * with the Echo, for the first block anew saves many for small ones.
   */
  #mayGetLargerBlocks(): boolean {
    const value = this.#first.options.uint(Option.BLOCK2);
    if (this.#echo === undefined || value === undefined || this.#request.code !== Code.GET) return false;
    return decodeBlock(value).szx < this.#wantedSzx();
  }

  #wantedSzx(): number {
    const asked = this.#request.options?.uint(Option.BLOCK2);
    const { szx } = this.#requester.lower.blockLimit(this.responder);
    return asked === undefined ? szx : Math.min(szx, decodeBlock(asked).szx);
  }

  #receiveBlock(now: Instant, message: CoapMessage): void {
    const value = message.options.uint(Option.BLOCK2);
    if (value === undefined) {
      this.#fail(now, new RequestError("bad-response", "a block was asked for, the response is none"));
      return;
    }
    const block = decodeBlock(value);
    const { maxBodyBytes } = this.#requester.options;
    if ((message.options.uint(Option.SIZE2) ?? 0) > maxBodyBytes) {
      this.#fail(now, new RequestError("too-large", `the body exceeds the maximum of ${maxBodyBytes} bytes`));
      return;
    }
    const step = appendBlock(this.#buffer, block, message.payload, maxBodyBytes);
    switch (step.type) {
      case "complete":
        this.#isOver = true;
        this.#listener.handleDownloaded(now, this.responder, this.#first, step.body);
        return;
      case "continue":
        this.#block = block;
        this.#reportProgress(now);
        this.#askNext(now);
        return;
      case "too-large":
        this.#fail(now, new RequestError("too-large", `the body exceeds the maximum of ${maxBodyBytes} bytes`));
        return;
      case "incomplete":
      case "malformed":
        this.#fail(now, new RequestError("bad-response", `block at ${blockOffset(block)} does not follow`));
        return;
    }
  }

  #askNext(now: Instant): void {
    const { szx } = this.#block;
    const next: Block = { number: this.#buffer.length / blockSize(szx), more: false, szx };
    this.#isFirstAsked = next.number === 0;
    // RFC 7959 2.4, 3.3: the same options without the body; Observe is for the first block only (2.6).
    let options = (this.#request.options ?? Options.NONE).without(Option.OBSERVE);
    options = options.with(Option.BLOCK2, encodeBlock(next));
    if (this.#echo !== undefined) options = options.with(Option.ECHO, this.#echo);
    this.#token = this.#requester.tokens.issue(this);
    const message: CoapMessage = { code: this.#request.code, token: this.#token, options, payload: NO_BYTES };
    this.#requester.options.deadlines.schedule(this, now + this.#requester.options.responseTimeoutMs);
    const isConfirmable = this.#request.isConfirmable ?? true;
    this.#delivery = this.#requester.lower.send(now, this.responder, message, isConfirmable, this);
    if (this.#delivery === undefined)
      this.#fail(now, new RequestError("overload", "too many messages wait to be sent"));
  }

  /** The representation is another one than before (RFC 7959 2.4): what there is of the old one is of no use. */
  #restart(now: Instant, message: CoapMessage): void {
    const value = message.options.uint(Option.BLOCK2);
    if (this.#restarts++ >= MAX_RESTARTS || value === undefined) {
      this.#fail(now, new RequestError("bad-response", "the representation keeps changing"));
      return;
    }
    this.#buffer = new BodyBuffer();
    this.#first = message;
    const block = decodeBlock(value);
    if (block.number === 0) {
      this.#receiveBlock(now, message);
    } else {
      this.#block = { ...block, number: 0 };
      this.#askNext(now);
    }
  }

  #reportProgress(now: Instant): void {
    this.#listener.handleDownloadProgress(now, {
      direction: "download",
      transferredBytes: this.#buffer.length,
      totalBytes: this.#first.options.uint(Option.SIZE2),
    });
  }

  /** The request for a block is answered, or over. */
  #finishStep(now: Instant): void {
    this.#requester.options.deadlines.cancel(this);
    this.#delivery?.settle(now);
    this.#delivery = undefined;
    this.#requester.tokens.release(this.#token, this);
  }

  #fail(now: Instant, error: RequestError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#finishStep(now);
    this.#listener.handleDownloadFailure(now, error);
  }
}

function hasSameEtag(a: Options, b: Options): boolean {
  const etagA = a.bytes(Option.ETAG);
  const etagB = b.bytes(Option.ETAG);
  if (etagA === undefined || etagB === undefined) return etagA === etagB;
  return equalBytes(etagA, etagB);
}
