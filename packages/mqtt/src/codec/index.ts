export {
  AcknowledgementFrame,
  acknowledgementSize,
  type AcknowledgementType,
  writePuback,
  writePubcomp,
  writePubrec,
  writePubrel,
} from "./acknowledgement.js";
export { peekProtocolVersion } from "./connect.js";
export { MAX_PACKET_SIZE, MAX_STRING_SIZE, MAX_VARIABLE_BYTE_INTEGER, PacketTypeCode } from "./constants.js";
export { decodePacket } from "./decode-packet.js";
export { encodePacket } from "./encode-packet.js";
export { MqttProtocolError } from "./errors.js";
export { Framer, type FramerOptions, type FrameSink } from "./framer.js";
export type * from "./packets.js";
export {
  decodeProperties,
  encodeProperties,
  type Properties,
  PROPERTIES,
  type PropertyName,
  type PropertyPlace,
} from "./properties.js";
export {
  PublishFlags,
  PublishFrame,
  publishHeaderSize,
  publishSize,
  writePublishFrame,
  writePublishHeader,
} from "./publish-frame.js";
export {
  CONNECT_RETURN_CODES,
  ConnectReturnCode,
  connectReturnCode,
  type ConnectReturnName,
  isReasonCodeOf,
  REASON_CODES,
  ReasonCode,
  reasonName,
  type ReasonName,
  type ReasonPacket,
  SUBACK_FAILURE,
} from "./reason-codes.js";
export { CONNECT_RETURN_MEANINGS, REASON_MEANINGS } from "./reason-meanings.js";
