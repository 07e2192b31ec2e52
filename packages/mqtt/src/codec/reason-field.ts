import { protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { isReasonCodeOf, type ReasonPacket } from "./reason-codes.js";

/** Reads a reason code that MQTT 5.0 defines for `packet` (2.4). */
export function readReasonCode(reader: PacketReader, packet: ReasonPacket): number {
  const code = reader.uint8();
  if (!isReasonCodeOf(packet, code)) throw undefinedReasonCode(packet, code);
  return code;
}

/** The error for a reason code that MQTT 5.0 does not define for `packet`: [MQTT-3.2.2-8] and the like. */
export function undefinedReasonCode(packet: ReasonPacket, code: number): Error {
  return protocolError(`reason code ${formatCode(code)} is not one of ${packet}`);
}

/** @throws RangeError when MQTT 5.0 does not define `code` for `packet`. */
export function checkReasonCode(packet: ReasonPacket, code: number): void {
  if (!isReasonCodeOf(packet, code)) throw new RangeError(`reasonCode ${formatCode(code)} is not one of ${packet}`);
}

function formatCode(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}
