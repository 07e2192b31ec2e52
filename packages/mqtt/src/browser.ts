import { makeConnect } from "./client/connect.js";
import { openBrowserTransport } from "./client/open-transport-browser.js";

export * from "./main.js";

/**
 * Connects to an MQTT server over a WebSocket, and stays connected: see the README.
 *
 * @param url ws:// or wss://, with user name and password if need be
 * @throws ConnectionRefusedError when the server refuses; TimeoutError, or what the network says, when there is none.
 */
export const connect = makeConnect(openBrowserTransport);
