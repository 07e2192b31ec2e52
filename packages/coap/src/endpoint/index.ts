export type { Address, Endpoint, Peer } from "./endpoint.js";
export type { IncomingRequest, RequestHandler, Response } from "./incoming.js";
export {
  type IncomingResponse,
  type OutgoingRequest,
  type Request,
  RequestError,
  type RequestFailureReason,
  type ResponseHandler,
  type TransferProgress,
} from "./outgoing.js";
export { type Observation, type ObservationEnd, Subject, type SubjectListener } from "./subject.js";
export { type RequestRate, TokenBucket } from "./token-bucket.js";
export type { UriPath } from "./uri-path.js";
export { DatagramEndpoint, type DatagramEndpointCounters } from "./datagram-endpoint.js";
export {
  type AmplificationOptions,
  type CommonEndpointOptions,
  type DatagramEndpointOptions,
  type DatagramOutput,
  type EndpointLimits,
  type Tap,
} from "./endpoint-options.js";
export type { NotificationPolicy } from "./server-observation.js";
export {
  defaultTransmissionParameters,
  type TransmissionParameters,
  type TransmissionTimes,
  transmissionTimes,
} from "./transmission-parameters.js";
export { ConnectionEndpoint, type ConnectionEndpointOptions, type ConnectionOutput } from "./connection-endpoint.js";
