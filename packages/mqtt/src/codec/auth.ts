import { FirstByte } from "./constants.js";
import { protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { AuthPacket } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { ReasonCode } from "./reason-codes.js";
import { checkReasonCode, readReasonCode } from "./reason-field.js";

export function decodeAuth(reader: PacketReader): AuthPacket {
  // 3.15.2.1: success without properties may be left out.
  if (reader.remaining === 0) return { type: "auth", reasonCode: ReasonCode.success, properties: undefined };
  const reasonCode = readReasonCode(reader, "auth");
  const properties = reader.remaining > 0 ? readProperties(reader, "auth") : undefined;
  reader.finish();
  // 3.15.2.2.2
  if (properties?.authenticationMethod === undefined) throw protocolError("AUTH without an authentication method");
  return { type: "auth", reasonCode, properties };
}

export function encodeAuth({ reasonCode, properties }: AuthPacket): Uint8Array {
  checkReasonCode("auth", reasonCode);
  const writer = new PacketWriter();
  if (reasonCode !== ReasonCode.success || properties !== undefined) {
    if (properties?.authenticationMethod === undefined) throw new TypeError("authenticationMethod is missing");
    writer.uint8(reasonCode);
    writeProperties(writer, properties, "auth");
  }
  return writer.frame(FirstByte.auth);
}
