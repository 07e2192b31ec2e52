import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";

import { type TopicName, parseTopicNameBytes } from "../topics/topic-name.js";
import { PacketTypeCode } from "./constants.js";
import { malformedPacket, protocolError } from "./errors.js";
import type { ProtocolVersion, QoS } from "./packets.js";
import { decodeProperties, type Properties } from "./properties.js";
import { readVariableByteInteger, variableByteIntegerSize, writeVariableByteInteger } from "./variable-byte-integer.js";

/** The low four bits of a PUBLISH's first byte (3.3.1). */
export const PublishFlags = { retain: 0x01, qosShift: 1, qosMask: 0x06, dup: 0x08 } as const;

const PUBLISH = PacketTypeCode.publish << 4;
const NO_BYTES = new Uint8Array(0);

/**
 * A window on one PUBLISH (3.3) in the bytes that came in: it is parsed in place, nothing is copied or allocated, and
 * the object serves for the next PUBLISH.
 *
 * ```
 *   +-------------+------------------+-----------------+-------------------+----------------------+---------+
 *   | type, flags | Remaining Length | length of topic | packet identifier | length of properties | payload |
 *   |             |                  | topic           | QoS 1 and 2 only  | properties, MQTT 5.0 |         |
 *   +-------------+------------------+-----------------+-------------------+----------------------+---------+
 *   ^ start                          ^ bodyStart                                                            ^ end
 * ```
 *
 * What its fields say holds until the next `parse`. The topic name is not looked at: a caller that sees the same topic
 * bytes again and again checks them once, with `topic()`.
 */
export class PublishFrame {
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  qos: QoS = 0;
  retain = false;
  dup = false;
  /** The topic name without its length; empty when a topic alias stands for it. */
  topicStart = 0;
  topicEnd = 0;
  /** 1 to 65,535 for QoS 1 and 2; 0 for QoS 0. */
  packetIdentifier = 0;
  /** The properties without their length; start and end are equal when there are none. */
  propertiesStart = 0;
  propertiesEnd = 0;
  /** The payload goes from here to `end`. */
  payloadStart = 0;

  /**
   * Points at the PUBLISH that the framer found in `bytes`.
   *
   * @throws MqttProtocolError when its fields do not fit the frame, or for QoS 3 [MQTT-3.3.1-4], DUP with QoS 0
   * [MQTT-3.3.1-2], packet identifier 0 [MQTT-2.2.1-3].
   */
  parse(bytes: Uint8Array, start: number, bodyStart: number, end: number, version: ProtocolVersion): void {
    const flags = byteAt(bytes, start) & 0x0f;
    const qos = (flags & PublishFlags.qosMask) >> PublishFlags.qosShift;
    if (qos === 3) throw malformedPacket("QoS 3"); // [MQTT-3.3.1-4]
    if (qos === 0 && (flags & PublishFlags.dup) !== 0) throw malformedPacket("DUP with QoS 0"); // [MQTT-3.3.1-2]

    if (bodyStart + 2 > end) throw cutShort("topic name");
    const topicStart = bodyStart + 2;
    const topicEnd = topicStart + readUint16(bytes, bodyStart);
    if (topicEnd > end) throw cutShort("topic name");

    let offset = topicEnd;
    let packetIdentifier = 0;
    if (qos > 0) {
      if (offset + 2 > end) throw cutShort("packet identifier");
      packetIdentifier = readUint16(bytes, offset);
      if (packetIdentifier === 0) throw protocolError("packet identifier 0"); // [MQTT-2.2.1-3]
      offset += 2;
    }

    let propertiesStart = offset;
    if (version === 5) {
      const length = readVariableByteInteger(bytes, offset, end);
      propertiesStart += variableByteIntegerSize(length);
      offset = propertiesStart + length;
      if (offset > end) throw cutShort("properties");
    }

    this.bytes = bytes;
    this.start = start;
    this.end = end;
    // 3 was refused above.
    this.qos = qos as QoS;
    this.retain = (flags & PublishFlags.retain) !== 0;
    this.dup = (flags & PublishFlags.dup) !== 0;
    this.topicStart = topicStart;
    this.topicEnd = topicEnd;
    this.packetIdentifier = packetIdentifier;
    this.propertiesStart = propertiesStart;
    this.propertiesEnd = offset;
    this.payloadStart = offset;
  }

