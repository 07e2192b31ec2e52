import { decodeUtf8 } from "@isthmus/bytes";
import type { PublishPacket, QoS } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";

/** An application message that came in. */
export class Message {
  readonly topic: string;
  /** A view on the bytes that came in: `slice()` it to keep a little of it for long. */
  readonly payload: Uint8Array;
  /** The quality of service that it was delivered with. */
  readonly qos: QoS;
  /** Whether it was the topic's retained message when the subscription began. */
  readonly retain: boolean;
  /** Whether the server has sent it before (QoS 1: it may have been delivered before). */
  readonly dup: boolean;
  /** The packet identifier of the PUBLISH; undefined for QoS 0. Only logs have a use for it. */
  readonly packetIdentifier: number | undefined;
  /** MQTT 5.0 properties, such as `contentType` and `userProperties`; empty before. */
  readonly properties: Properties;

  constructor({ topic, payload, qos, retain, dup, packetIdentifier, properties }: PublishPacket) {
    this.topic = topic;
    this.payload = payload;
    this.qos = qos;
    this.retain = retain;
    this.dup = dup;
    this.packetIdentifier = packetIdentifier;
    this.properties = properties ?? NO_PROPERTIES;
  }

  /** The payload as text. @throws Utf8Error when it is not UTF-8. */
  text(): string {
    return decodeUtf8(this.payload);
  }

  /** The payload as JSON. @throws SyntaxError when it is not; Utf8Error when it is not UTF-8. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

const NO_PROPERTIES: Properties = {};
