import type { ProtocolVersion } from "../codec/packets.js";
import type { Transport } from "../transport/transport.js";

/** Opens a transport to `url`, or throws why it cannot; `signal` gives up. */
export type OpenTransport<O> = (
  url: URL,
  options: O & { readonly protocolVersion: ProtocolVersion },
  signal: AbortSignal,
) => Promise<Transport>;

/** The WebSocket subprotocol (section 6, IANA registry of WebSocket subprotocols). */
export function webSocketProtocol(protocolVersion: ProtocolVersion): string {
  return protocolVersion === 3 ? "mqttv3.1" : "mqtt"; // [MQTT-6.0.0-3]
}
