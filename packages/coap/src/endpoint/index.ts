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
export type { UriPath } from "./uri-path.js";
