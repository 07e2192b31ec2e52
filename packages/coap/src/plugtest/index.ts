export { createPlugtestServer, type PlugtestOptions, type PlugtestServer } from "./plugtest-server.js";
