import type { PublishPacket } from "../codec/packets.js";
import { Message } from "./message.js";
import { MessageStream } from "./message-stream.js";
import type { Subscription } from "./subscription.js";
import { SubscriptionTable } from "./subscription-table.js";

/** Who gets a message that came in, and how much may wait to be read. */
export class Inbox {
  readonly subscriptions = new SubscriptionTable();
  readonly #limitBytes: number;
  readonly #setPaused: (isPaused: boolean) => void;
  /** The streams of all messages. */
  readonly #allStreams = new Set<MessageStream>();
  #bufferedBytes = 0;
  #isPaused = false;

  /** @param setPaused tells the connection to stop reading, or to go on. */
  constructor(limitBytes: number, setPaused: (isPaused: boolean) => void) {
    this.#limitBytes = limitBytes;
    this.#setPaused = setPaused;
  }

  receive(packet: PublishPacket): void {
    const message = new Message(packet);
    for (const stream of this.#allStreams) stream.push(message);
    for (const subscription of this.subscriptions.subscribersOf(packet)) subscription.push(message);
  }

  /** A stream of all messages that come in from now on. */
  openStream(): MessageStream {
    const stream: MessageStream = new MessageStream({
      addBuffered: (bytes) => this.addBuffered(bytes),
      close: () => {
        this.#allStreams.delete(stream);
        return Promise.resolve();
      },
    });
    this.#allStreams.add(stream);
    return stream;
  }

  /** The client is closed: ends all streams. */
  end(error: Error | undefined): void {
    for (const stream of this.#allStreams) stream.end(error);
    for (const subscription of this.#subscribers()) subscription.end(error);
  }

  addBuffered(bytes: number): void {
    this.#bufferedBytes += bytes;
    if (bytes > 0 && this.#bufferedBytes >= this.#limitBytes) this.#ignoreUnread();
    // Goes on at the half, so that it does not switch at each message.
    const threshold = this.#isPaused ? this.#limitBytes / 2 : this.#limitBytes;
    const isPaused = this.#bufferedBytes >= threshold && this.#bufferedBytes > 0;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#setPaused(isPaused);
  }

  /** Who reads all messages needs no subscription's stream: one that was never read must not stop the others. */
  #ignoreUnread(): void {
    if (this.#allStreams.size === 0) return;
    for (const subscription of this.#subscribers()) subscription.ignoreUnlessRead();
  }

  *#subscribers(): Iterable<Subscription> {
    for (const { subscribers } of this.subscriptions.records()) yield* subscribers;
  }
}
