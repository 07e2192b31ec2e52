export {
  type ClientOptions,
  CoapClient,
  type Discovery,
  DiscoveryError,
  type DiscoverOptions,
  type ObserveOptions,
} from "./client.js";
export { type Connector, connectorOf, type ConnectorOptions, type Route, UnsupportedSchemeError } from "./connector.js";
export { createClient, discover, observe, ping, request } from "./default-client.js";
export { type Method, methodCodes, type RequestOptions } from "./request-options.js";
export { CoapResponse } from "./response.js";
