import { FirstByte } from "./constants.js";
import type { PacketReader } from "./packet-reader.js";
import type { PingreqPacket, PingrespPacket } from "./packets.js";

export function decodePingreq(reader: PacketReader): PingreqPacket {
  reader.finish();
  return { type: "pingreq" };
}

export function decodePingresp(reader: PacketReader): PingrespPacket {
  reader.finish();
  return { type: "pingresp" };
}

export function encodePing({ type }: PingreqPacket | PingrespPacket): Uint8Array {
  return Uint8Array.of(FirstByte[type], 0);
}
