export { NodeDriver, REAL_TIME_OPTIONS } from "./node-driver.js";
export { ZepDispatcher, type ZepDispatcherOptions } from "./zep-dispatcher.js";
export { type UdpEndpoint, ZepLink, type ZepLinkCounters, type ZepLinkOptions } from "./zep-link.js";
export { SerialLink, type SerialLinkOptions, type SerialProtocol } from "./serial-link.js";
