import { encodeAcknowledgement } from "./acknowledgement.js";
import { encodeAuth } from "./auth.js";
import { encodeConnack } from "./connack.js";
import { encodeConnect } from "./connect.js";
import { encodeDisconnect } from "./disconnect.js";
import type { Packet, ProtocolVersion } from "./packets.js";
import { encodePing } from "./ping.js";
import { encodePublish } from "./publish.js";
import { encodeSuback } from "./suback.js";
import { encodeSubscribe } from "./subscribe.js";
import { encodeUnsuback } from "./unsuback.js";
import { encodeUnsubscribe } from "./unsubscribe.js";

/**
 * The bytes of `packet`, in an array of exactly that size. What a version has no field for is left out: properties
 * and subscription options before MQTT 5.0, the reason code of an acknowledgement.
 *
 * @param version of the connection; a CONNECT goes by its own `protocolVersion`.
 * @throws RangeError, TypeError or TopicSyntaxError when a field's value cannot be sent.
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  switch (packet.type) {
    case "connect":
      return encodeConnect(packet);
    case "connack":
      return encodeConnack(packet, version);
    case "publish":
      return encodePublish(packet, version);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return encodeAcknowledgement(packet, version);
    case "subscribe":
      return encodeSubscribe(packet, version);
    case "suback":
      return encodeSuback(packet, version);
    case "unsubscribe":
      return encodeUnsubscribe(packet, version);
    case "unsuback":
      return encodeUnsuback(packet, version);
    case "pingreq":
    case "pingresp":
      return encodePing(packet);
    case "disconnect":
      return encodeDisconnect(packet, version);
    case "auth":
      if (version !== 5) throw new RangeError(`AUTH does not exist in protocol version ${version}`);
      return encodeAuth(packet);
  }
}
