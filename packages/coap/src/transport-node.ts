export type { Transport } from "./transport/transport.js";
export { clockNow } from "./transport/clock.js";
export { StrongRandom } from "./transport/strong-random.js";
export { allCoapNodes, bindUdp, type UdpOptions, type UdpTransport } from "./transport/udp-node.js";
