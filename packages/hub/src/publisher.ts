import { encodeUtf8, Utf8Error } from "@isthmus/bytes";
import {
  createMessage,
  type Message,
  type MessageProperties,
  type Origin,
  type QoS,
  type Topic,
} from "@isthmus/exchange";
import { MqttProtocolError } from "@isthmus/mqtt/codec";
import type { Identity } from "./access/access.js";
import { encodeMessageProperties, MessagePropertiesError } from "./content/encode-properties.js";
import type { HubContext } from "./hub-context.js";

/** What somebody publishes by a door that is not MQTT's. */
export interface Publication {
  readonly topic: string;
  /** Empty and retained: clears the topic's last value. */
  readonly payload: Uint8Array;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  readonly properties?: MessageProperties | undefined;
  /** Milliseconds since 1970. Default: it does not expire. */
  readonly expiresAt?: number;
}

export type PublishRefusal = "topic-invalid" | "properties-invalid" | "not-authorized" | "too-large";

/** Nothing was published. */
export class PublishRefusedError extends Error {
  override readonly name = "PublishRefusedError";
  readonly refusal: PublishRefusal;

  constructor(refusal: PublishRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }
}

/** The way to the exchange for all doors but MQTT's, with the same checks. */
export class Publisher {
  readonly #context: HubContext;
  readonly #maximumMessageSize: number;

  /** @param maximumMessageSize bytes of a payload. */
  constructor(context: HubContext, maximumMessageSize: number) {
    this.#context = context;
    this.#maximumMessageSize = maximumMessageSize;
  }

  /**
   * Publishes, and resolves once the message is as safe as the store makes it.
   *
   * @returns how many receivers it was for.
   * @throws PublishRefusedError when it may not be, StoreError when it cannot be kept.
   */
  async publish(identity: Identity, origin: Origin, publication: Publication): Promise<number> {
    const { exchange, access, clock, metrics, log, flushScheduler } = this.#context;
    const topic = this.#topicOf(publication);
    checkProperties(publication);
    if (!access.mayPublish(identity, topic)) {
      metrics.messagesRefused.add("not-authorized");
      log.warn(
        { door: origin.door, client: origin.name, topic: topic.name, reason: "not authorized" },
        "publish refused",
      );
      throw new PublishRefusedError("not-authorized", `${topic.name} may not be published to`);
    }
    const message = await this.#throughHook(
      identity,
      createMessage({ ...publication, origin, publishedAt: clock.tick().epoch }),
    );
    const traffic = metrics.trafficOf(origin.door);
    traffic.messagesReceived[publication.qos ?? 0]++;
    traffic.payloadBytesReceived += publication.payload.length;
    const isSameTopic = message.topic === topic.name;
    const receivers = exchange.publish(isSameTopic ? topic : exchange.topics.internName(message.topic), message);
    await flushScheduler.whenStored();
    return receivers;
  }

  async #throughHook(identity: Identity, message: Message): Promise<Message> {
    const { hooks, metrics, log } = this.#context;
    if (hooks === undefined || !hooks.sees(message.topic)) return message;
    const { door, name } = message.origin;
    const verdict = await hooks.publish({ door, name, identity, address: undefined }, message);
    if (!("reasonCode" in verdict)) return verdict;
    metrics.messagesRefused.add("hook");
    log.warn({ door, client: name, topic: message.topic, reason: verdict.reason }, "publish refused");
    throw new PublishRefusedError("not-authorized", verdict.reason);
  }

  #topicOf({ topic, payload }: Publication): Topic {
    if (payload.length > this.#maximumMessageSize) {
      throw new PublishRefusedError("too-large", `${payload.length} bytes exceed ${this.#maximumMessageSize}`);
    }
    try {
      const bytes = encodeUtf8(topic);
      return this.#context.exchange.topics.intern(bytes, 0, bytes.length);
    } catch (cause) {
      if (cause instanceof MqttProtocolError || cause instanceof Utf8Error) {
        throw new PublishRefusedError("topic-invalid", cause.message, { cause });
      }
      throw cause;
    }
  }
}

/** What MQTT cannot carry is refused here: later, when it is delivered, nobody is there to be told. */
function checkProperties({ properties }: Publication): void {
  if (properties === undefined) return;
  try {
    encodeMessageProperties(properties);
  } catch (cause) {
    if (!(cause instanceof MessagePropertiesError)) throw cause;
    throw new PublishRefusedError("properties-invalid", cause.message, { cause });
  }
}
