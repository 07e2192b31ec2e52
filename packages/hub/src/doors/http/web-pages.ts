import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpEntrance } from "../../listeners/http-mount.js";
import { isOriginAllowed, isOriginListed } from "../../listeners/web-origin.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

const EXPOSED = "etag, last-modified, user-property, response-topic, correlation-data, message-size-limit";
const ALLOWED_HEADERS =
  "authorization, content-type, if-match, if-none-match, last-event-id, user-property, response-topic, correlation-data, traceparent, tracestate";

/**
 * Lets web pages ask that may: those of this machine and host, and those of origins that the operator has listed, who may
 * also read the answers (CORS). Any page of the internet can send a simple request to a hub on the same machine.
 *
 * @returns true when the request was a preflight, and is answered.
 * @throws RequestRefusedError forbidden for pages of other origins.
 */
export function admitWebPage(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  if (!isOriginAllowed(entrance, request, origin)) {
    throw new RequestRefusedError("forbidden", `web pages of ${origin} may not ask here`);
  }
  response.setHeader("vary", "Origin");
  if (!isOriginListed(entrance, origin)) return false;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", EXPOSED);
  if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false;
  response.writeHead(204, {
    "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": "600",
  });
  response.end();
  return true;
}
