import { ByteReader, decodeUtf8, Utf8Error } from "@isthmus/bytes";

import { malformedPacket, protocolError } from "./errors.js";
import { readVariableByteInteger, variableByteIntegerSize } from "./variable-byte-integer.js";

/** Reads the data types of MQTT (1.5) from the body of one packet; what is cut short is a malformed packet. */
export class PacketReader extends ByteReader {
  /** A variable byte integer (1.5.5). */
  variableByteInteger(): number {
    const value = readVariableByteInteger(this.bytes, this.offset, this.end);
    this.skip(variableByteIntegerSize(value));
    return value;
  }

  /** A UTF-8 encoded string (1.5.4); `name` says in an error which. */
  text(name: string): string {
    const length = this.uint16();
    const start = this.offset;
    this.skip(length);
    return decodeText(this.bytes, start, start + length, name);
  }

  /** Binary data (1.5.6), as a view. */
  binary(): Uint8Array {
    return this.take(this.uint16());
  }

  /** A packet identifier. [MQTT-2.2.1-3] */
  packetIdentifier(): number {
    const identifier = this.uint16();
    if (identifier === 0) throw protocolError("packet identifier 0");
    return identifier;
  }

  protected override shortRead(needed: number, available: number): Error {
    return malformedPacket(`the packet is cut short: a field needs ${needed} bytes, ${available} are left`);
  }

  /** Checks that nothing is left: every byte of a packet belongs to one of its fields. */
  finish(): void {
    if (this.remaining > 0) throw malformedPacket(`the last field leaves ${this.remaining} bytes over`);
  }
}

/**
 * The text of a UTF-8 encoded string.
 *
 * @throws MqttProtocolError (0x81) when it is ill-formed [MQTT-1.5.4-1] or holds U+0000 [MQTT-1.5.4-2].
 */
export function decodeText(bytes: Uint8Array, start: number, end: number, name: string): string {
  let text: string;
  try {
    text = decodeUtf8(bytes, start, end);
  } catch (cause) {
    if (!(cause instanceof Utf8Error)) throw cause;
    throw malformedPacket(`the ${name} is not well-formed UTF-8`, cause);
  }
  if (text.includes("\0")) throw malformedPacket(`the ${name} holds U+0000`);
  return text;
}