  /**
   * The topic name.
   *
   * @throws MqttProtocolError when it is not one: empty, with a wildcard, not UTF-8, or with U+0000.
   */
  topic(): TopicName {
    return parseTopicNameBytes(this.bytes, this.topicStart, this.topicEnd);
  }

  /** The payload, as a view on the bytes that came in. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.payloadStart, this.end);
  }

  /**
   * The properties; undefined when there are none.
   *
   * @throws MqttProtocolError as decodeProperties does.
   */
  properties(): Properties | undefined {
    return decodeProperties(this.bytes, this.propertiesStart, this.propertiesEnd, "publish");
  }
}

function cutShort(field: string): Error {
  return malformedPacket(`PUBLISH ends within its ${field}`);
}

/** Bytes of a PUBLISH up to its payload, for a topic name, properties (without their length) and payload of so many bytes. */
export function publishHeaderSize(
  topicSize: number,
  payloadSize: number,
  flags: number,
  propertiesSize: number,
  version: ProtocolVersion,
): number {
  const headerSize = variableHeaderSize(topicSize, flags, propertiesSize, version);
  return 1 + variableByteIntegerSize(headerSize + payloadSize) + headerSize;
}

/** Bytes of a whole PUBLISH: what {@link writePublishFrame} will write. */
export function publishSize(
  topicSize: number,
  payloadSize: number,
  flags: number,
  propertiesSize: number,
  version: ProtocolVersion,
): number {
  return publishHeaderSize(topicSize, payloadSize, flags, propertiesSize, version) + payloadSize;
}

function variableHeaderSize(
  topicSize: number,
  flags: number,
  propertiesSize: number,
  version: ProtocolVersion,
): number {
  const identifierSize = (flags & PublishFlags.qosMask) === 0 ? 0 : 2;
  const sizeOfProperties = version === 5 ? variableByteIntegerSize(propertiesSize) + propertiesSize : 0;
  return 2 + topicSize + identifierSize + sizeOfProperties;
}

/**
 * Writes a whole PUBLISH at `offset` and returns the offset behind it; nothing is allocated and nothing checked. The
 * caller has room for {@link publishSize} bytes, a valid topic, and flags and packet identifier that go together.
 *
 * @param flags the low four bits of the first byte, see {@link PublishFlags}
 * @param packetIdentifier ignored for QoS 0
 * @param properties encoded, without their length; ignored before MQTT 5.0
 */
export function writePublishFrame(
  target: Uint8Array,
  offset: number,
  topic: Uint8Array,
  payload: Uint8Array,
  flags: number,
  packetIdentifier: number,
  properties: Uint8Array,
  version: ProtocolVersion,
): number {
  const at = writePublishHeader(target, offset, topic, payload.length, flags, packetIdentifier, properties, version);
  return copyBytes(target, at, payload);
}

/** As {@link writePublishFrame}, without the payload: for a payload that is sent by reference. */
export function writePublishHeader(
  target: Uint8Array,
  offset: number,
  topic: Uint8Array,
  payloadSize: number,
  flags: number,
  packetIdentifier: number,
  properties: Uint8Array,
  version: ProtocolVersion,
): number {
  const remainingLength = variableHeaderSize(topic.length, flags, properties.length, version) + payloadSize;
  target[offset] = PUBLISH | flags;
  let at = writeVariableByteInteger(target, offset + 1, remainingLength);
  writeUint16(target, at, topic.length);
  at = copyBytes(target, at + 2, topic);
  if ((flags & PublishFlags.qosMask) !== 0) {
    writeUint16(target, at, packetIdentifier);
    at += 2;
  }
  if (version === 5) {
    at = writeVariableByteInteger(target, at, properties.length);
    at = copyBytes(target, at, properties);
  }
  return at;
}

/** Below this size a loop is faster than the call into `set`. */
const SHORT_COPY = 48;

function copyBytes(target: Uint8Array, offset: number, source: Uint8Array): number {
  const { length } = source;
  if (length > SHORT_COPY) target.set(source, offset);
  else for (let i = 0; i < length; i++) target[offset + i] = byteAt(source, i);
  return offset + length;
}
