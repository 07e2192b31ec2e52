import { FirstByte } from "./constants.js";
import { malformedPacket, protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { checkOneOf, PacketWriter } from "./packet-writer.js";
import type { ProtocolVersion, SubackPacket } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { SUBACK_FAILURE } from "./reason-codes.js";
import { checkReasonCode, readReasonCode } from "./reason-field.js";

/** Before MQTT 5.0: the granted QoS, or failure. [MQTT-3.9.3-2] of MQTT 3.1.1 */
const RETURN_CODES: readonly number[] = [0, 1, 2, SUBACK_FAILURE];

export function decodeSuback(reader: PacketReader, version: ProtocolVersion): SubackPacket {
  const packetIdentifier = reader.packetIdentifier();
  const properties = version === 5 ? readProperties(reader, "suback") : undefined;
  if (reader.remaining === 0) throw malformedPacket("SUBACK without a reason code"); // 3.9.3
  const reasonCodes: number[] = [];
  while (reader.remaining > 0) {
    reasonCodes.push(version === 5 ? readReasonCode(reader, "suback") : readReturnCode(reader));
  }
  return { type: "suback", packetIdentifier, reasonCodes, properties };
}

function readReturnCode(reader: PacketReader): number {
  const code = reader.uint8();
  if (!RETURN_CODES.includes(code)) throw protocolError(`return code ${code} is not defined`);
  return code;
}

export function encodeSuback(packet: SubackPacket, version: ProtocolVersion): Uint8Array {
  if (packet.reasonCodes.length === 0) throw new RangeError("reasonCodes is empty");
  const writer = new PacketWriter().packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, "suback");
  for (const code of packet.reasonCodes) {
    if (version === 5) checkReasonCode("suback", code);
    else checkOneOf("reasonCodes", code, RETURN_CODES);
    writer.uint8(code);
  }
  return writer.frame(FirstByte.suback);
}
