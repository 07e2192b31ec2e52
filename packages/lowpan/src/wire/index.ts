export { WIRE_ERRORS, WireError, type WireErrorCode } from "./wire-error.js";
export * from "./mac/index.js";
export * from "./adaptation/index.js";
export * from "./ip/index.js";
