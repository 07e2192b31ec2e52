export { type LinkOptions, SimLink } from "./sim-link.js";
export { type Endpoint, Pair, type PairOptions } from "./pair.js";
export { VirtualClock } from "./virtual-clock.js";
