import type { FrameRun } from "./frame-run.js";
import type { Message, QoS } from "./message.js";
import type { Delivery } from "./route.js";

/** Whoever gets messages: an MQTT session, a CoAP observer, an HTTP event stream. */
export interface Receiver {
  /**
   * Takes one message. It must return at once and must not subscribe, unsubscribe or publish from within.
   */
  deliver(message: Message, delivery: Delivery): void;
  /**
   * Takes the encoded frames of several messages at once, if they are in its own wire form.
   *
   * @returns false to get them one by one through {@link deliver} instead.
   */
  forward?(run: FrameRun, delivery: Delivery): boolean;
  /**
   * Whether it may get what is published to `topic`; without it, it may get all that its filters match. Asked when a
   * route is compiled, not for each message: {@link Exchange.forgetRoutes} makes it be asked again.
   */
  mayReceive?(topic: string): boolean;
  /** Whether it can take a message now. A shared subscription passes over members that are away. */
  readonly isOnline: boolean;
}

/** What a subscriber asks for beside its filter. */
export interface SubscriptionOptions {
  /** The highest QoS that it wants. */
  readonly qos: QoS;
  /** True leaves out what the subscriber itself published. */
  readonly noLocal: boolean;
  /** True keeps the retain flag as published; false clears it on live messages. */
  readonly retainAsPublished: boolean;
  /** A number repeated with each message that this subscription matched. */
  readonly identifier?: number | undefined;
}

/** One receiver's interest in one filter. */
export interface Subscription extends SubscriptionOptions {
  readonly receiver: Receiver;
  /** The topic filter, without any share prefix. */
  readonly filter: string;
  /** The group that shares the filter, if any. */
  readonly shareName?: string | undefined;
}
