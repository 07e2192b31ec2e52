import type { PacketType } from "./packets.js";

/** Control packet types: the high four bits of a packet's first byte (2.1.2). 0 is forbidden. */
export const PacketTypeCode = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const satisfies Record<PacketType, number>;

/**
 * The first byte of each packet but PUBLISH, whose flags vary: the packet type and its fixed flags (2.1.3).
 * [MQTT-2.1.3-1]
 */
export const FirstByte = {
  connect: 0x10,
  connack: 0x20,
  puback: 0x40,
  pubrec: 0x50,
  pubrel: 0x62, // [MQTT-3.6.1-1]
  pubcomp: 0x70,
  subscribe: 0x82, // [MQTT-3.8.1-1]
  suback: 0x90,
  unsubscribe: 0xa2, // [MQTT-3.10.1-1]
  unsuback: 0xb0,
  pingreq: 0xc0,
  pingresp: 0xd0,
  disconnect: 0xe0,
  auth: 0xf0,
} as const satisfies Record<Exclude<PacketType, "publish">, number>;

/** The largest value of a variable byte integer, thus of a Remaining Length (1.5.5). */
export const MAX_VARIABLE_BYTE_INTEGER = 268_435_455;

/** The largest packet that MQTT can express: type and flags, four bytes of length, 268,435,455 bytes. */
export const MAX_PACKET_SIZE = 1 + 4 + MAX_VARIABLE_BYTE_INTEGER;

/** The longest UTF-8 string or binary data, in bytes (1.5.4, 1.5.6). */
export const MAX_STRING_SIZE = 65_535;
