export { CoapError, type CoapErrorOptions, errorResponse } from "./coap-error.js";
export { contentEtag } from "./etag.js";
export { checkPreconditions, type CurrentState } from "./preconditions.js";
export { changed, content, created, deleted, Reply, reply, type ReplyFields } from "./reply.js";
export { type Handler, Resource, type ResourceDefinition } from "./resource.js";
export type { PathParameters } from "./route-pattern.js";
export { CoapServer, createServer, type ServerOptions } from "./server.js";
export { ServerRequest } from "./server-request.js";
export { UriQuery } from "./uri-query.js";
