import { MessageQueue } from "../src/client/message-queue.js";
import type { PlainClient, PlainMessage, PlainSubscription } from "../src/client/plain-client.js";
import { matchesTopic } from "../src/topics.js";

/** A broker in memory: retained messages, subscriptions, and a log of all that passed through. */
export class MemoryBroker {
  readonly log: { readonly topic: string; readonly payload: Uint8Array }[] = [];
  readonly retained = new Map<string, Uint8Array>();
  readonly #subscriptions = new Set<{ filters: readonly string[]; queue: MessageQueue<PlainMessage> }>();
  /** Filters of all subscriptions ever made. */
  readonly subscribed: string[] = [];

  connect(): PlainClient {
    return {
      publish: async (topic, payload, { retain = false, qos = 0 } = {}) => {
        const bytes = payload.slice();
        this.log.push({ topic, payload: bytes });
        if (retain && bytes.length === 0) this.retained.delete(topic);
        else if (retain) this.retained.set(topic, bytes);
        this.deliver({ topic, payload: bytes, retain: false, qos });
      },
      subscribe: async (filters): Promise<PlainSubscription> => {
        const wanted = typeof filters === "string" ? [filters] : filters;
        this.subscribed.push(...wanted);
        const entry = { filters: wanted, queue: new MessageQueue<PlainMessage>(1_000_000) };
        this.#subscriptions.add(entry);
        for (const [topic, payload] of this.retained) {
          if (wanted.some((f) => matchesTopic(f, topic)))
            void entry.queue.push({ topic, payload, retain: true, qos: 0 });
        }
        const close = async (): Promise<void> => {
          this.#subscriptions.delete(entry);
          entry.queue.end();
        };
        return { [Symbol.asyncIterator]: () => entry.queue, close };
      },
    };
  }

  /** Gives a message to all whose filters match, as a broker that lies could do with any. */
  deliver(message: PlainMessage): void {
    for (const { filters, queue } of this.#subscriptions) {
      if (filters.some((filter) => matchesTopic(filter, message.topic))) void queue.push(message);
    }
  }
}
