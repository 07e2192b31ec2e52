import { BrowserTransport } from "../transport/browser-transport.js";
import type { Transport } from "../transport/transport.js";
import { type OpenTransport, webSocketProtocol } from "./open-transport.js";

/** Opens a WebSocket, as a browser has nothing else. */
export const openBrowserTransport: OpenTransport<object> = (url, { protocolVersion }, signal) => {
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`${url.protocol}// cannot be opened here: use ws:// or wss://`);
  }
  signal.throwIfAborted();
  return new Promise<Transport>((resolve, reject) => {
    const socket = new WebSocket(url, webSocketProtocol(protocolVersion));
    const abort = (): void => {
      socket.close();
      // A signal's reason may be anything; the default is an Error.
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort);
    socket.addEventListener("open", () => {
      signal.removeEventListener("abort", abort);
      resolve(new BrowserTransport(socket));
    });
    socket.addEventListener("error", () => {
      signal.removeEventListener("abort", abort);
      reject(new Error(`cannot open a WebSocket to ${url.host}`));
    });
  });
};
