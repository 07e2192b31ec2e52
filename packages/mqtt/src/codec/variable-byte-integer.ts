import { byteAt } from "@isthmus/bytes";

import { malformedPacket } from "./errors.js";

/** Bytes that `value` takes as a variable byte integer: 1 to 4. It is the only size that a reader accepts. */
export function variableByteIntegerSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/**
 * The variable byte integer at `offset` (1.5.5): seven bits a byte, lowest first, bit 7 set on all but the last.
 *
 * @throws MqttProtocolError when it is longer than four bytes, longer than need be, or cut short by `end`.
 */
export function readVariableByteInteger(bytes: Uint8Array, offset: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    if (offset + i >= end) throw malformedPacket("a variable byte integer is cut short");
    const byte = byteAt(bytes, offset + i);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (byte === 0 && i > 0) throw overlongVariableByteInteger(value);
      return value;
    }
  }
  throw endlessVariableByteInteger();
}

/** [MQTT-1.5.5-1] */
export function overlongVariableByteInteger(value: number): Error {
  return malformedPacket(`the variable byte integer ${value} takes more bytes than it needs`);
}

/** A fourth byte that announces a fifth (1.5.5). */
export function endlessVariableByteInteger(): Error {
  return malformedPacket("a variable byte integer has more than four bytes");
}

/** Writes `value` at `offset` and returns the offset behind it. The caller has checked the range and the room. */
export function writeVariableByteInteger(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
