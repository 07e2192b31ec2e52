import type { Instant } from "@isthmus/machine";
import { encodeBlock, decodeBlock, szxForSize } from "../codec/block.js";
import { Code, isSuccessCode } from "../codec/codes.js";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { encodeUint, Options } from "../codec/options.js";
import { Block1Upload } from "./block1-upload.js";
import { Block2Download, type DownloadListener, hasMoreBlocks } from "./block2-download.js";
import { Timed } from "./deadline-queue.js";
import { isChallenge, MAX_CHALLENGES } from "./echo-challenge.js";
import type { Peer } from "./endpoint.js";
import { type BlockLimit, type Delivery, type DeliveryListener, ignoreOutcome } from "./lower-layer.js";
import { NotificationOrder } from "./notification-order.js";
import { type Request, RequestError, type ResponseHandler, type TransferProgress } from "./outgoing.js";
import type { Requester, RunningRequest } from "./requester.js";
import type { TokenOwner } from "./token-table.js";

/** RFC 7252 5.10.5: a response without Max-Age is fresh for a minute. */
const DEFAULT_MAX_AGE_S = 60;
/** RFC 7641 3.3.1: wait 5 to 15 seconds beyond Max-Age before registering again. */
const REREGISTRATION_MIN_MS = 5_000;
const REREGISTRATION_SPREAD_MS = 10_000;
/** Longer waits than a timer of 32 bits can hold help nobody. */
const MAX_REREGISTRATION_MS = 2 ** 31 - 1;
/** How often an upload starts over after 4.08. */
const MAX_UPLOAD_RESTARTS = 1;

/**
 * One request to one server: its body goes out in blocks, the response comes in in blocks, a challenge is answered,
 * and with Observe 0 it goes on until it is cancelled.
 */
