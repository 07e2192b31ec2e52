import { ByteWriter, encodeUtf8 } from "@isthmus/bytes";

import { MAX_STRING_SIZE, MAX_VARIABLE_BYTE_INTEGER } from "./constants.js";
import { variableByteIntegerSize, writeVariableByteInteger } from "./variable-byte-integer.js";

/** Writes the data types of MQTT (1.5) into the body of one packet; what does not fit is the caller's error. */
export class PacketWriter extends ByteWriter {
  variableByteInteger(name: string, value: number): this {
    checkInteger(name, value, 0, MAX_VARIABLE_BYTE_INTEGER);
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.uint8((rest & 0x7f) | 0x80);
    return this.uint8(rest);
  }

  text(name: string, value: string): this {
    return this.binary(name, encodeText(name, value));
  }

  binary(name: string, value: Uint8Array): this {
    if (value.length > MAX_STRING_SIZE) {
      throw new RangeError(`${name} has ${value.length} bytes, more than ${MAX_STRING_SIZE}`);
    }
    return this.uint16(value.length).append(value);
  }

  packetIdentifier(value: number): this {
    checkPacketIdentifier(value);
    return this.uint16(value);
  }

  /** The whole packet: `firstByte`, the Remaining Length, and what was written. */
  frame(firstByte: number): Uint8Array {
    checkInteger("the remaining length", this.length, 0, MAX_VARIABLE_BYTE_INTEGER);
    const packet = new Uint8Array(1 + variableByteIntegerSize(this.length) + this.length);
    packet[0] = firstByte;
    packet.set(this.view(), writeVariableByteInteger(packet, 1, this.length));
    return packet;
  }
}

/** @throws RangeError when `value` is not an integer from 1 to 65,535. [MQTT-2.2.1-3] */
export function checkPacketIdentifier(value: number): void {
  checkInteger("packetIdentifier", value, 1, 0xffff);
}

/** @throws RangeError when `value` is not an integer from `min` to `max`; `name` is the caller's argument. */
export function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} ${value} is not an integer from ${min} to ${max}`);
  }
}

/** @throws RangeError when `value` is not one of `allowed`; `name` is the caller's argument. */
export function checkOneOf(name: string, value: number, allowed: readonly number[]): void {
  if (!allowed.includes(value)) throw new RangeError(`${name} ${value} is not one of ${allowed.join(", ")}`);
}

/** @throws RangeError when `text` holds U+0000 [MQTT-1.5.4-2] or a lone surrogate [MQTT-1.5.4-1]. */
export function encodeText(name: string, text: string): Uint8Array {
  if (text.includes("\0")) throw new RangeError(`${name} holds U+0000`);
  try {
    return encodeUtf8(text);
  } catch (cause) {
    throw new RangeError(`${name} holds half of a surrogate pair`, { cause });
  }
}
