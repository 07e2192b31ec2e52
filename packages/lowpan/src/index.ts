export * from "./capture/index.js";
export * from "./dissect/index.js";
export * from "./links/index.js";
export * from "./medium/index.js";
export * from "./stack/index.js";
export * from "./wire/index.js";
