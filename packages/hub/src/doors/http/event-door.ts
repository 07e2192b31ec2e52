import type { Message } from "@isthmus/exchange";
import type { HubContext } from "../../hub-context.js";
import { CREDENTIALS_EXPIRED, watchExpiry } from "../requests/credentials-expiry.js";
import { RequestRefusedError } from "../requests/request-refusal.js";
import type { TopicSpace } from "../requests/topic-space.js";
import { TurnEnd } from "../requests/turn-end.js";
import { type ChannelHost, EventChannel } from "./event-channel.js";
import { EventPool } from "./event-pool.js";
import { EventReader, type EventSink } from "./event-reader.js";
import type { HttpCaller } from "./http-caller.js";
import type { HttpDoorOptions } from "./http-options.js";

/** What a client wants to read. */
export interface StreamRequest {
  readonly filter: string;
  readonly caller: HttpCaller;
  /** The last event that it has seen, when it comes back. */
  readonly lastEventId: string | undefined;
  /** Whether it wants the last values first, unless it can be taken up where it broke off. */
  readonly wantsRetained: boolean;
}

/** A stream that is told events until it is closed. */
export interface OpenStream {
  readonly reader: EventReader;
  /** The client is gone. */
  close(): void;
}

/** Event streams and WebSockets, and the channels that they read: one for each filter. */
export class EventDoor {
  readonly #host: ChannelHost;
  readonly #topics: TopicSpace;
  readonly #channelByFilter = new Map<string, EventChannel>();
  /** Channels that nobody reads, and what forgets them; the one that was left first stands first. */
  readonly #lingering = new Map<EventChannel, NodeJS.Timeout>();
  readonly #streamsByClient = new Map<string, number>();
  readonly #streams = new Map<EventReader, EventChannel>();
  readonly #epochPrefix = Date.now().toString(36);
  #channelCount = 0;

  constructor(context: HubContext, topics: TopicSpace, options: HttpDoorOptions) {
    this.#host = { context, options, turnEnd: new TurnEnd(), pool: new EventPool(options.maxTotalEventBytes) };
    this.#topics = topics;
    context.access.watch(() => this.#recheck());
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /**
   * Whether there may be a stream more.
   *
   * @throws RequestRefusedError forbidden, unavailable, or too-many for this client.
   */
  check({ filter, caller }: StreamRequest): void {
    const { maxStreams, maxStreamsPerClient, maxStreamFilters } = this.#host.options;
    this.#topics.checkReadable(caller.identity, filter);
    if (this.#streams.size >= maxStreams)
      throw new RequestRefusedError("unavailable", `there are ${maxStreams} streams`);
    if ((this.#streamsByClient.get(caller.limitKey) ?? 0) >= maxStreamsPerClient) {
      throw new RequestRefusedError("too-many", `a client has ${maxStreamsPerClient} streams at the most`);
    }
    const isFull = this.#channelByFilter.size - this.#lingering.size >= maxStreamFilters;
    if (isFull && !this.#channelByFilter.has(filter)) {
      throw new RequestRefusedError("unavailable", `streams follow ${maxStreamFilters} filters already`);
    }
  }

  /** Opens a stream that {@link check} has let pass; it begins with what is there. */
  open({ filter, caller, lastEventId, wantsRetained }: StreamRequest, sink: EventSink): OpenStream {
    const known = lastEventId === undefined ? undefined : this.#positionAfter(filter, lastEventId);
    const channel = this.#channel(filter);
    if (lastEventId !== undefined && known === undefined) {
      sink.sendNotice("reset", { lastEventId, reason: "the events after this one are no longer kept" });
    }
    const { context } = this.#host;
    const { epoch } = context.clock.tick();
    const lastValues = wantsRetained ? context.exchange.retainedMatching(filter, epoch) : noMessages();
    const reader = new EventReader(
      {
        channel,
        identity: caller.identity,
        topics: this.#topics,
        context,
        pool: this.#host.pool,
        position: known ?? channel.nextNumber,
        lastValues: known === undefined ? lastValues : undefined,
      },
      sink,
    );
    this.#streams.set(reader, channel);
    this.#countStream(caller.limitKey, 1);
    reader.pump();
    const stopWatching = watchExpiry(caller.identity, context.clock, () => reader.end(CREDENTIALS_EXPIRED));
    const close = (): void => {
      stopWatching();
      this.#close(reader, channel, caller.limitKey);
    };
    return { reader, close };
  }

  /** Ends all streams: the hub closes. */
  close(): void {
    for (const reader of this.#streams.keys()) reader.end("the hub closes");
    for (const timer of this.#lingering.values()) clearTimeout(timer);
    for (const channel of this.#channelByFilter.values()) channel.close();
    this.#channelByFilter.clear();
    this.#lingering.clear();
  }

  /** The event that follows on `lastEventId`; undefined when that is none of this filter, or too long ago. */
  #positionAfter(filter: string, lastEventId: string): number | undefined {
    const channel = this.#channelByFilter.get(filter);
    const [, epoch, digits] = /^(.+)-(\d{1,15})$/.exec(lastEventId) ?? [];
    const position = Number(digits) + 1;
    if (channel === undefined || epoch !== channel.epoch) return undefined;
    return position >= channel.firstNumber && position <= channel.nextNumber ? position : undefined;
  }

  #channel(filter: string): EventChannel {
    const known = this.#channelByFilter.get(filter);
    if (known !== undefined) {
      clearTimeout(this.#lingering.get(known));
      this.#lingering.delete(known);
      return known;
    }
    if (this.#channelByFilter.size >= this.#host.options.maxStreamFilters) this.#forgetOneLingering();
    const channel = new EventChannel(filter, `${this.#epochPrefix}.${++this.#channelCount}`, this.#host);
    this.#channelByFilter.set(filter, channel);
    return channel;
  }

  #close(reader: EventReader, channel: EventChannel, limitKey: string): void {
    if (!this.#streams.delete(reader)) return;
    this.#countStream(limitKey, -1);
    channel.remove(reader);
    if (channel.readers.size > 0 || this.#channelByFilter.get(channel.filter) !== channel) return;
    const timer = setTimeout(() => this.#forget(channel), this.#host.options.resumeWindowMs);
    timer.unref();
    this.#lingering.set(channel, timer);
  }

  #forgetOneLingering(): void {
    for (const channel of this.#lingering.keys()) {
      this.#forget(channel);
      return;
    }
  }

  #forget(channel: EventChannel): void {
    clearTimeout(this.#lingering.get(channel));
    this.#lingering.delete(channel);
    this.#channelByFilter.delete(channel.filter);
    channel.close();
  }

  /** Users or rules have changed: who may no longer read what they read is told so. */
  #recheck(): void {
    for (const [reader, channel] of this.#streams) {
      if (!this.#topics.mayGoOn(reader.identity, channel.filter)) reader.end("this may no longer be read");
    }
  }

  #countStream(client: string, change: 1 | -1): void {
    const count = (this.#streamsByClient.get(client) ?? 0) + change;
    if (count === 0) this.#streamsByClient.delete(client);
    else this.#streamsByClient.set(client, count);
  }
}

function* noMessages(): Generator<Message, void, undefined> {}
