export { CoapNode, type CoapNodeOptions } from "./coap-node.js";
export {
  type OpenPan,
  PAN_DEFAULTS,
  type PanDriver,
  type PanOptions,
  type RealTimeOptions,
  type TunOptions,
  type ZepOptions,
} from "./pan-options.js";
export { parseEndpoint } from "./zep-pan.js";
export { openSerialPort, SerialPortError } from "./serial-port.js";
