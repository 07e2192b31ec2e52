export * from "./block.js";
export * from "./codes.js";
export * from "./datagram.js";
export * from "./errors.js";
export { type CoapMessage, NO_BYTES } from "./message.js";
export * from "./option-definitions.js";
export { encodeUint, isLengthAllowed, type OptionEntry, Options, type OptionValue } from "./options.js";
export { MAX_EXTENDED_TOKEN_LENGTH, MAX_PLAIN_TOKEN_LENGTH } from "./token-length.js";
