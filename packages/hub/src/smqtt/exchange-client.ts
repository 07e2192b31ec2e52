import { createMessage, type Delivery, type Exchange, type Message, type Receiver } from "@isthmus/exchange";
import { MessageQueue, type PlainClient, type PlainMessage, type PlainSubscription } from "@isthmus/smqtt";
import type { HubContext } from "../hub-context.js";

/** Messages that wait for a reader here; more are left out, as the authority's word is said again. */
const MAX_WAITING = 1024;
const ORIGIN = { door: "hub", name: "smqtt" } as const;

/** The space of topics as a client sees it: for the hub's own part in Secure MQTT, whatever the rules for others. */
export class ExchangeClient implements PlainClient {
  readonly #context: Pick<HubContext, "exchange" | "clock" | "flushScheduler">;

  constructor(context: Pick<HubContext, "exchange" | "clock" | "flushScheduler">) {
    this.#context = context;
  }

  /** Resolves once the message is as safe as the store makes it. @returns how many receivers it was for. */
  async publish(
    topic: string,
    payload: Uint8Array,
    { qos = 0, retain = false }: Parameters<PlainClient["publish"]>[2] = {},
  ): Promise<number> {
    const { exchange, clock, flushScheduler } = this.#context;
    const publishedAt = clock.tick().epoch;
    const receivers = exchange.publishMessage(
      createMessage({ topic, payload, qos, retain, origin: ORIGIN, publishedAt }),
    );
    await flushScheduler.whenStored();
    return receivers;
  }

  async subscribe(filters: string | readonly string[]): Promise<PlainSubscription> {
    const { exchange, clock } = this.#context;
    const wanted = typeof filters === "string" ? [filters] : filters;
    const receiver = new QueueingReceiver(exchange, wanted);
    for (const filter of wanted) {
      exchange.subscribe({ receiver, filter, qos: 2, noLocal: false, retainAsPublished: false });
      for (const message of exchange.retainedMatching(filter, clock.tick().epoch)) receiver.take(message, true);
    }
    return receiver;
  }

  /** The last value of a topic. */
  retained(topic: string): Uint8Array | undefined {
    for (const message of this.#context.exchange.retainedMatching(topic, this.#context.clock.tick().epoch)) {
      return message.payload;
    }
    return undefined;
  }
}

class QueueingReceiver implements Receiver, PlainSubscription {
  readonly isOnline = true;
  readonly #exchange: Exchange;
  readonly #filters: readonly string[];
  readonly #queue = new MessageQueue<PlainMessage>(MAX_WAITING);

  constructor(exchange: Exchange, filters: readonly string[]) {
    this.#exchange = exchange;
    this.#filters = filters;
  }

  deliver(message: Message, { qos }: Delivery): void {
    this.take(message, false, qos);
  }

  take({ topic, payload, qos }: Message, retain: boolean, granted = qos): void {
    // Kept beyond this turn: what it lies in may be written over.
    if (this.#queue.size < MAX_WAITING)
      void this.#queue.push({ topic, payload: payload.slice(), retain, qos: granted });
  }

  [Symbol.asyncIterator](): MessageQueue<PlainMessage> {
    return this.#queue;
  }

  close(): Promise<void> {
    for (const filter of this.#filters) this.#exchange.unsubscribe(this, filter);
    this.#queue.end();
    return Promise.resolve();
  }
}
