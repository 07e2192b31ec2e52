import { SHARED_PREFIX } from "../topics/shared-filter.js";
import { FirstByte } from "./constants.js";
import { malformedPacket, protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { checkOneOf, PacketWriter } from "./packet-writer.js";
import type { ProtocolVersion, QoS, SubscribePacket, SubscriptionRequest } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";

// Subscription Options (3.8.3.1); before MQTT 5.0 all but the QoS are reserved:
//
//     7   6      5   4           3            2        1   0
//   +--------+----------+-------------------+----------+-----+
//   |reserved| retain   | retain as         | no local | QoS |
//   |        | handling | published         |          |     |
//   +--------+----------+-------------------+----------+-----+
const RESERVED = 0xc0;
const RETAIN_HANDLING_SHIFT = 4;
const RETAIN_AS_PUBLISHED = 0x08;
const NO_LOCAL = 0x04;
const QOS = 0x03;

export function decodeSubscribe(reader: PacketReader, version: ProtocolVersion): SubscribePacket {
  const packetIdentifier = reader.packetIdentifier();
  const properties = version === 5 ? readProperties(reader, "subscribe") : undefined;
  const subscriptions: SubscriptionRequest[] = [];
  do {
    // [MQTT-3.8.3-2]
    if (reader.remaining === 0) throw protocolError("SUBSCRIBE without a topic filter");
    subscriptions.push(readSubscription(reader, version));
  } while (reader.remaining > 0);
  return { type: "subscribe", packetIdentifier, subscriptions, properties };
}

function readSubscription(reader: PacketReader, version: ProtocolVersion): SubscriptionRequest {
  const topicFilter = reader.text("topic filter");
  const options = reader.uint8();
  const reserved = version === 5 ? RESERVED : ~QOS;
  // [MQTT-3.8.3-5]; [MQTT-3.8.3-4] of MQTT 3.1.1. MQTT 3.1 leaves bits that mean nothing alone.
  if (version !== 3 && (options & reserved) !== 0) throw malformedPacket(`subscription options ${options}`);
  const qos = options & QOS;
  if (qos === 3) throw protocolError(`QoS 3 for ${JSON.stringify(topicFilter)}`);
  if (version !== 5) {
    // 3 was refused above.
    return { topicFilter, qos: qos as QoS, noLocal: false, retainAsPublished: false, retainHandling: 0 };
  }
  const noLocal = (options & NO_LOCAL) !== 0;
  if (noLocal && topicFilter.startsWith(SHARED_PREFIX)) {
    throw protocolError(`no local on the shared subscription ${JSON.stringify(topicFilter)}`); // [MQTT-3.8.3-4]
  }
  const retainHandling = (options & ~RESERVED) >> RETAIN_HANDLING_SHIFT;
  if (retainHandling === 3) throw protocolError(`retain handling 3 for ${JSON.stringify(topicFilter)}`);
  return {
    topicFilter,
    // 3 was refused above, for both.
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

export function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): Uint8Array {
  if (packet.subscriptions.length === 0) throw new RangeError("subscriptions is empty"); // [MQTT-3.8.3-2]
  const writer = new PacketWriter().packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, "subscribe");
  for (const subscription of packet.subscriptions) {
    writer.text("topicFilter", subscription.topicFilter).uint8(subscriptionOptions(subscription, version));
  }
  return writer.frame(FirstByte.subscribe);
}

function subscriptionOptions(subscription: SubscriptionRequest, version: ProtocolVersion): number {
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  checkOneOf("qos", qos, [0, 1, 2]);
  checkOneOf("retainHandling", retainHandling, [0, 1, 2]);
  if (version !== 5) return qos;
  if (noLocal && topicFilter.startsWith(SHARED_PREFIX)) {
    throw new RangeError(`noLocal does not go with the shared subscription ${topicFilter}`); // [MQTT-3.8.3-4]
  }
  return (
    qos |
    (noLocal ? NO_LOCAL : 0) |
    (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
    (retainHandling << RETAIN_HANDLING_SHIFT)
  );
}
