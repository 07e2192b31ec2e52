import { encodeUtf8 } from "@isthmus/bytes";

import { parseTopicName } from "../topics/topic-name.js";
import { MAX_PACKET_SIZE } from "./constants.js";
import { protocolError } from "./errors.js";
import { checkOneOf, checkPacketIdentifier } from "./packet-writer.js";
import type { ProtocolVersion, PublishPacket } from "./packets.js";
import { encodeProperties } from "./properties.js";
import { PublishFlags, PublishFrame, publishSize, writePublishFrame } from "./publish-frame.js";

export function decodePublish(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): PublishPacket {
  const frame = new PublishFrame();
  frame.parse(bytes, start, bodyStart, end, version);
  const { qos, retain, dup, packetIdentifier } = frame;
  const properties = frame.properties();
  return {
    type: "publish",
    topic: properties?.topicAlias === undefined ? decodeTopic(frame, version) : decodeAliasedTopic(frame),
    payload: frame.payload(),
    qos,
    retain,
    dup,
    packetIdentifier: qos === 0 ? undefined : packetIdentifier,
    properties,
  };
}

function decodeTopic(frame: PublishFrame, version: ProtocolVersion): string {
  if (version === 5 && isTopicEmpty(frame)) throw protocolError("neither a topic name nor a topic alias"); // 3.3.2.3.4
  return frame.topic();
}

/** An empty topic is what a topic alias stands for. */
function decodeAliasedTopic(frame: PublishFrame): string {
  return isTopicEmpty(frame) ? "" : frame.topic();
}

function isTopicEmpty(frame: PublishFrame): boolean {
  return frame.topicStart === frame.topicEnd;
}

export function encodePublish(packet: PublishPacket, version: ProtocolVersion): Uint8Array {
  const { qos, retain, dup, payload } = packet;
  checkOneOf("qos", qos, [0, 1, 2]);
  if (dup && qos === 0) throw new RangeError("dup does not go with qos 0"); // [MQTT-3.3.1-2]
  const flags = (dup ? PublishFlags.dup : 0) | (qos << PublishFlags.qosShift) | (retain ? PublishFlags.retain : 0);
  const packetIdentifier = encodablePacketIdentifier(packet);
  const topic = encodeTopic(packet, version);
  const properties = version === 5 ? encodeProperties(packet.properties, "publish") : NO_BYTES;
  const size = publishSize(topic.length, payload.length, flags, properties.length, version);
  if (size > MAX_PACKET_SIZE) throw new RangeError(`payload has ${payload.length} bytes, too many for one packet`);
  const frame = new Uint8Array(size);
  writePublishFrame(frame, 0, topic, payload, flags, packetIdentifier, properties, version);
  return frame;
}

function encodablePacketIdentifier({ qos, packetIdentifier }: PublishPacket): number {
  if (qos === 0) {
    // [MQTT-2.2.1-2]
    if (packetIdentifier !== undefined) throw new RangeError(`packetIdentifier ${packetIdentifier} with qos 0`);
    return 0;
  }
  if (packetIdentifier === undefined) throw new TypeError(`packetIdentifier is missing for qos ${qos}`);
  checkPacketIdentifier(packetIdentifier);
  return packetIdentifier;
}

function encodeTopic({ topic, properties }: PublishPacket, version: ProtocolVersion): Uint8Array {
  if (topic === "" && version === 5 && properties?.topicAlias !== undefined) return NO_BYTES;
  return encodeUtf8(parseTopicName(topic));
}

const NO_BYTES = new Uint8Array(0);
