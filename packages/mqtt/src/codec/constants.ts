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

/** The largest value of a variable byte integer, thus of a Remaining Length (1.5.5). */
export const MAX_VARIABLE_BYTE_INTEGER = 268_435_455;

/** The largest packet that MQTT can express: type and flags, four bytes of length, 268,435,455 bytes. */
export const MAX_PACKET_SIZE = 1 + 4 + MAX_VARIABLE_BYTE_INTEGER;

/** The longest UTF-8 string or binary data, in bytes (1.5.4, 1.5.6). */
export const MAX_STRING_SIZE = 65_535;
