export type { Transport, TransportListener } from "./transport/transport.js";
export { formatAddress, NodeStreamTransport } from "./transport/node-stream-transport.js";
export { WebSocketTextFrameError, WebSocketTransport } from "./transport/web-socket-transport.js";
