import type { Message, Receiver } from "@isthmus/exchange";
import type { HubContext } from "../../hub-context.js";
import type { Notifiable, TurnEnd } from "../requests/turn-end.js";
import type { EventHolder, EventPool, StreamEvent } from "./event-pool.js";
import type { EventReader } from "./event-reader.js";
import type { HttpDoorOptions } from "./http-options.js";

/** What a channel has of its door. */
export interface ChannelHost {
  readonly context: HubContext;
  readonly options: HttpDoorOptions;
  readonly turnEnd: TurnEnd;
  readonly pool: EventPool;
}

/**
 * The messages of one filter as a ring of numbered events, and those who read along: event streams and WebSockets. Each
 * reader is a place in the ring, so that one that is slow or comes back costs no memory of its own; whom the ring has
 * overtaken is told how many events are lost.
 */
export class EventChannel implements Receiver, Notifiable, EventHolder {
  readonly filter: string;
  /** Tells the events of this channel from those of one before it. */
  readonly epoch: string;
  readonly isOnline = true;
  readonly #host: ChannelHost;
  /** Those that the pool keeps: one may be missing that was too large for it. */
  readonly #eventByNumber = new Map<number, StreamEvent>();
  readonly #readers = new Set<EventReader>();
  #firstNumber = 1;
  #nextNumber = 1;
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
    return this.#nextNumber;
  }

  /** @returns undefined for one that was too large to be kept. */
  eventAt(number: number): StreamEvent | undefined {
    return this.#eventByNumber.get(number);
  }

  add(reader: EventReader): void {
    this.#readers.add(reader);
  }

  remove(reader: EventReader): void {
    this.#readers.delete(reader);
  }

  deliver(message: Message): void {
    const number = this.#nextNumber++;
    const event = this.#host.pool.keep(message, this, number);
    if (event !== undefined) {
      this.#eventByNumber.set(number, event);
      this.#sizeBytes += event.json.length;
    }
    const { maxKeptEvents, maxKeptEventBytes } = this.#host.options;
    while (this.#nextNumber - this.#firstNumber > maxKeptEvents) this.#dropFirst();
    while (this.#sizeBytes > maxKeptEventBytes && this.#nextNumber - this.#firstNumber > 1) this.#dropFirst();
    this.#host.turnEnd.schedule(this);
  }

  /** The pool has no more room for it: nor is there any for those before. */
  handleDropped(number: number): void {
    while (this.#firstNumber <= number) this.#dropFirst();
  }

  notify(): void {
    for (const reader of this.#readers) reader.pump();
  }

  /** Nobody reads it any more, nor will. */
  close(): void {
    this.#host.context.exchange.unsubscribe(this, this.filter);
    while (this.#firstNumber < this.#nextNumber) this.#dropFirst();
  }

  #dropFirst(): void {
    const number = this.#firstNumber++;
    const event = this.#eventByNumber.get(number);
    if (event === undefined) return;
    this.#eventByNumber.delete(number);
    this.#sizeBytes -= event.json.length;
    this.#host.pool.release(event, this);
  }
}
