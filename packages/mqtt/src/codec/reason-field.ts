import { protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { isReasonCodeOf, type ReasonPacket } from "./reason-codes.js";

/** Reads a reason code that MQTT 5.0 defines for `packet` (2.4). */
export function readReasonCode(reader: PacketReader, packet: ReasonPacket): number {
  const code = reader.uint8();
  if (!isReasonCodeOf(packet, code)) throw protocolError(`reason code ${code} is not one of ${packet}`);
  return code;
}

/** @throws RangeError when MQTT 5.0 does not define `code` for `packet`. */
export function checkReasonCode(packet: ReasonPacket, code: number): void {
  if (!isReasonCodeOf(packet, code)) throw new RangeError(`reasonCode ${code} is not one of ${packet}`);
}
