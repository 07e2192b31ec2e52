export { backoffDelayMs } from "./client/keep-connected.js";
export { openNodeTransport } from "./client/open-transport-node.js";
export type { Transport, TransportListener } from "./transport/transport.js";
export { formatAddress, NodeStreamTransport } from "./transport/node-stream-transport.js";
export { WebSocketTextFrameError, WebSocketTransport } from "./transport/web-socket-transport.js";
