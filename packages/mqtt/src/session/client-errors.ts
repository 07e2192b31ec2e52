import type { Properties } from "../codec/properties.js";
import { ConnectReturnCode, reasonName, type ReasonPacket } from "../codec/reason-codes.js";

/** The connection broke without a word of the server. `cause` is what the transport said, if anything. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

/** The server did not answer in time: CONNECT with CONNACK, PINGREQ with PINGRESP, a request with a response. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** The client was closed before this was done. */
export class ClientClosedError extends Error {
  override readonly name = "ClientClosedError";
}

/** The outbound queue has no room: the server is away or too slow for what is published. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

/**
 * The server has lost the session in which this QoS 2 message was under way, so nobody can tell whether it was
 * delivered. It is not sent again, as it could be delivered twice.
 */
export class SessionLostError extends Error {
  override readonly name = "SessionLostError";
}

/** The message expired while it waited to be sent (its message expiry interval, 3.3.2.3.3). */
export class MessageExpiredError extends Error {
  override readonly name = "MessageExpiredError";
}

/** Something was refused with a reason code: by the server, or by the client because the server said it would. */
export class RefusedError extends Error {
  override readonly name: string = "RefusedError";
  /** The reason code; before MQTT 5.0 a return code of CONNACK (1 to 5) or 0x80 of SUBACK. */
  readonly reasonCode: number;
  /** The properties of the packet that refused, such as `reasonString`. MQTT 5.0 only. */
  readonly properties: Properties | undefined;

  constructor(message: string, reasonCode: number, properties?: Properties) {
    super(properties?.reasonString === undefined ? message : `${message}: ${properties.reasonString}`);
    this.reasonCode = reasonCode;
    this.properties = properties;
  }
}

/** CONNACK refused the connection (3.2.2.2). */
export class ConnectionRefusedError extends RefusedError {
  override readonly name = "ConnectionRefusedError";
}

/** The server sent DISCONNECT (3.14). */
export class ServerDisconnectError extends RefusedError {
  override readonly name = "ServerDisconnectError";
}

/** The words of a reason code of MQTT 5.0: `not authorized (0x87)`. */
export function reasonText(reasonCode: number, packet: ReasonPacket): string {
  return textOf(reasonName(reasonCode, packet), reasonCode);
}

/** The words of a CONNACK return code before MQTT 5.0: `not authorized (0x05)`. */
export function returnCodeText(returnCode: number): string {
  const found = Object.entries(ConnectReturnCode).find(([, code]) => code === returnCode);
  return textOf(found?.[0], returnCode);
}

function textOf(name = "unknown reason", code: number): string {
  const words = name.replaceAll(/QoS|[A-Z]/g, (start) => ` ${start.length > 1 ? start : start.toLowerCase()}`);
  return `${words} (0x${code.toString(16).padStart(2, "0")})`;
}
