export * from "./codec/index.js";
export * from "./topics/index.js";
export { memoryTransportPair } from "./transport/memory-transport.js";
export type { Transport, TransportListener } from "./transport/transport.js";
