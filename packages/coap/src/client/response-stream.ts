import type { Instant } from "@isthmus/machine";
import type { IncomingResponse, RequestError, ResponseHandler } from "../endpoint/outgoing.js";

/** What comes of a request, as an iteration. */
export interface ResponseStreamOptions<T> {
  /** What to make of a response. */
  readonly convert: (response: IncomingResponse) => T;
  /** Most responses that wait to be taken; beyond it the oldest is dropped. */
  readonly maxWaiting: number;
  /** Called when nobody takes any more. */
  readonly cancel: () => void;
}

/**
 * Responses to one request, one after the other, for one consumer.
 *
 * Observers want the latest state: when the consumer is slower than the server, old ones make room.
 */
export class ResponseStream<T> implements ResponseHandler, AsyncIterableIterator<T, undefined> {
  readonly #options: ResponseStreamOptions<T>;
  readonly #waiting: T[] = [];
  #ended: { readonly error: unknown } | undefined;
  #taker: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;

  constructor(options: ResponseStreamOptions<T>) {
    this.#options = options;
  }

  handleResponse(_now: Instant, response: IncomingResponse): void {
    if (this.#ended !== undefined) return;
    const value = this.#options.convert(response);
    if (this.#taker !== undefined) {
      this.#taker.resolve({ done: false, value });
      this.#taker = undefined;
      return;
    }
    if (this.#waiting.length >= this.#options.maxWaiting) this.#waiting.shift();
    this.#waiting.push(value);
  }

  handleEnd(_now: Instant, failure: RequestError | undefined): void {
    this.end(failure);
  }

  /** Ends the iteration: what waits can still be taken, then `error` is thrown if there is one. */
  end(error?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    const taker = this.#taker;
    this.#taker = undefined;
    if (taker === undefined) return;
    this.#ended = { error: undefined };
    if (error === undefined) taker.resolve({ done: true, value: undefined });
    else taker.reject(error);
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#taker !== undefined) throw new TypeError("the iteration has one consumer, who awaits each response");
    if (this.#waiting.length > 0) {
      // There is one, so shift gives it.
      return { done: false, value: this.#waiting.shift() as T };
    }
    if (this.#ended !== undefined) {
      const { error } = this.#ended;
      this.#ended = { error: undefined };
      // What ended it was thrown by the endpoint, or is the reason of a signal, which may be anything.
      if (error !== undefined) return Promise.reject(error);
      return { done: true, value: undefined };
    }
    this.#taker = Promise.withResolvers();
    return this.#taker.promise;
  }

  /** Called when a loop is left: nothing more is wanted. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#waiting.length = 0;
    this.end();
    this.#options.cancel();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
