export type { Transport } from "./transport/transport.js";
