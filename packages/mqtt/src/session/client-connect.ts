import type { ConnectPacket } from "../codec/packets.js";
import type { ClientSessionOptions } from "./client-session-types.js";

/** The CONNECT of one connection of a session. */
export function connectPacket(
  { properties, protocolVersion, keepAlive, username, password, will }: ClientSessionOptions,
  clientId: string,
  cleanStart: boolean,
  authenticationData: Uint8Array | undefined,
): ConnectPacket {
  return {
    type: "connect",
    protocolVersion,
    clientId,
    cleanStart,
    keepAlive,
    username,
    password,
    will,
    properties: authenticationData ? { ...properties, authenticationData } : properties,
  };
}

/** @throws TypeError when the server has to choose the client identifier and may not. [MQTT-3.1.3-7] of MQTT 3.1.1 */
export function checkClientId({ clientId, cleanStart, protocolVersion }: ClientSessionOptions): void {
  if (clientId !== "" || protocolVersion === 5) return;
  if (protocolVersion === 3) throw new TypeError("MQTT 3.1 needs a client identifier");
  if (!cleanStart) throw new TypeError("a session that is kept needs a client identifier before MQTT 5.0");
}
