export { type Beacon, decodeBeacon, encodeBeacon, type GtsDescriptor } from "./beacon.js";
export { type CcmStar, counterNonce, KEY_LENGTH, NONCE_LENGTH, slotNonce } from "./ccm-star.js";
export {
  type Capability,
  COMMAND_IDS,
  type CoordinatorRealignment,
  decodeCommand,
  encodeCommand,
  type MacCommand,
} from "./command.js";
export { FCS_LENGTH, frameCheckSequence, hasValidFcs } from "./fcs.js";
export {
  acknowledgement,
  decodeFrame,
  type DecodeFrameOptions,
  encodeFrame,
  MAX_FRAME_LENGTH,
  type MacFrame,
  macFrame,
  macHeaderLength,
} from "./frame.js";
export type { FrameType, FrameVersion } from "./frame-control.js";
export { FrameCounterTable, MAX_FRAME_COUNTER } from "./frame-counters.js";
export { openFrame, sealFrame } from "./frame-security.js";
export {
  decodePayloadIes,
  encodePayloadIes,
  type HeaderIe,
  type PayloadIe,
  type PayloadIeList,
} from "./information-element.js";
export {
  BROADCAST_PAN,
  BROADCAST_SHORT,
  broadcastAddress,
  equalLinkAddresses,
  formatLinkAddress,
  isBroadcast,
  isShort,
  type LinkAddress,
  linkAddressKey,
  parseLinkAddress,
  shortAddress,
} from "./link-address.js";
export { isEncrypted, micLength, type SecurityHeader, type SecurityLevel } from "./security-header.js";
