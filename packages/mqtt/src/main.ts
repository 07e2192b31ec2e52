// What the package is on every platform; `index.ts` and `browser.ts` add their `connect`.
export * from "./codec/index.js";
export * from "./topics/index.js";
export type { Client } from "./client/client.js";
export { isWorthRetrying, type ReconnectOptions } from "./client/keep-connected.js";
export type { Message } from "./client/message.js";
export type { MessageStream } from "./client/message-stream.js";
export type * from "./client/operation-options.js";
export type {
  Authentication,
  ConnectionInfo,
  ConnectOptions,
  DisconnectionInfo,
  WillOptions,
} from "./client/options.js";
export type { Subscription } from "./client/subscription.js";
export {
  ClientClosedError,
  ConnectionLostError,
  ConnectionRefusedError,
  MessageExpiredError,
  QueueFullError,
  reasonText,
  RefusedError,
  returnCodeText,
  ServerDisconnectError,
  SessionLostError,
  TimeoutError,
} from "./session/client-errors.js";
export type { PacketTrace } from "./session/client-session-types.js";
export { memoryTransportPair } from "./transport/memory-transport.js";
export type { Transport, TransportListener } from "./transport/transport.js";
