import { byteAt, readUint16, writeUint16 } from "@isthmus/bytes";

import { FirstByte, PacketTypeCode } from "./constants.js";
import { malformedPacket, protocolError } from "./errors.js";
import { PacketReader } from "./packet-reader.js";
import { checkPacketIdentifier, PacketWriter } from "./packet-writer.js";
import type { AcknowledgementPacket, ProtocolVersion } from "./packets.js";
import { type Properties, readProperties, writeProperties } from "./properties.js";
import { isReasonCodeOf, ReasonCode } from "./reason-codes.js";
import { checkReasonCode, undefinedReasonCode } from "./reason-field.js";

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export type AcknowledgementType = AcknowledgementPacket["type"];

const NO_BYTES = new Uint8Array(0);

/**
 * A window on one PUBACK, PUBREC, PUBREL or PUBCOMP (3.4 to 3.7) in the bytes that came in, to be used again for the
 * next: nothing is allocated.
 *
 * ```
 *   | type, flags | Remaining Length | packet identifier | reason code | properties |
 *                                      2 bytes             may be left out in MQTT 5.0, are not there before
 * ```
 */
export class AcknowledgementFrame {
  bytes: Uint8Array = NO_BYTES;
  type: AcknowledgementType = "puback";
  packetIdentifier = 0;
  /** 0 when it is left out, and always before MQTT 5.0. */
  reasonCode = 0;
  /** Where the properties begin, with their length; equal to `end` when they are left out. */
  propertiesStart = 0;
  end = 0;

  /**
   * Points at the acknowledgement that the framer found in `bytes`.
   *
   * @throws MqttProtocolError when its fields do not fit the frame, for flags that are not the fixed ones
   * [MQTT-2.1.3-1], packet identifier 0 [MQTT-2.2.1-3], or a reason code that the packet may not carry.
   */
  parse(bytes: Uint8Array, start: number, bodyStart: number, end: number, version: ProtocolVersion): void {
    const firstByte = byteAt(bytes, start);
    const type = typeOf(firstByte);
    // MQTT 3.1 sets DUP on a PUBREL that it sends again, and leaves other flags alone.
    if (version !== 3 && firstByte !== FirstByte[type]) throw malformedPacket(`${type} with flags ${firstByte & 0x0f}`);
    const size = end - bodyStart;
    if (size < 2) throw malformedPacket(`${type} of ${size} bytes is cut short`);
    if (version !== 5 && size > 2) throw malformedPacket(`${type} has ${size} bytes, not 2`);
    const packetIdentifier = readUint16(bytes, bodyStart);
    if (packetIdentifier === 0) throw protocolError("packet identifier 0"); // [MQTT-2.2.1-3]
    const reasonCode = size > 2 ? byteAt(bytes, bodyStart + 2) : ReasonCode.success;
    if (reasonCode !== ReasonCode.success && !isReasonCodeOf(type, reasonCode)) {
      throw undefinedReasonCode(type, reasonCode);
    }
    this.bytes = bytes;
    this.type = type;
    this.packetIdentifier = packetIdentifier;
    this.reasonCode = reasonCode;
    this.propertiesStart = size > 3 ? bodyStart + 3 : end;
    this.end = end;
  }

  /**
   * The properties; undefined when there are none.
   *
   * @throws MqttProtocolError as decodeProperties does, or when bytes follow them.
   */
  properties(): Properties | undefined {
    if (this.propertiesStart === this.end) return undefined;
    const reader = new PacketReader(this.bytes, this.propertiesStart, this.end);
    const properties = readProperties(reader, this.type);
    reader.finish();
    return properties;
  }
}

function typeOf(firstByte: number): AcknowledgementType {
  switch (firstByte >> 4) {
    case PacketTypeCode.puback:
      return "puback";
    case PacketTypeCode.pubrec:
      return "pubrec";
    case PacketTypeCode.pubrel:
      return "pubrel";
    case PacketTypeCode.pubcomp:
      return "pubcomp";
    default:
      throw new RangeError(`packet type ${firstByte >> 4} is not an acknowledgement`);
  }
}

export function decodeAcknowledgement(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): AcknowledgementPacket {
  const frame = new AcknowledgementFrame();
  frame.parse(bytes, start, bodyStart, end, version);
  const { type, packetIdentifier, reasonCode } = frame;
  return { type, packetIdentifier, reasonCode, properties: frame.properties() };
}

export function encodeAcknowledgement(packet: AcknowledgementPacket, version: ProtocolVersion): Uint8Array {
  const { type, packetIdentifier, reasonCode, properties } = packet;
  checkPacketIdentifier(packetIdentifier);
  checkReasonCode(type, reasonCode);
  if (version === 5 && properties !== undefined) {
    const writer = new PacketWriter().uint16(packetIdentifier).uint8(reasonCode);
    writeProperties(writer, properties, type);
    return writer.frame(FirstByte[type]);
  }
  const frame = new Uint8Array(version === 5 ? acknowledgementSize(reasonCode) : 4);
  writeAcknowledgement(frame, 0, FirstByte[type], packetIdentifier, version === 5 ? reasonCode : 0);
  return frame;
}

/** Bytes that an acknowledgement without properties takes: 4 with success and before MQTT 5.0, else 5. */
export function acknowledgementSize(reasonCode: number): number {
  return reasonCode === ReasonCode.success ? 4 : 5;
}

/**
 * Writes a PUBACK (3.4) at `offset` and returns the offset behind it; nothing is allocated and nothing checked. The
 * caller has room for {@link acknowledgementSize} bytes and passes reason code 0 before MQTT 5.0.
 */
export function writePuback(target: Uint8Array, offset: number, packetIdentifier: number, reasonCode: number): number {
  return writeAcknowledgement(target, offset, FirstByte.puback, packetIdentifier, reasonCode);
}

/** Writes a PUBREC (3.5) as {@link writePuback} does a PUBACK. */
export function writePubrec(target: Uint8Array, offset: number, packetIdentifier: number, reasonCode: number): number {
  return writeAcknowledgement(target, offset, FirstByte.pubrec, packetIdentifier, reasonCode);
}

/** Writes a PUBREL (3.6) as {@link writePuback} does a PUBACK. */
export function writePubrel(target: Uint8Array, offset: number, packetIdentifier: number, reasonCode: number): number {
  return writeAcknowledgement(target, offset, FirstByte.pubrel, packetIdentifier, reasonCode);
}

/** Writes a PUBCOMP (3.7) as {@link writePuback} does a PUBACK. */
export function writePubcomp(target: Uint8Array, offset: number, packetIdentifier: number, reasonCode: number): number {
  return writeAcknowledgement(target, offset, FirstByte.pubcomp, packetIdentifier, reasonCode);
}

function writeAcknowledgement(
  target: Uint8Array,
  offset: number,
  firstByte: number,
  packetIdentifier: number,
  reasonCode: number,
): number {
  // Without properties their length is left out, and for success the reason code too (3.4.2.1, 3.4.2.2.1).
  const size = acknowledgementSize(reasonCode);
  target[offset] = firstByte;
  target[offset + 1] = size - 2;
  writeUint16(target, offset + 2, packetIdentifier);
  if (size > 4) target[offset + 4] = reasonCode;
  return offset + size;
}
