export { type Attribute, AttributeError, parseAttribute, parseGrantableAttribute } from "./attribute.js";
export {
  allOf,
  anyOf,
  attributePolicy,
  checkPolicy,
  CIPHERTEXT_LIMITS,
  KEY_LIMITS,
  type Policy,
  PolicyError,
  type PolicyLimits,
} from "./policy.js";
export { formatPolicy, parsePolicy, PolicySyntaxError } from "./policy-language.js";
export { decodeAttributeSet, decodePolicy, encodePolicy } from "./policy-codec.js";
export { integerAttributes } from "./policy-gates.js";
export { buildMsp, type Msp, type MspRow } from "./msp.js";
export { cheapestRows, isSatisfied } from "./satisfaction.js";
export { type CpKey, FabeoCp } from "./fabeo-cp.js";
export { FabeoKp, type KpKey } from "./fabeo-kp.js";
export { type AbeScheme, NotSatisfiedError } from "./scheme.js";
export { decapsulate, DecapsulationError, encapsulate, type Encapsulation, MAX_ENCAPSULATION_BYTES } from "./kem.js";
export { type PublicKey } from "./public-key.js";
export { type Coins, randomCoins, scalarFromBytes, scalarToBytes } from "./scalars.js";
export * from "../pairing/index.js";
