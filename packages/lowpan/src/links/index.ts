export {
  decodeZep,
  encodeZep,
  nsOfNtp,
  ntpOfNs,
  ZEP_PORT,
  type ZepAck,
  type ZepData,
  type ZepHello,
  type ZepPacket,
} from "./zep.js";
export type { FrameLink, LinkFrame } from "./frame-link.js";
export { encodeSlip, SlipDecoder } from "./slip.js";
export { parseSnifferLine } from "./sniffer-line.js";
