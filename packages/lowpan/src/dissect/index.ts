export { Dissector, type Dissection, type DissectorOptions } from "./dissector.js";
export { type DissectedPacket } from "./dissect-packet.js";
export type { Field, Layer } from "./layer.js";
