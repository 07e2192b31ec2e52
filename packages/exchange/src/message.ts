import type { Receiver } from "./subscription.js";

/** Delivery guarantee of a message: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** What a message says of itself, whatever protocol it came in by; each is absent unless the publisher gave it. */
export interface MessageProperties {
  /** True when the payload is declared to be UTF-8 text. */
  readonly isUtf8?: boolean | undefined;
  /** Media type of the payload. */
  readonly contentType?: string | undefined;
  /** Topic for answers. */
  readonly responseTopic?: string | undefined;
  /** Opaque bytes that an answer repeats. */
  readonly correlationData?: Uint8Array | undefined;
  /** Name and value pairs, in order; names may repeat. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

/** Who published a message. */
export interface Origin {
  /** The door it came in by: `mqtt`, `coap`, `http`, `hub`. */
  readonly door: string;
  /** Client identifier, endpoint name or user. */
  readonly name: string;
  /** The same party as a receiver, if it is one: what "no local" goes by. */
  readonly receiver?: Receiver | undefined;
}

/**
 * One published message. Immutable but for {@link sequence}, and shared by all its receivers.
 *
 * `payload` may be a view on a larger network buffer: what is kept beyond the turn in which it was delivered is
 * kept through {@link detach}, so that eighty bytes do not hold on to sixty-four kilobytes.
 */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
  readonly origin: Origin;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  /** Milliseconds since 1970 after which nobody gets it any more; Infinity when it does not expire. */
  readonly expiresAt: number;
  /** Bytes of the payload. */
  readonly payloadBytes: number;
  /** Bytes that keeping it takes, as limits count them: topic, payload and properties. */
  readonly sizeBytes: number;
  /** Number in the message log; 0 while it is not stored. Set by the log alone. */
  sequence: number;
  /** This message, or an equal one that owns its bytes. */
  detach(): Message;
}

/** What {@link createMessage} takes; all but topic and payload have a default. */
export interface MessageInit {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly properties?: MessageProperties | undefined;
  readonly origin?: Origin;
  readonly publishedAt: number;
  readonly expiresAt?: number;
}

/** The hub itself as a publisher. */
export const HUB_ORIGIN: Origin = { door: "hub", name: "hub" };

/** A message that owns its bytes: what the hub publishes itself, and what comes back from a store. */
export function createMessage(init: MessageInit): Message {
  return new OwnedMessage(init);
}

function sizeOfProperties({ contentType, responseTopic, correlationData, userProperties }: MessageProperties): number {
  let size = (contentType?.length ?? 0) + (responseTopic?.length ?? 0) + (correlationData?.length ?? 0);
  for (const [name, value] of userProperties ?? []) size += name.length + value.length;
  return size;
}

class OwnedMessage implements Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
  readonly origin: Origin;
  readonly publishedAt: number;
  readonly expiresAt: number;
  sequence = 0;

  constructor(init: MessageInit) {
    this.topic = init.topic;
    this.payload = init.payload;
    this.qos = init.qos ?? 0;
    this.retain = init.retain ?? false;
    this.properties = init.properties;
    this.origin = init.origin ?? HUB_ORIGIN;
    this.publishedAt = init.publishedAt;
    this.expiresAt = init.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  get payloadBytes(): number {
    return this.payload.length;
  }

  get sizeBytes(): number {
    return this.topic.length + this.payload.length + sizeOfProperties(this.properties ?? {});
  }

  detach(): Message {
    return this;
  }
}
