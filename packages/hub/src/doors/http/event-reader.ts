import type { Message } from "@isthmus/exchange";
import type { Identity } from "../../access/access.js";
import type { HubContext } from "../../hub-context.js";
import type { TopicSpace } from "../requests/topic-space.js";
import type { EventChannel } from "./event-channel.js";
import type { EventPool } from "./event-pool.js";

/** Where events go: an event stream or a WebSocket. */
export interface EventSink {
  /** Whether it takes more now; it calls {@link EventReader.pump} when it does again. */
  readonly isRoomy: boolean;
  /**
   * @param json of the message: bytes that others are told too
   * @param id of the event, for who comes back; undefined for one that is not counted
   */
  sendMessage(json: Buffer, id: string | undefined): void;
  /** The reader has seen all up to `id`, without a message to tell it with. */
  sendPosition(id: string): void;
  /** Something about the stream itself. */
  sendNotice(name: StreamNotice, detail: Readonly<Record<string, unknown>>): void;
  /** The reader may no longer read, or the hub closes. */
  end(): void;
}

/**
 * What a stream says of itself: `reset`, it could not be taken up where it broke off and begins anew with the last values;
 * `lost`, the reader was too slow for so many events, or there was no room for them; `end`, and why.
 */
export type StreamNotice = "reset" | "lost" | "end";

/** What a reader begins with. */
export interface ReaderStart {
  readonly channel: EventChannel;
  readonly identity: Identity;
  readonly topics: TopicSpace;
  readonly context: HubContext;
  readonly pool: EventPool;
  /** The first event that it wants: that of the channel's next, unless it comes back. */
  readonly position: number;
  /** Last values to tell first; undefined for who is taken up where it broke off. */
  readonly lastValues: Iterator<Message> | undefined;
}

/** One stream's place in the ring of its channel. */
export class EventReader {
  readonly #start: ReaderStart;
  readonly #sink: EventSink;
  #position: number;
  #lastValues: Iterator<Message> | undefined;

  constructor(start: ReaderStart, sink: EventSink) {
    this.#start = start;
    this.#sink = sink;
    this.#position = start.position;
    this.#lastValues = start.lastValues;
    start.channel.add(this);
  }

  get identity(): Identity {
    return this.#start.identity;
  }

  /** Tells what there is, as long as there is room. */
  pump(): void {
    while (this.#lastValues !== undefined && this.#sink.isRoomy) this.#tellLastValue(this.#lastValues);
    const { channel } = this.#start;
    while (this.#sink.isRoomy && this.#position < channel.nextNumber) this.#tellNext(channel);
  }

  /** Ends the stream, and says why. */
  end(reason: string): void {
    this.#sink.sendNotice("end", { reason });
    this.#sink.end();
  }

  #tellLastValue(lastValues: Iterator<Message>): void {
    const next = lastValues.next();
    if (next.done === true) {
      this.#lastValues = undefined;
      this.#sink.sendPosition(this.#idOf(this.#position - 1));
      return;
    }
    const { topics, identity, pool } = this.#start;
    if (!topics.mayRead(identity, next.value.topic)) return;
    this.#sink.sendMessage(pool.render(next.value), undefined);
    this.#countSent(next.value);
  }

  #tellNext(channel: EventChannel): void {
    const lost = channel.firstNumber - this.#position;
    if (lost > 0) {
      this.#position = channel.firstNumber;
      this.#tellLost(lost);
      return;
    }
    const number = this.#position++;
    const event = channel.eventAt(number);
    if (event === undefined) {
      this.#tellLost(1);
      return;
    }
    const { topics, identity, context } = this.#start;
    if (!topics.mayRead(identity, event.topic)) return;
    if (event.expiresAt <= context.clock.tick().epoch) {
      context.metrics.messagesDropped.expired++;
      return;
    }
    this.#sink.sendMessage(event.json, this.#idOf(number));
    this.#countSent(event);
  }

  #tellLost(events: number): void {
    this.#start.context.metrics.messagesDropped["slow-receiver"] += events;
    this.#sink.sendNotice("lost", { events });
  }

  #idOf(number: number): string {
    return `${this.#start.channel.epoch}-${number}`;
  }

  #countSent({ qos, payloadBytes }: Pick<Message, "qos" | "payloadBytes">): void {
    const traffic = this.#start.context.metrics.traffic.http;
    traffic.messagesSent[qos]++;
    traffic.payloadBytesSent += payloadBytes;
  }
}
