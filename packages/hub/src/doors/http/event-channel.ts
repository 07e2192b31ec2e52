import type { Message, Receiver } from "@isthmus/exchange";
import { jsonFormOf } from "../../content/message-form.js";
import type { HubContext } from "../../hub-context.js";
import type { Notifiable, TurnEnd } from "../requests/turn-end.js";
import type { EventReader } from "./event-reader.js";
import type { HttpDoorOptions } from "./http-options.js";

/** A message as it is told to streams. */
export interface StreamEvent {
  readonly message: Message;
  /** Of the message in JSON: made once for all streams. */
  readonly json: string;
}

/** Bytes that the channels keep, all together. */
export interface EventBudget {
  usedBytes: number;
}

/** What a channel has of its door. */
export interface ChannelHost {
  readonly context: HubContext;
  readonly options: HttpDoorOptions;
  readonly turnEnd: TurnEnd;
  readonly budget: EventBudget;
}

/**
 * The messages of one filter as a ring of numbered events, and those who read along: event streams and WebSockets. Each
 * reader is a place in the ring, so that one that is slow or comes back costs no memory of its own; whom the ring has
 * overtaken is told how many events are lost.
 */
export class EventChannel implements Receiver, Notifiable {
  readonly filter: string;
  /** Tells the events of this channel from those of one before it. */
  readonly epoch: string;
  readonly isOnline = true;
  readonly #host: ChannelHost;
  readonly #events: StreamEvent[] = [];
  readonly #readers = new Set<EventReader>();
  #firstNumber = 1;
  #sizeBytes = 0;

  constructor(filter: string, epoch: string, host: ChannelHost) {
    this.filter = filter;
    this.epoch = epoch;
    this.#host = host;
    host.context.exchange.subscribe({ receiver: this, filter, qos: 2, noLocal: false, retainAsPublished: true });
  }

  get readers(): ReadonlySet<EventReader> {
    return this.#readers;
  }

  /** The number of the oldest event that is kept. */
  get firstNumber(): number {
    return this.#firstNumber;
  }

  /** The number of the next event to come. */
  get nextNumber(): number {
    return this.#firstNumber + this.#events.length;
  }

  eventAt(number: number): StreamEvent | undefined {
    return this.#events[number - this.#firstNumber];
  }

  add(reader: EventReader): void {
    this.#readers.add(reader);
  }

  remove(reader: EventReader): void {
    this.#readers.delete(reader);
  }

  deliver(message: Message): void {
    const kept = message.detach();
    const json = JSON.stringify(jsonFormOf(kept));
    this.#events.push({ message: kept, json });
    this.#count(json.length);
    this.#trim();
    this.#host.turnEnd.schedule(this);
  }

  notify(): void {
    for (const reader of this.#readers) reader.pump();
  }

  /** Nobody reads it any more, nor will. */
  close(): void {
    this.#host.context.exchange.unsubscribe(this, this.filter);
    this.#count(-this.#sizeBytes);
    this.#events.length = 0;
  }

  #trim(): void {
    const { maxKeptEvents, maxKeptEventBytes, maxTotalEventBytes } = this.#host.options;
    let excess = 0;
    let sizeBytes = this.#sizeBytes;
    let totalBytes = this.#host.budget.usedBytes;
    const isTooMuch = (): boolean =>
      this.#events.length - excess > maxKeptEvents || sizeBytes > maxKeptEventBytes || totalBytes > maxTotalEventBytes;
    while (this.#events.length - excess > 1 && isTooMuch()) {
      const freed = this.#events[excess]?.json.length ?? 0;
      sizeBytes -= freed;
      totalBytes -= freed;
      excess++;
    }
    // In runs: to move the rest for each event would cost the square of their number.
    if (excess === 0) return;
    this.#events.splice(0, excess);
    this.#firstNumber += excess;
    this.#count(sizeBytes - this.#sizeBytes);
  }

  #count(bytes: number): void {
    this.#sizeBytes += bytes;
    this.#host.budget.usedBytes += bytes;
  }
}
