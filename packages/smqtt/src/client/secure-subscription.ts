import { OpenError, type OpenFailure } from "../envelope/open-error.js";
import { MessageQueue } from "./message-queue.js";
import type { PlainMessage, PlainSubscription } from "./plain-client.js";
import type { SecureMessage } from "./secure-client.js";

/** Opened messages that wait for a slow reader; then the subscription below is not read on. */
const QUEUE_LIMIT = 256;
/** What a waiting message counts for besides its payload. */
const MESSAGE_OVERHEAD_BYTES = 128;

/** How a subscription opens what it gets. */
export interface SubscriptionPort {
  /** @throws OpenError, with `unknown-key` when its key has to be fetched first. */
  open(message: PlainMessage): SecureMessage;
  /** The name of the key that the message needs. @throws OpenError for what is not sealed. */
  keyOf(message: PlainMessage): string;
  /** Gets that key. @returns why it could not. */
  fetchKey(message: PlainMessage): Promise<OpenFailure | undefined>;
  onRefused(failure: OpenFailure, topic: string): void;
  readonly pendingLimitBytes: number;
}

/**
 * The messages of a subscription that open, to be read with `for await`. Leaving the loop unsubscribes.
 *
 * Messages whose key has yet to come wait aside, in order, and hold nobody else up.
 */
export class SecureSubscription implements AsyncIterable<SecureMessage>, AsyncDisposable {
  /** Resolves when no more messages will come. */
  readonly done: Promise<void>;
  readonly #plain: PlainSubscription;
  readonly #port: SubscriptionPort;
  readonly #opened = new MessageQueue<SecureMessage>(QUEUE_LIMIT);
  /** Name of a key that is being fetched, to the messages that need it. */
  readonly #pendingByKey = new Map<string, PlainMessage[]>();
  #pendingBytes = 0;

  constructor(plain: PlainSubscription, port: SubscriptionPort) {
    this.#plain = plain;
    this.#port = port;
    this.done = this.#pump();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SecureMessage, undefined> {
    try {
      yield* this.#opened;
      return undefined;
    } finally {
      await this.close();
    }
  }

  /** Unsubscribes. */
  async close(): Promise<void> {
    this.#opened.end();
    await this.#plain.close();
    await this.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #pump(): Promise<void> {
    try {
      for await (const message of this.#plain) await this.#take(message);
      this.#opened.end();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  async #take(message: PlainMessage): Promise<void> {
    if (message.payload.length === 0) return; // a retained message was cleared: there is nothing to open
    try {
      const opened = this.#openNow(message);
      if (opened !== undefined) await this.#opened.push(opened);
    } catch (cause) {
      this.#refuse(cause, message);
    }
  }

  /** The opened message; undefined when it has to wait for its key. */
  #openNow(message: PlainMessage): SecureMessage | undefined {
    // Behind those of the same key that still wait, even when it has just come.
    if (this.#pendingByKey.size > 0) {
      const name = this.#port.keyOf(message);
      if (this.#pendingByKey.has(name)) {
        this.#hold(name, message);
        return undefined;
      }
    }
    try {
      return this.#port.open(message);
    } catch (cause) {
      if (!(cause instanceof OpenError && cause.failure === "unknown-key")) throw cause;
      this.#hold(this.#port.keyOf(message), message);
      return undefined;
    }
  }

  #hold(key: string, message: PlainMessage): void {
    if (this.#pendingBytes >= this.#port.pendingLimitBytes) throw new OpenError("unknown-key");
    this.#pendingBytes += sizeOf(message);
    const pending = this.#pendingByKey.get(key);
    if (pending !== undefined) {
      pending.push(message);
      return;
    }
    this.#pendingByKey.set(key, [message]);
    this.#release(key, message).catch((cause: unknown) => this.#fail(cause));
  }

  /** Opens what waits for `key` once it is there. */
  async #release(key: string, first: PlainMessage): Promise<void> {
    const failure = await this.#port.fetchKey(first);
    const pending = this.#pendingByKey.get(key) ?? [];
    for (let message = pending.shift(); message !== undefined; message = pending.shift()) {
      this.#pendingBytes -= sizeOf(message);
      try {
        if (failure !== undefined) throw new OpenError(failure);
        await this.#opened.push(this.#port.open(message));
      } catch (cause) {
        this.#refuse(cause, message);
      }
    }
    this.#pendingByKey.delete(key);
  }

  #refuse(cause: unknown, { topic }: PlainMessage): void {
    if (!(cause instanceof OpenError)) throw cause;
    this.#port.onRefused(cause.failure, topic);
  }

  /** The subscription below broke, or we did: the reader gets to know after what was opened. */
  #fail(cause: unknown): void {
    this.#opened.end(cause instanceof Error ? cause : new Error("the subscription broke", { cause }));
  }
}

function sizeOf({ payload }: PlainMessage): number {
  return payload.length + MESSAGE_OVERHEAD_BYTES;
}
