import { makeConnect } from "./client/connect.js";
import { openNodeTransport } from "./client/open-transport-node.js";

export * from "./main.js";
export type { NodeTransportOptions } from "./client/open-transport-node.js";

/**
 * Connects to an MQTT server, and stays connected: see the README.
 *
 * @param url mqtt:// (TCP, port 1883), mqtts:// (TLS, port 8883), ws:// or wss://, with user name and password if
 * need be
 * @throws ConnectionRefusedError when the server refuses; TimeoutError, or what the network says, when there is none.
 *
 * @example
 * await using client = await connect("mqtt://localhost");
 * await client.publish("house/door", "open", { qos: 1, retain: true });
 */
export const connect = makeConnect(openNodeTransport);
