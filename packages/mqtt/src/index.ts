export { memoryTransportPair } from "./transport/memory-transport.js";
export type { Transport, TransportListener } from "./transport/transport.js";
