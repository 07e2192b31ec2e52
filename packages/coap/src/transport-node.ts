export type { ConnectionTransport, Listener, Transport } from "./transport/transport.js";
export { type CarriedDatagrams, carryDatagrams } from "./transport/carried-datagrams.js";
export { clockNow } from "./transport/clock.js";
export type { AcceptedConnection, ConnectionOptions } from "./transport/connection-driver.js";
export { createConnector, type NodeConnectorOptions } from "./client/connector-node.js";
export { type HcListenerOptions, hcRequestListener } from "./transport/hc-listener-node.js";
export { StrongRandom } from "./transport/strong-random.js";
export {
  acceptStream,
  connectTcp,
  listenTcp,
  type TcpConnectOptions,
  type TcpListenOptions,
} from "./transport/tcp-node.js";
export { allCoapNodes, bindUdp, type UdpOptions, type UdpTransport } from "./transport/udp-node.js";
export { connectWebSocket, type WebSocketConnectOptions, webSocketPath } from "./transport/websocket.js";
export {
  listenWebSocket,
  openWebSocketDoor,
  type WebSocketAcceptOptions,
  type WebSocketDoor,
  type WebSocketListenOptions,
} from "./transport/websocket-node.js";
