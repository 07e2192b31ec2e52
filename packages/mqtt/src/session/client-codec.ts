import { byteAt } from "@isthmus/bytes";
import { decodeAcknowledgement, encodeAcknowledgement } from "../codec/acknowledgement.js";
import { decodeAuth, encodeAuth } from "../codec/auth.js";
import { decodeConnack } from "../codec/connack.js";
import { encodeConnect } from "../codec/connect.js";
import { PacketTypeCode } from "../codec/constants.js";
import { checkFlags } from "../codec/decode-packet.js";
import { decodeDisconnect, encodeDisconnect } from "../codec/disconnect.js";
import { protocolError } from "../codec/errors.js";
import { PacketReader } from "../codec/packet-reader.js";
import type { Packet, PacketType, ProtocolVersion } from "../codec/packets.js";
import { decodePingresp, encodePing } from "../codec/ping.js";
import { decodePublish, encodePublish } from "../codec/publish.js";
import { decodeSuback } from "../codec/suback.js";
import { encodeSubscribe } from "../codec/subscribe.js";
import { decodeUnsuback } from "../codec/unsuback.js";
import { encodeUnsubscribe } from "../codec/unsubscribe.js";

/** The packets that only servers send. */
type ServerOnlyType = "connack" | "suback" | "unsuback" | "pingresp";
/** The packets that only clients send. */
type ClientOnlyType = "connect" | "subscribe" | "unsubscribe" | "pingreq";

/** A packet that a client sends. */
export type ClientPacket = Extract<Packet, { readonly type: Exclude<PacketType, ServerOnlyType> }>;

/** A packet that a server sends. */
export type ServerPacket = Extract<Packet, { readonly type: Exclude<PacketType, ClientOnlyType> }>;

/** As `encodePacket`, without what clients never send: a browser need not load it. */
export function encodeClientPacket(packet: ClientPacket, version: ProtocolVersion): Uint8Array {
  switch (packet.type) {
    case "connect":
      return encodeConnect(packet);
    case "publish":
      return encodePublish(packet, version);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return encodeAcknowledgement(packet, version);
    case "subscribe":
      return encodeSubscribe(packet, version);
    case "unsubscribe":
      return encodeUnsubscribe(packet, version);
    case "pingreq":
      return encodePing(packet);
    case "disconnect":
      return encodeDisconnect(packet, version);
    case "auth":
      return encodeAuth(packet);
  }
}

/**
 * As `decodePacket`, of one frame of the framer, without what servers never send.
 *
 * @throws MqttProtocolError when it is not a well-formed packet of a server.
 */
export function decodeServerPacket(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): ServerPacket {
  const firstByte = byteAt(bytes, start);
  checkFlags(firstByte, version);
  const reader = new PacketReader(bytes, bodyStart, end);
  switch (firstByte >> 4) {
    case PacketTypeCode.connack:
      return decodeConnack(reader, version);
    case PacketTypeCode.publish:
      return decodePublish(bytes, start, bodyStart, end, version);
    case PacketTypeCode.puback:
    case PacketTypeCode.pubrec:
    case PacketTypeCode.pubrel:
    case PacketTypeCode.pubcomp:
      return decodeAcknowledgement(bytes, start, bodyStart, end, version);
    case PacketTypeCode.suback:
      return decodeSuback(reader, version);
    case PacketTypeCode.unsuback:
      return decodeUnsuback(reader, version);
    case PacketTypeCode.pingresp:
      return decodePingresp(reader);
    case PacketTypeCode.disconnect:
      // Before MQTT 5.0 only clients send DISCONNECT, and there is no AUTH.
      if (version === 5) return decodeDisconnect(reader, version);
      break;
    case PacketTypeCode.auth:
      if (version === 5) return decodeAuth(reader);
      break;
  }
  throw protocolError(`packet type ${firstByte >> 4} from a server`);
}
