import type { Instant } from "@isthmus/machine";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Options } from "../codec/options.js";
import { Block2Download, type DownloadListener, hasMoreBlocks } from "./block2-download.js";
import { Timed } from "./deadline-queue.js";
import type { Peer } from "./endpoint.js";
import { type Request, RequestError, type ResponseHandler } from "./outgoing.js";
import type { Requester, RunningRequest } from "./requester.js";
import type { TokenOwner } from "./token-table.js";

/** Responses of one group request that are fetched block by block at the same time. */
const MAX_DOWNLOADS = 256;

/**
 * One request to a group (RFC 7252 8): Non-confirmable, sent once, answered by as many as care to within the time.
 *
 * When a response is a first block, the rest is fetched from its sender alone (RFC 7959 2.8).
 */
export class GroupExchange<P extends Peer> extends Timed implements RunningRequest, TokenOwner<P> {
  readonly responder = undefined;
  isEnded = false;
  readonly #requester: Requester<P>;
  readonly #group: P;
  readonly #request: Request;
  readonly #handler: ResponseHandler;
  readonly #downloads = new Map<number, Block2Download<P>>();
  #token = NO_BYTES;
  #isOver = false;

  constructor(requester: Requester<P>, group: P, request: Request, handler: ResponseHandler) {
    super();
    this.#requester = requester;
    this.#group = group;
    this.#request = request;
    this.#handler = handler;
    requester.lower.hold(group);
  }

  start(now: Instant): void {
    const { tokens, options, lower } = this.#requester;
    const { code, payload = NO_BYTES } = this.#request;
    const { token } = this.#request;
    if (token !== undefined && !tokens.claim(token, this)) {
      this.fail(now, new RequestError("overload", "the token is in use"));
      return;
    }
    this.#token = token ?? tokens.issue(this);
    options.deadlines.schedule(this, now + (this.#request.responseTimeoutMs ?? options.groupResponseTimeoutMs));
    const message = { code, token: this.#token, options: this.#request.options ?? Options.NONE, payload };
    lower.sendToGroup(now, this.#group, message);
  }

  cancel(now: Instant): void {
    this.fail(now, new RequestError("cancelled", "the request was cancelled"));
  }

  fail(now: Instant, error: RequestError): void {
    this.#end(now, error);
  }

  receiveResponse(now: Instant, peer: P, message: CoapMessage): boolean {
    if (this.#requester.responseCheck.findFault(message.options) !== undefined) return false;
    if (!hasMoreBlocks(message)) {
      this.#deliver(now, peer, message, message.payload);
    } else if (!this.#downloads.has(peer.id) && this.#downloads.size < MAX_DOWNLOADS) {
      // What is asked of one server is an ordinary, Confirmable request.
      const request = { ...this.#request, isConfirmable: true };
      const download = new Block2Download(this.#requester, peer, request, message, this.#listen(peer));
      this.#downloads.set(peer.id, download);
      download.start(now);
    }
    return true;
  }

  /** The time for responses is over; downloads that were begun are waited for. */
  handleDue(now: Instant): void {
    this.#isOver = true;
    if (this.#downloads.size === 0) this.#end(now, undefined);
  }

  /** A download that fails is one responder less: a group request promises nothing. */
  #listen(peer: P): DownloadListener<P> {
    const done = (now: Instant): void => {
      this.#downloads.delete(peer.id);
      if (this.#isOver && this.#downloads.size === 0) this.#end(now, undefined);
    };
    return {
      handleDownloaded: (now, from, message, payload) => {
        this.#deliver(now, from, message, payload);
        done(now);
      },
      handleDownloadFailure: (now) => done(now),
      handleDownloadProgress: (now, progress) => this.#handler.handleProgress?.(now, progress),
    };
  }

  #deliver(now: Instant, peer: P, message: CoapMessage, payload: Uint8Array): void {
    const { code, options } = message;
    this.#handler.handleResponse(now, { peer, code, options, payload, isNotification: false });
  }

  #end(now: Instant, error: RequestError | undefined): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#requester.options.deadlines.cancel(this);
    for (const download of this.#downloads.values()) download.stop(now);
    this.#downloads.clear();
    this.#requester.tokens.release(this.#token, this);
    this.#requester.lower.release(this.#group);
    this.#requester.remove(this);
    this.#handler.handleEnd(now, error);
  }
}
