export { type Config, configJsonSchema, configSchema, type JsonSchema } from "./config-schema.js";
