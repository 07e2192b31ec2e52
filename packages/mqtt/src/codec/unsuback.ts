import { FirstByte } from "./constants.js";
import { malformedPacket } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { ProtocolVersion, UnsubackPacket } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { checkReasonCode, readReasonCode } from "./reason-field.js";

export function decodeUnsuback(reader: PacketReader, version: ProtocolVersion): UnsubackPacket {
  const packetIdentifier = reader.packetIdentifier();
  const reasonCodes: number[] = [];
  if (version !== 5) {
    reader.finish(); // 3.11.3 of MQTT 3.1.1: no payload
    return { type: "unsuback", packetIdentifier, reasonCodes, properties: undefined };
  }
  const properties = readProperties(reader, "unsuback");
  if (reader.remaining === 0) throw malformedPacket("UNSUBACK without a reason code"); // 3.11.3
  while (reader.remaining > 0) reasonCodes.push(readReasonCode(reader, "unsuback"));
  return { type: "unsuback", packetIdentifier, reasonCodes, properties };
}

export function encodeUnsuback(packet: UnsubackPacket, version: ProtocolVersion): Uint8Array {
  const writer = new PacketWriter().packetIdentifier(packet.packetIdentifier);
  if (version === 5) {
    if (packet.reasonCodes.length === 0) throw new RangeError("reasonCodes is empty");
    writeProperties(writer, packet.properties, "unsuback");
    for (const code of packet.reasonCodes) {
      checkReasonCode("unsuback", code);
      writer.uint8(code);
    }
  }
  return writer.frame(FirstByte.unsuback);
}
