import { FirstByte } from "./constants.js";
import { protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { ProtocolVersion, UnsubscribePacket } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";

export function decodeUnsubscribe(reader: PacketReader, version: ProtocolVersion): UnsubscribePacket {
  const packetIdentifier = reader.packetIdentifier();
  const properties = version === 5 ? readProperties(reader, "unsubscribe") : undefined;
  if (reader.remaining === 0) throw protocolError("UNSUBSCRIBE without a topic filter"); // [MQTT-3.10.3-2]
  const topicFilters: string[] = [];
  while (reader.remaining > 0) topicFilters.push(reader.text("topic filter"));
  return { type: "unsubscribe", packetIdentifier, topicFilters, properties };
}

export function encodeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): Uint8Array {
  if (packet.topicFilters.length === 0) throw new RangeError("topicFilters is empty"); // [MQTT-3.10.3-2]
  const writer = new PacketWriter().packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, "unsubscribe");
  for (const topicFilter of packet.topicFilters) writer.text("topicFilter", topicFilter);
  return writer.frame(FirstByte.unsubscribe);
}
