import type { PublishPacket } from "../codec/packets.js";
import { Message } from "./message.js";
import { MessageStream } from "./message-stream.js";
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
  /** What came in before the application could say what it reads. */
  #held: PublishPacket[] | undefined;

  /** @param setPaused tells the connection to stop reading, or to go on. */
  constructor(limitBytes: number, setPaused: (isPaused: boolean) => void) {
    this.#limitBytes = limitBytes;
    this.#setPaused = setPaused;
  }

  /** Keeps what comes in back until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const packet of held) this.receive(packet);
  }

  receive(packet: PublishPacket): void {
    if (this.#held) {
      this.#held.push(packet);
      return;
    }
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
    for (const { subscribers } of this.subscriptions.records()) {
      for (const subscription of subscribers) subscription.end(error);
    }
  }

  addBuffered(bytes: number): void {
    this.#bufferedBytes += bytes;
    // Goes on at the half, so that it does not switch at each message.
    const threshold = this.#isPaused ? this.#limitBytes / 2 : this.#limitBytes;
    const isPaused = this.#bufferedBytes >= threshold && this.#bufferedBytes > 0;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#setPaused(isPaused);
  }
}
