export * from "./codec/index.js";
export * from "./endpoint/index.js";
