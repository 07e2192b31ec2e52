import { Fifo } from "../session/fifo.js";
import type { Message } from "./message.js";

/** What a stream does to the client that feeds it. */
export interface StreamPort {
  /** `bytes` more (or, negative, fewer) of messages wait to be taken. */
  addBuffered(bytes: number): void;
  /** The reader wants no more messages. */
  close(): Promise<void>;
}

/** What a waiting message counts for besides its payload. */
const MESSAGE_OVERHEAD_BYTES = 128;

/**
 * Messages, to be read with `for await`. Leaving the loop closes the stream.
 *
 * It buffers what is not read yet; when all streams together reach the client's `bufferLimitBytes`, the client stops
 * reading from its connection, so that the server holds back the rest.
 */
export class MessageStream implements AsyncIterableIterator<Message, undefined>, AsyncDisposable {
  readonly #port: StreamPort;
  readonly #messages = new Fifo<Message>();
  readonly #readers: {
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: Error): void;
  }[] = [];
  #hasReader = false;
  #isIgnored = false;
  #isEnded = false;
  /** To be thrown, once, when what is buffered is read. */
  #error: Error | undefined;

  constructor(port: StreamPort) {
    this.#port = port;
  }

  /** Whether it takes no more messages. Buffered ones may still be read. */
  get isClosed(): boolean {
    return this.#isEnded;
  }

  /** The next message, as soon as there is one. @throws what ended the client, if it did not end as planned. */
  next(): Promise<IteratorResult<Message, undefined>> {
    this.#hasReader = true;
    this.#isIgnored = false;
    const message = this.#messages.shift();
    if (message) {
      this.#port.addBuffered(-sizeOf(message));
      return Promise.resolve({ done: false, value: message });
    }
    const error = this.#error;
    this.#error = undefined;
    if (error) return Promise.reject(error);
    if (this.#isEnded) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** As {@link close}, but waits for nothing. `for await` calls it when the loop is left. */
  return(): Promise<IteratorResult<Message, undefined>> {
    void this.close();
    return Promise.resolve(DONE);
  }

  /** Stops the stream: what is buffered is dropped. A subscription unsubscribes, and waits for the server's answer. */
  async close(): Promise<void> {
    this.#drop();
    this.#error = undefined;
    if (this.#isEnded) return;
    this.end();
    await this.#port.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The client has a message for it. */
  push(message: Message): void {
    if (this.#isEnded || this.#isIgnored) return;
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: message });
      return;
    }
    this.#messages.push(message);
    this.#port.addBuffered(sizeOf(message));
  }

  /** If nobody has begun to read it, drops what it has buffered, and buffers nothing until somebody does. */
  ignoreUnlessRead(): void {
    if (this.#hasReader) return;
    this.#isIgnored = true;
    this.#drop();
  }

  /** No more messages will come, because of `error` or as planned. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const reader of this.#readers.splice(0)) {
      if (error) reader.reject(error);
      else reader.resolve(DONE);
      error = undefined;
    }
    this.#error = error;
  }

  #drop(): void {
    for (const message of this.#messages.takeAll()) this.#port.addBuffered(-sizeOf(message));
  }
}

const DONE: IteratorResult<Message, undefined> = { done: true, value: undefined };

function sizeOf({ payload }: Message): number {
  return payload.length + MESSAGE_OVERHEAD_BYTES;
}
