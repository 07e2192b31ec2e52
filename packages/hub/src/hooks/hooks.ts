import type { Message, MessageProperties, QoS } from "@isthmus/exchange";
import type { SubscriptionRequest } from "@isthmus/mqtt/codec";
import type { Credentials, Identity, Refusal } from "../access/access.js";

/** A value, or a promise of it: only what returns a promise is waited for. */
export type Awaitable<T> = T | Promise<T>;

/** Who a hook is told of. It is the same object as long as an MQTT client is connected, so a WeakMap can hold more of it. */
export interface HookClient {
  /** The door that it came in by. */
  readonly door: string;
  /** The client identifier of an MQTT client; the user name or the address of others. */
  readonly name: string;
  readonly identity: Identity;
  /** Address and port; undefined for the will of a client that is gone. */
  readonly address: string | undefined;
}

/** What of a message is to be different. What is left out stays. */
export interface Replacement {
  readonly topic?: string;
  readonly payload?: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly properties?: MessageProperties;
}

/** A client that is gone. */
export interface Departure {
  /** Whether it has said DISCONNECT. */
  readonly isGraceful: boolean;
  /** What broke the connection, if it was an error of the network. */
  readonly error: Error | undefined;
}

/**
 * Functions of the embedding program that the hub calls.
 *
 * Those that decide return `undefined` to leave it to the hub's own settings. One that returns a promise is waited for,
 * and so is everything that its client sends after it; other clients go on. A hook that throws, or does not settle in
 * time, has said no, and the log tells of it.
 */
export interface Hooks {
  /** Lets somebody in as somebody, turns them away, or leaves it to the users of the settings. */
  authenticate?(credentials: Credentials): Awaitable<Identity | Refusal | undefined>;
  /**
   * Whether messages may be published to `topic`. The answer is remembered for a client's next messages on the same
   * topic; what depends on more than the topic, or takes time, is for {@link onPublish}.
   */
  authorizePublish?(identity: Identity, topic: string): boolean | undefined;
  /** Whether `filter`, without any share prefix, may be subscribed to. What takes time is for {@link onSubscribe}. */
  authorizeSubscribe?(identity: Identity, filter: string): boolean | undefined;
  /** An MQTT client was let in. */
  onConnect?(client: HookClient): Awaitable<void>;
  /** An MQTT client is gone. */
  onDisconnect?(client: HookClient, departure: Departure): Awaitable<void>;
  /** An MQTT client asks for a filter: it gets it, or with a lower QoS, or a refusal. The rules apply after it. */
  onSubscribe?(
    client: HookClient,
    request: SubscriptionRequest,
  ): Awaitable<{ readonly qos: QoS } | Refusal | undefined | void>;
  /** An MQTT client has given a filter up. */
  onUnsubscribe?(client: HookClient, topicFilter: string): Awaitable<void>;
  /** A message was published, by whatever door, and nobody has it yet: it goes on as it is, or changed, or not at all. */
  onPublish?(client: HookClient, message: Message): Awaitable<Replacement | Refusal | undefined | void>;
}

/** The hooks of a hub, and how long they may take. */
export interface HookOptions {
  /** Milliseconds that a promise of a hook may take to settle. Default 10,000. */
  readonly timeoutMs?: number;
}
