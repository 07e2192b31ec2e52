import type { IncomingMessage, ServerResponse } from "node:http";
import { identifyRequest } from "../doors/http/http-caller.js";
import type { Caller } from "../doors/requests/caller.js";
import { RequestRefusedError } from "../doors/requests/request-refusal.js";
import type { HubContext } from "../hub-context.js";
import type { HttpEntrance } from "../listeners/http-mount.js";
import { isLoopback } from "../listeners/listener.js";
import { isOriginAllowed, isOriginListed } from "../listeners/web-origin.js";
import { Problem } from "./problem.js";

/** How a client that has not said who it is may do so (RFC 9110 11.6.1). */
const CHALLENGE = 'Basic realm="isthmus", charset="UTF-8", Bearer realm="isthmus"';

/**
 * Lets only pages in that may: any page in a browser can make it send requests to this machine, with the password that
 * the browser remembers.
 *
 * @throws Problem 403, 421
 */
export function checkPage(request: IncomingMessage, entrance: HttpEntrance): void {
  const { origin, host = "" } = request.headers;
  if (origin !== undefined && !isOriginAllowed(entrance, request, origin)) {
    throw new Problem(403, `web pages of ${origin} may not use this`);
  }
  if (origin === undefined && request.headers["sec-fetch-site"] === "cross-site") {
    throw new Problem(403, "web pages of other sites may not use this");
  }
  // A stranger's host name may have been pointed at this machine: to the browser its page is then of the same origin.
  if (isLoopback(entrance.host) && !isOwnHost(entrance, host)) {
    throw new Problem(421, `this is not ${host}: name it in allowedOrigins, or use 127.0.0.1`);
  }
}

/** Lets pages read the answer whose origin the operator has named (Fetch 3.2). */
export function allowReading(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): void {
  const { origin } = request.headers;
  response.setHeader("vary", "origin");
  if (origin === undefined || !isOriginListed(entrance, origin)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-methods", "GET, HEAD, POST, DELETE");
  response.setHeader("access-control-allow-headers", "authorization, content-type");
}

/** @throws Problem 401 when it is nobody whom the hub knows, 403 when it is no administrator. */
export async function identifyAdministrator(
  context: HubContext,
  request: IncomingMessage,
  entrance: HttpEntrance,
): Promise<Caller> {
  const caller = await identifyRequest(context, request, entrance).catch((cause: unknown) => {
    if (!(cause instanceof RequestRefusedError)) throw cause;
    throw new Problem(401, cause.message, { cause, headers: { "www-authenticate": CHALLENGE } });
  });
  if (context.access.isAdministrator(caller.identity)) return caller;
  if (caller.identity.user !== undefined) {
    throw new Problem(403, `${caller.identity.user} is no administrator: that takes the group admin`);
  }
  // Somebody without a name may have one.
  throw new Problem(401, "an administrator's name is needed", { headers: { "www-authenticate": CHALLENGE } });
}

function isOwnHost({ allowedOrigins }: HttpEntrance, host: string): boolean {
  const url = `http://${host}`;
  const hostname = URL.canParse(url) ? new URL(url).hostname : "";
  if (isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) return true;
  return allowedOrigins.some((origin) => URL.canParse(origin) && new URL(origin).host === host);
}
