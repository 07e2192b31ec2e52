import type { QoS } from "@isthmus/mqtt";

/** What the page needs of a message. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: { readonly contentType?: string | undefined };
}

/** A message of a topic as it is kept. */
export interface KeptMessage {
  /** The payload, or its beginning. */
  readonly payload: Uint8Array;
  /** Bytes of the whole payload. */
  readonly sizeBytes: number;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly contentType: string | undefined;
  /** When it came in, in milliseconds of the page's clock. */
  readonly receivedAt: number;
  /** Whether it was there before the page: nobody tells since when. */
  readonly isOfOld: boolean;
}

/** How much of each topic is kept. */
export interface TopicLimits {
  /** Messages of a topic. */
  readonly messages: number;
  /** Bytes of the newest payload. */
  readonly newestBytes: number;
  /** Bytes of the payloads before it. */
  readonly earlierBytes: number;
}

/** What a kept message counts for besides its payload. */
const MESSAGE_OVERHEAD_BYTES = 100;
/** What is left of a rate after a second without messages: it settles within some five seconds. */
const RATE_KEPT_PER_SECOND = 0.6;

/** One topic: its newest messages, and how fast they come. */
export class TopicEntry {
  readonly topic: string;
  /** The newest is the last one. */
  readonly #messages: KeptMessage[] = [];
  readonly #limits: TopicLimits;
  #messageCount = 0;
  #countedMessages = 0;
  #ratePerSecond = 0;
  #keptBytes = 0;

  constructor(topic: string, limits: TopicLimits) {
    this.topic = topic;
    this.#limits = limits;
  }

  /** The newest message. */
  get newest(): KeptMessage | undefined {
    return this.#messages.at(-1);
  }

  /** What is kept now, the newest last. */
  get messages(): readonly KeptMessage[] {
    return [...this.#messages];
  }

  /** Messages that came in since the page knows the topic. */
  get messageCount(): number {
    return this.#messageCount;
  }

  /** Messages per second, over the last seconds. */
  get ratePerSecond(): number {
    return this.#ratePerSecond;
  }

  /** What it takes of the page's memory, about. */
  get keptBytes(): number {
    return this.#keptBytes + this.topic.length * 2;
  }

  /** @param isOfOld see {@link KeptMessage.isOfOld} */
  receive({ payload, qos, retain, properties }: ReceivedMessage, receivedAt: number, isOfOld: boolean): void {
    this.#shortenNewest();
    const { newestBytes, messages } = this.#limits;
    // A copy: the payload is a view on all that came with it.
    const kept = payload.slice(0, newestBytes);
    const { contentType } = properties;
    this.#messages.push({ payload: kept, sizeBytes: payload.length, qos, retain, contentType, receivedAt, isOfOld });
    this.#keptBytes += kept.length + MESSAGE_OVERHEAD_BYTES;
    this.#messageCount++;
    if (isOfOld) this.#countedMessages++;
    if (this.#messages.length > messages) this.#dropOldest();
  }

  /** Called once a second. */
  updateRate(elapsedMs: number): void {
    const counted = this.#messageCount - this.#countedMessages;
    this.#countedMessages = this.#messageCount;
    const now = (counted * 1000) / elapsedMs;
    const kept = RATE_KEPT_PER_SECOND ** (elapsedMs / 1000);
    const rate = now + kept * (this.#ratePerSecond - now);
    this.#ratePerSecond = rate < 0.01 ? 0 : rate;
  }

  #shortenNewest(): void {
    const newest = this.newest;
    const { earlierBytes } = this.#limits;
    if (newest === undefined || newest.payload.length <= earlierBytes) return;
    this.#messages[this.#messages.length - 1] = { ...newest, payload: newest.payload.slice(0, earlierBytes) };
    this.#keptBytes -= newest.payload.length - earlierBytes;
  }

  #dropOldest(): void {
    const oldest = this.#messages.shift();
    if (oldest !== undefined) this.#keptBytes -= oldest.payload.length + MESSAGE_OVERHEAD_BYTES;
  }
}
