import type { Message, MessageProperties, Origin, QoS, Topic } from "@isthmus/exchange";
import {
  decodeProperties,
  encodeProperties,
  MAX_STRING_SIZE,
  type Properties,
  type PublishFrame,
} from "@isthmus/mqtt/codec";
import type { Publication } from "@isthmus/mqtt/session";
import { encodeUtf8 } from "@isthmus/bytes";
import { encodeMessageProperties } from "../../content/encode-properties.js";

const NO_BYTES = new Uint8Array(0);

/** Owning bytes that are up to this many times as large as the payload is no waste worth a copy. */
const TOLERATED_WASTE = 4;

/** A message as MQTT carries it: the payload where it lies, the properties as they are encoded. */
export class MqttMessage implements Message, Publication {
  readonly topic: string;
  readonly topicBytes: Uint8Array;
  readonly payloadSource: Uint8Array;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly propertyBytes: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly origin: Origin;
  readonly publishedAt: number;
  readonly expiresAt: number;
  #sequence = 0;
  #detached: MqttMessage | undefined;

  constructor(
    topic: Pick<Topic, "name" | "bytes">,
    source: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
    propertyBytes: Uint8Array,
    qos: QoS,
    retain: boolean,
    origin: Origin,
    publishedAt: number,
    expiresAt: number,
  ) {
    this.topic = topic.name;
    this.topicBytes = topic.bytes;
    this.payloadSource = source;
    this.payloadStart = payloadStart;
    this.payloadEnd = payloadEnd;
    this.propertyBytes = propertyBytes;
    this.qos = qos;
    this.retain = retain;
    this.origin = origin;
    this.publishedAt = publishedAt;
    this.expiresAt = expiresAt;
  }

  /** Shared with the detached copy: the log stores one of them. */
  get sequence(): number {
    return this.#detached === undefined ? this.#sequence : this.#detached.sequence;
  }

  set sequence(sequence: number) {
    if (this.#detached === undefined) this.#sequence = sequence;
    else this.#detached.sequence = sequence;
  }

  get payload(): Uint8Array {
    return this.payloadSource.subarray(this.payloadStart, this.payloadEnd);
  }

  get payloadBytes(): number {
    return this.payloadEnd - this.payloadStart;
  }

  get sizeBytes(): number {
    return this.topicBytes.length + this.payloadBytes + this.propertyBytes.length;
  }

  get properties(): MessageProperties | undefined {
    const properties = decodeProperties(this.propertyBytes, 0, this.propertyBytes.length, "publish");
    if (properties === undefined) return undefined;
    return {
      isUtf8: properties.payloadFormatIndicator,
      contentType: properties.contentType,
      responseTopic: properties.responseTopic,
      correlationData: properties.correlationData,
      userProperties: properties.userProperties,
    };
  }

  detach(): MqttMessage {
    const owned = Math.max(this.payloadSource.buffer.byteLength, this.propertyBytes.buffer.byteLength);
    if (owned <= 256 + TOLERATED_WASTE * this.payloadBytes) return this;
    this.#detached ??= this.#copy();
    return this.#detached;
  }

  #copy(): MqttMessage {
    const payload = this.payloadSource.slice(this.payloadStart, this.payloadEnd);
    const copy = new MqttMessage(
      { name: this.topic, bytes: this.topicBytes },
      payload,
      0,
      payload.length,
      this.propertyBytes.slice(),
      this.qos,
      this.retain,
      this.origin,
      this.publishedAt,
      this.expiresAt,
    );
    copy.#sequence = this.#sequence;
    return copy;
  }
}

/** The message that a PUBLISH frame carries. `properties` are those of the frame, already decoded. */
export function messageFromFrame(
  frame: PublishFrame,
  topic: Topic,
  properties: Properties | undefined,
  origin: Origin,
  now: number,
): MqttMessage {
  return new MqttMessage(
    topic,
    frame.bytes,
    frame.payloadStart,
    frame.end,
    properties === undefined ? NO_BYTES : lastingProperties(frame, properties),
    frame.qos,
    frame.retain,
    origin,
    now,
    expiryOf(properties, now),
  );
}

/**
 * A message that came in by another door, or back from the store, as MQTT sends it.
 *
 * @throws MessagePropertiesError, RangeError or Utf8Error when MQTT has no form for it. The doors take no such message,
 * but the store may have one that an older version took.
 */
export function toMqttMessage(message: Message): MqttMessage {
  if (message instanceof MqttMessage) return message;
  const { properties, payload } = message;
  const topicBytes = encodeUtf8(message.topic);
  // Its length would wrap, and another topic be sent.
  if (topicBytes.length > MAX_STRING_SIZE) throw new RangeError(`the topic has ${topicBytes.length} bytes`);
  const propertyBytes = properties === undefined ? NO_BYTES : encodeMessageProperties(properties);
  const converted = new MqttMessage(
    { name: message.topic, bytes: topicBytes },
    payload,
    0,
    payload.length,
    propertyBytes,
    message.qos,
    message.retain,
    message.origin,
    message.publishedAt,
    message.expiresAt,
  );
  converted.sequence = message.sequence;
  return converted;
}

/** Milliseconds since 1970 at which a message that was published at `now` expires. */
export function expiryOf(properties: Properties | undefined, now: number): number {
  const seconds = properties?.messageExpiryInterval;
  return seconds === undefined ? Number.POSITIVE_INFINITY : now + seconds * 1000;
}

/** The properties that every receiver gets alike, as encoded: those of the frame itself when no other is among them. */
function lastingProperties(frame: PublishFrame, properties: Properties): Uint8Array {
  if (properties.topicAlias === undefined && properties.messageExpiryInterval === undefined) {
    return frame.bytes.subarray(frame.propertiesStart, frame.propertiesEnd);
  }
  return encodeProperties({ ...properties, topicAlias: undefined, messageExpiryInterval: undefined }, "publish");
}