export class ClientExchange<P extends Peer>
  extends Timed
  implements RunningRequest, TokenOwner<P>, DeliveryListener, DownloadListener<P>
{
  readonly responder: P;
  isEnded = false;
  readonly #requester: Requester<P>;
  readonly #request: Request;
  readonly #handler: ResponseHandler;
  readonly #upload: Block1Upload | undefined;
  readonly #requestTag: Uint8Array | undefined;
  #token = NO_BYTES;
  #delivery: Delivery | undefined;
  #download: Block2Download<P> | undefined;
  /** Set once the server accepted the observation. */
  #order: NotificationOrder | undefined;
  #echo: Uint8Array | undefined;
  #challenges = 0;
  #uploadRestarts = 0;

  constructor(requester: Requester<P>, peer: P, request: Request, handler: ResponseHandler) {
    super();
    this.#requester = requester;
    this.responder = peer;
    this.#request = request;
    this.#handler = handler;
    requester.lower.hold(peer);
    const limit = blockLimitFor(request, requester.lower.blockLimit(peer));
    const body = request.payload ?? NO_BYTES;
    if (body.length > limit.payloadBytes) {
      this.#upload = new Block1Upload(body, limit);
      // RFC 9175 3.4: tells this body from another one for the same resource that is on its way.
      this.#requestTag = encodeUint(requester.nextRequestTag());
    }
  }

  get #isObserving(): boolean {
    return this.#request.options?.uint(Option.OBSERVE) === 0;
  }

  /** Random access (RFC 7959 2.4). */
  get #asksForOneBlock(): boolean {
    return decodeBlock(this.#request.options?.uint(Option.BLOCK2) ?? 0).number > 0;
  }

  start(now: Instant): void {
    const { token } = this.#request;
    if (token === undefined) {
      this.#send(now);
    } else if (this.#requester.tokens.claim(token, this)) {
      this.#token = token;
      this.#sendWithToken(now);
    } else {
      this.fail(now, new RequestError("overload", "the token is in use"));
    }
  }

  cancel(now: Instant): void {
    if (this.isEnded) return;
    if (this.#order !== undefined) this.#deregister(now);
    this.fail(now, new RequestError("cancelled", "the request was cancelled"));
  }

  fail(now: Instant, error: RequestError): void {
    this.#end(now, error);
  }

  receiveResponse(now: Instant, _peer: P, message: CoapMessage): boolean {
    const isFirst = this.#delivery !== undefined || this.#order === undefined;
    this.#settle(now);
    // RFC 7252 5.4.1, but for 4.02: there some servers (libcoap) send back the very option that they did not know.
    const fault =
      message.code === Code.BAD_OPTION ? undefined : this.#requester.responseCheck.findFault(message.options);
    if (fault !== undefined) {
      this.fail(now, new RequestError("bad-response", fault));
      return false;
    }
    this.#echo = message.options.bytes(Option.ECHO) ?? this.#echo;
    if (isChallenge(message) && this.#challenges++ < MAX_CHALLENGES) {
      this.#send(now);
    } else if (this.#upload === undefined || !this.#continueUpload(now, this.#upload, message)) {
      this.#receiveFinal(now, message, isFirst);
    }
    return true;
  }

  handleAcknowledged(): void {
    // The response comes separately; until then the response timeout runs.
    this.#delivery = undefined;
  }

  handleReset(now: Instant): void {
    this.fail(now, new RequestError("reset", "the server rejected the request"));
  }

  handleDeliveryTimeout(now: Instant): void {
    this.fail(now, new RequestError("timeout", "the request was never acknowledged"));
  }

  handleUnreachable(now: Instant): void {
    this.fail(now, new RequestError("unreachable", "the network cannot reach the server"));
  }

  /** No response in time; or, while observing, no notification for longer than the last one was fresh. */
  handleDue(now: Instant): void {
    if (this.#order === undefined || this.#delivery !== undefined) {
      this.fail(now, new RequestError("timeout", "no response"));
    } else {
      this.#sendWithToken(now);
    }
  }

  handleDownloaded(now: Instant, _peer: P, message: CoapMessage, payload: Uint8Array): void {
    this.#download = undefined;
    this.#deliver(now, message, payload);
  }

  handleDownloadFailure(now: Instant, error: RequestError): void {
    this.#download = undefined;
    // The next notification brings the next chance.
    if (this.#order === undefined) this.fail(now, error);
  }

  handleDownloadProgress(now: Instant, progress: TransferProgress): void {
    this.#handler.handleProgress?.(now, progress);
  }

  /** Sends the request, or the block of it that is due, with a token of its own. */
  #send(now: Instant): void {
    this.#requester.tokens.release(this.#token, this);
    this.#token = this.#requester.tokens.issue(this);
    this.#sendWithToken(now);
  }

  #sendWithToken(now: Instant): void {
    const { lower, options } = this.#requester;
    const isConfirmable = this.#request.isConfirmable ?? true;
    const timeoutMs =
      this.#request.responseTimeoutMs ?? (isConfirmable ? options.responseTimeoutMs : options.nonResponseTimeoutMs);
    options.deadlines.schedule(this, now + timeoutMs);
    this.#delivery = lower.send(now, this.responder, this.#compose(), isConfirmable, this);
    if (this.#delivery === undefined) this.fail(now, new RequestError("overload", "too many messages wait to be sent"));
  }

  #compose(): CoapMessage {
    let options = this.#request.options ?? Options.NONE;
    let payload = this.#request.payload ?? NO_BYTES;
    if (this.#echo !== undefined) options = options.with(Option.ECHO, this.#echo);
    if (this.#upload !== undefined) {
      const current = this.#upload.current();
      payload = current.payload;
      options = options.with(Option.BLOCK1, encodeBlock(current.block));
      if (current.block.number === 0) options = options.with(Option.SIZE1, this.#upload.totalBytes);
      if (this.#requestTag !== undefined) options = options.with(Option.REQUEST_TAG, this.#requestTag);
    }
    return { code: this.#request.code, token: this.#token, options, payload };
  }

  /** @returns whether the response only moved the upload on. */
  #continueUpload(now: Instant, upload: Block1Upload, message: CoapMessage): boolean {
    const value = message.options.uint(Option.BLOCK1);
    const block = value === undefined ? undefined : decodeBlock(value);
    if (isSuccessCode(message.code)) {
      // RFC 7959 2.3: 2.31, or another success to each block of a transfer that is not atomic.
      if (block === undefined || !upload.advance(block)) return false;
      this.#handler.handleProgress?.(now, {
        direction: "upload",
        transferredBytes: upload.sentBytes,
        totalBytes: upload.totalBytes,
      });
    } else if (message.code === Code.REQUEST_ENTITY_TOO_LARGE) {
      // RFC 7959 2.9.3: a smaller SZX asks for smaller blocks.
      if (block === undefined || upload.sentBytes > 0 || block.szx >= upload.current().block.szx) return false;
      upload.restart(block.szx);
    } else if (message.code === Code.REQUEST_ENTITY_INCOMPLETE) {
      if (this.#uploadRestarts++ >= MAX_UPLOAD_RESTARTS) return false;
      upload.restart();
    } else {
      return false;
    }
    this.#send(now);
    return true;
  }

  /** The response to the whole request, or a notification; perhaps its first block. */
  #receiveFinal(now: Instant, message: CoapMessage, isFirst: boolean): void {
    const sequence = message.options.uint(Option.OBSERVE);
    if (this.#isObserving && sequence !== undefined && isSuccessCode(message.code)) {
      this.#order ??= new NotificationOrder();
      // RFC 7641 3.4: one that was overtaken tells nothing new.
      const isNews = this.#requester.lower.isReliable || this.#order.accept(now, sequence);
      this.#scheduleReregistration(now, message);
      if (!isNews && !isFirst) return;
    } else {
      // RFC 7641 3.2, 4.2: without Observe, or with an error, there are no notifications (any more).
      this.#order = undefined;
    }
    this.#download?.stop(now);
    this.#download = undefined;
    if (!hasMoreBlocks(message) || this.#asksForOneBlock) {
      this.#deliver(now, message, message.payload);
      return;
    }
    this.#download = new Block2Download(this.#requester, this.responder, this.#taggedRequest(), message, this);
    this.#download.start(now);
  }

  /** RFC 9175 3.4: the blocks of the response belong to the operation that the Request-Tag names. */
  #taggedRequest(): Request {
    if (this.#requestTag === undefined) return this.#request;
    const options = this.#request.options ?? Options.NONE;
    return { ...this.#request, options: options.with(Option.REQUEST_TAG, this.#requestTag) };
  }

  #deliver(now: Instant, message: CoapMessage, payload: Uint8Array): void {
    const isNotification = this.#order !== undefined;
    const { code, options } = message;
    this.#handler.handleResponse(now, { peer: this.responder, code, options, payload, isNotification });
    if (!isNotification) this.#end(now, undefined);
  }

  #scheduleReregistration(now: Instant, message: CoapMessage): void {
    const { random, deadlines } = this.#requester.options;
    const maxAgeMs = (message.options.uint(Option.MAX_AGE) ?? DEFAULT_MAX_AGE_S) * 1_000;
    const spreadMs = REREGISTRATION_SPREAD_MS * (random.nextUint32() / 0x1_0000_0000);
    const waitMs = maxAgeMs + REREGISTRATION_MIN_MS + spreadMs;
    deadlines.schedule(this, now + Math.min(waitMs, MAX_REREGISTRATION_MS));
  }

  /** RFC 7641 3.6: the same request with Observe 1 and the same token; its response is of no interest. */
  #deregister(now: Instant): void {
    const options = (this.#request.options ?? Options.NONE).with(Option.OBSERVE, 1);
    const message: CoapMessage = { code: this.#request.code, token: this.#token, options, payload: NO_BYTES };
    const isConfirmable = this.#request.isConfirmable ?? true;
    this.#requester.lower.send(now, this.responder, message, isConfirmable, ignoreOutcome);
  }

  #settle(now: Instant): void {
    this.#requester.options.deadlines.cancel(this);
    this.#delivery?.settle(now);
    this.#delivery = undefined;
  }

  #end(now: Instant, error: RequestError | undefined): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#settle(now);
    this.#download?.stop(now);
    this.#download = undefined;
    this.#requester.tokens.release(this.#token, this);
    this.#requester.lower.release(this.responder);
    this.#requester.remove(this);
    this.#handler.handleEnd(now, error);
  }
}

/** The transport's limit, or the smaller one that the request asks for. */
function blockLimitFor(request: Request, limit: BlockLimit): BlockLimit {
  const size = request.blockSizeBytes;
  if (size === undefined || size >= limit.payloadBytes) return limit;
  if (size < 16) throw new RangeError(`blockSizeBytes is ${size}, less than 16`);
  const szx = szxForSize(size);
  return { szx, payloadBytes: 16 << szx };
}
