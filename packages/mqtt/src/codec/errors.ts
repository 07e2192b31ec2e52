import { ReasonCode, type ReasonName, reasonName } from "./reason-codes.js";

/**
 * The peer broke the protocol. `reasonCode` is what MQTT 5.0 sends back in CONNACK or DISCONNECT before it closes the
 * connection (4.13); older versions just close, but for what `connectReturnCode` can say.
 */
export class MqttProtocolError extends Error {
  override readonly name = "MqttProtocolError";
  /** The reason code of MQTT 5.0, 0x80 or above. */
  readonly reasonCode: number;
  /** The name of `reasonCode`, such as `malformedPacket`. */
  readonly reasonName: ReasonName;

  constructor(reasonCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reasonCode = reasonCode;
    this.reasonName = reasonName(reasonCode) ?? "unspecifiedError";
  }
}

/** The error for bytes that cannot be parsed: 0x81. */
export function malformedPacket(message: string, cause?: unknown): MqttProtocolError {
  return new MqttProtocolError(ReasonCode.malformedPacket, message, cause === undefined ? undefined : { cause });
}

/** The error for a packet that parses but says what the protocol does not allow: 0x82. */
export function protocolError(message: string): MqttProtocolError {
  return new MqttProtocolError(ReasonCode.protocolError, message);
}
