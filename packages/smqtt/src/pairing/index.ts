export {
  G1_BYTES,
  G2_BYTES,
  GROUP_ORDER,
  GT_BYTES,
  InvalidElementError,
  SCALAR_BITS,
  type FixedBase,
  type PairingGroup,
  type TableSize,
} from "./pairing-group.js";
export { createNobleGroup, type NobleGroup } from "./noble-group.js";
export type { NobleG1, NobleG2 } from "./noble-point-codec.js";
export { selfTest, SelfTestError } from "./self-test.js";
