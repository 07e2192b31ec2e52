import { FirstByte } from "./constants.js";
import { malformedPacket, protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { ConnackPacket, ProtocolVersion } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { checkReasonCode, readReasonCode } from "./reason-field.js";
import { CONNECT_RETURN_CODES } from "./reason-codes.js";

const SESSION_PRESENT = 0x01;
const RETURN_CODES: readonly number[] = Object.values(CONNECT_RETURN_CODES).map(({ code }) => code);

export function decodeConnack(reader: PacketReader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.uint8();
  // MQTT 3.1 reserves the whole byte and does not look at it.
  if (version !== 3 && (flags & ~SESSION_PRESENT) !== 0) throw malformedPacket(`acknowledge flags ${flags}`); // [MQTT-3.2.2-1]
  const sessionPresent = version !== 3 && flags === SESSION_PRESENT;
  const reasonCode = version === 5 ? readReasonCode(reader, "connack") : readReturnCode(reader);
  // [MQTT-3.2.2-6]; [MQTT-3.2.2-4] of MQTT 3.1.1
  if (sessionPresent && reasonCode !== 0) throw protocolError(`session present with reason code ${reasonCode}`);
  const properties = version === 5 ? readProperties(reader, "connack") : undefined;
  reader.finish();
  return { type: "connack", sessionPresent, reasonCode, properties };
}

function readReturnCode(reader: PacketReader): number {
  const code = reader.uint8();
  if (!RETURN_CODES.includes(code)) throw protocolError(`return code ${code} is not defined`);
  return code;
}

export function encodeConnack(packet: ConnackPacket, version: ProtocolVersion): Uint8Array {
  const { sessionPresent, reasonCode } = packet;
  if (version === 5) checkReasonCode("connack", reasonCode);
  else if (!RETURN_CODES.includes(reasonCode)) throw new RangeError(`reasonCode ${reasonCode} is not a return code`);
  if (sessionPresent && reasonCode !== 0) {
    throw new RangeError(`sessionPresent does not go with reasonCode ${reasonCode}`); // [MQTT-3.2.2-6]
  }
  const writer = new PacketWriter().uint8(sessionPresent && version !== 3 ? SESSION_PRESENT : 0).uint8(reasonCode);
  if (version === 5) writeProperties(writer, packet.properties, "connack");
  return writer.frame(FirstByte.connack);
}
