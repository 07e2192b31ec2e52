export * from "./client/index.js";
export * from "./codec/index.js";
export * from "./directory/index.js";
export * from "./endpoint/index.js";
export * from "./media/index.js";
export * from "./proxy/index.js";
export * from "./server/index.js";
