import type { Packet, ProtocolVersion } from "../../../src/codec/packets.js";

/** Bytes and the packet that they are, in each of `versions`. */
export interface PacketCase {
  readonly title: string;
  /** Of the MQTT 5.0 standard, unless it names another. */
  readonly clause: string;
  readonly versions: readonly ProtocolVersion[];
  readonly hex: string;
  readonly packet: Packet;
  /** True where these bytes are allowed, but not those that we would send. */
  readonly isOneWay?: true;
}

export const ALL: readonly ProtocolVersion[] = [3, 4, 5];
export const BEFORE_5: readonly ProtocolVersion[] = [3, 4];
export const V5: readonly ProtocolVersion[] = [5];

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
