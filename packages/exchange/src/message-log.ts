import { decodeMessage, encodeMessage } from "./message-codec.js";
import type { Message } from "./message.js";
import type { Store } from "./store.js";

/**
 * Messages that wait for somebody, stored once however many wait.
 *
 * A queue refers to a message by its sequence number. The log counts the references and removes the message with the
 * last of them, so that its size is that of what is waiting.
 */
export class MessageLog {
  readonly #store: Store;
  readonly #referencesBySequence = new Map<number, number>();
  #nextSequence = 1;

  /** Goes on after the last message that the store holds. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Messages held. */
  get size(): number {
    return this.#referencesBySequence.size;
  }

  /** Stores `message` unless it is stored already, and counts one more reference to it. */
  hold(message: Message): void {
    if (message.sequence === 0) {
      message.sequence = this.#nextSequence++;
      this.#store.put("messages", [message.sequence], encodeMessage(message));
    }
    this.#referencesBySequence.set(message.sequence, (this.#referencesBySequence.get(message.sequence) ?? 0) + 1);
  }

  /** Counts one reference less; the message goes with the last. */
  release(message: Message): void {
    const references = (this.#referencesBySequence.get(message.sequence) ?? 0) - 1;
    if (references > 0) this.#referencesBySequence.set(message.sequence, references);
    else this.#remove(message);
  }

  /**
   * Reads all messages at start. Each is then referred to by nobody: the queues {@link hold} theirs, and
   * {@link removeUnreferenced} drops what is left over from a crash between two batches.
   */
  load(): Map<number, Message> {
    const messageBySequence = new Map<number, Message>();
    for (const [[sequence], value] of this.#store.range("messages", [])) {
      if (typeof sequence !== "number") continue;
      const message = decodeMessage(value);
      message.sequence = sequence;
      messageBySequence.set(sequence, message);
      this.#nextSequence = sequence + 1;
    }
    return messageBySequence;
  }

  removeUnreferenced(messages: Iterable<Message>): void {
    for (const message of messages) {
      if (!this.#referencesBySequence.has(message.sequence)) this.#remove(message);
    }
  }

  #remove(message: Message): void {
    this.#referencesBySequence.delete(message.sequence);
    this.#store.delete("messages", [message.sequence]);
    message.sequence = 0;
  }
}
