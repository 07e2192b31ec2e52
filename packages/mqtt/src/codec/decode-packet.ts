import { byteAt } from "@isthmus/bytes";

import { decodeAcknowledgement } from "./acknowledgement.js";
import { decodeAuth } from "./auth.js";
import { decodeConnack } from "./connack.js";
import { decodeConnect } from "./connect.js";
import { FirstByte, PacketTypeCode } from "./constants.js";
import { decodeDisconnect } from "./disconnect.js";
import { malformedPacket, protocolError } from "./errors.js";
import { PacketReader } from "./packet-reader.js";
import type { Packet, ProtocolVersion } from "./packets.js";
import { decodePingreq, decodePingresp } from "./ping.js";
import { decodePublish } from "./publish.js";
import { decodeSuback } from "./suback.js";
import { decodeSubscribe } from "./subscribe.js";
import { decodeUnsuback } from "./unsuback.js";
import { decodeUnsubscribe } from "./unsubscribe.js";
import { readVariableByteInteger, variableByteIntegerSize } from "./variable-byte-integer.js";

/**
 * The packet that `start` to `end` hold, fixed header included: one frame of the framer. Binary fields are views on
 * `bytes`, but for those of a CONNECT.
 *
 * @param version of the connection; undefined before its CONNECT, which says it. [MQTT-3.1.0-1]
 * @throws MqttProtocolError when it is not a well-formed packet; the reason code is what to answer.
 * @throws RangeError when `start` to `end` is not the extent that the fixed header tells.
 */
export function decodePacket(
  bytes: Uint8Array,
  start: number,
  end: number,
  version: ProtocolVersion | undefined,
): Packet {
  const firstByte = byteAt(bytes, start);
  const remainingLength = readVariableByteInteger(bytes, start + 1, end);
  const bodyStart = start + 1 + variableByteIntegerSize(remainingLength);
  if (bodyStart + remainingLength !== end) {
    throw new RangeError(`${start}..${end} is not one packet with a remaining length of ${remainingLength}`);
  }
  checkFlags(firstByte, version);
  const typeCode = firstByte >> 4;
  // What a CONNECT says outlives the chunk that it came in: its will, its password.
  if (typeCode === PacketTypeCode.connect) return decodeConnect(new PacketReader(bytes.slice(bodyStart, end)));
  if (version === undefined) throw protocolError(`packet type ${typeCode} before CONNECT`); // [MQTT-3.1.0-1]
  const reader = new PacketReader(bytes, bodyStart, end);
  switch (typeCode) {
    case PacketTypeCode.connack:
      return decodeConnack(reader, version);
    case PacketTypeCode.publish:
      return decodePublish(bytes, start, bodyStart, end, version);
    case PacketTypeCode.puback:
    case PacketTypeCode.pubrec:
    case PacketTypeCode.pubrel:
    case PacketTypeCode.pubcomp:
      return decodeAcknowledgement(bytes, start, bodyStart, end, version);
    case PacketTypeCode.subscribe:
      return decodeSubscribe(reader, version);
    case PacketTypeCode.suback:
      return decodeSuback(reader, version);
    case PacketTypeCode.unsubscribe:
      return decodeUnsubscribe(reader, version);
    case PacketTypeCode.unsuback:
      return decodeUnsuback(reader, version);
    case PacketTypeCode.pingreq:
      return decodePingreq(reader);
    case PacketTypeCode.pingresp:
      return decodePingresp(reader);
    case PacketTypeCode.disconnect:
      return decodeDisconnect(reader, version);
    case PacketTypeCode.auth:
      if (version === 5) return decodeAuth(reader);
      throw malformedPacket("packet type 15 is reserved before MQTT 5.0"); // 2.2.1 of MQTT 3.1.1
    default:
      throw malformedPacket("packet type 0 is reserved"); // 2.1.2
  }
}

const FIRST_BYTES: ReadonlySet<number> = new Set(Object.values(FirstByte));

/**
 * [MQTT-2.1.3-1]: the flags of all packets but PUBLISH are fixed. MQTT 3.1 does not look at them.
 *
 * @throws MqttProtocolError when they are others.
 */
export function checkFlags(firstByte: number, version: ProtocolVersion | undefined): void {
  const typeCode = firstByte >> 4;
  if (version === 3 || typeCode === PacketTypeCode.publish || FIRST_BYTES.has(firstByte)) return;
  throw malformedPacket(`packet type ${typeCode} with flags ${firstByte & 0x0f}`);
}
