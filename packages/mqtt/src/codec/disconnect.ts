import { FirstByte } from "./constants.js";
import type { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { DisconnectPacket, ProtocolVersion } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { ReasonCode } from "./reason-codes.js";
import { checkReasonCode, readReasonCode } from "./reason-field.js";

export function decodeDisconnect(reader: PacketReader, version: ProtocolVersion): DisconnectPacket {
  if (version !== 5) reader.finish(); // 3.14.2 of MQTT 3.1.1: no variable header
  // 3.14.2.1, 3.14.2.2.1: both the reason code and the properties may be left out.
  const reasonCode = reader.remaining > 0 ? readReasonCode(reader, "disconnect") : ReasonCode.normalDisconnection;
  const properties = reader.remaining > 0 ? readProperties(reader, "disconnect") : undefined;
  reader.finish();
  return { type: "disconnect", reasonCode, properties };
}

export function encodeDisconnect(packet: DisconnectPacket, version: ProtocolVersion): Uint8Array {
  const { reasonCode, properties } = packet;
  checkReasonCode("disconnect", reasonCode);
  const writer = new PacketWriter();
  if (version === 5 && (reasonCode !== ReasonCode.normalDisconnection || properties !== undefined)) {
    writer.uint8(reasonCode);
    if (properties !== undefined) writeProperties(writer, properties, "disconnect");
  }
  return writer.frame(FirstByte.disconnect);
}
