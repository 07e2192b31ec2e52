export { ConfigError, type ConfigProblem, formatProblem } from "./config-problem.js";
export { configReference } from "./config-reference.js";
export { type Config, configJsonSchema } from "./config-schema.js";
export { hubOptionsOf } from "./hub-options-of.js";
export { type ConfigSources, loadConfig, type LoadedConfig } from "./load-config.js";
export { showConfig } from "./show-config.js";
