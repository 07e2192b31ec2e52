import type { IncomingMessage } from "node:http";
import type { HubContext } from "../../hub-context.js";
import type { HttpEntrance } from "../../listeners/http-mount.js";
import { hostOf, peerOf } from "../../listeners/peer.js";
import { isHostAllowed } from "../../listeners/web-origin.js";
import { type Caller, identify } from "../requests/caller.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

/** Who makes an HTTP request. */
export interface HttpCaller extends Caller {
  /** What limits for each client go by: the user, or the address of who names none. */
  readonly limitKey: string;
}

interface ToldCredentials {
  readonly user?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly token?: string | undefined;
}

/**
 * Who makes a request: by Basic (RFC 7617), a bearer token (RFC 6750), a client certificate, or nothing.
 *
 * @param token of the query, for event streams and WebSockets: a web page cannot give them headers.
 * @throws RequestRefusedError unauthenticated when they let nobody in, malformed for another scheme, misdirected when
 *   anyone is let in on this machine and the request may be of a page that is not this machine's.
 */
export async function identifyRequest(
  context: HubContext,
  request: IncomingMessage,
  entrance: HttpEntrance,
  token?: string,
): Promise<HttpCaller> {
  const { address, certificate } = peerOf(request.socket);
  const { authorization } = request.headers;
  const told = authorization === undefined ? { token } : parseAuthorization(authorization);
  const caller = await identify(context, { door: "http", listener: entrance.name, address, certificate, ...told });
  const { host } = request.headers;
  // Credentials are told to the host that they are for: a stranger's page has none of the hub's.
  if (caller.identity.user === undefined && host !== undefined && !isHostAllowed(entrance, host)) {
    throw new RequestRefusedError("misdirected", `this is not ${host}: name it in allowedOrigins, or use 127.0.0.1`);
  }
  return { ...caller, limitKey: caller.identity.user ?? hostOf(address) };
}

function parseAuthorization(text: string): ToldCredentials {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case "basic":
      return parseBasic(value);
    case "bearer":
      return { token: value };
    default:
      throw new RequestRefusedError("unauthenticated", "the Authorization header is neither Basic nor Bearer");
  }
}

/** RFC 7617 2: user and password in base64, a colon between them. */
function parseBasic(value: string): ToldCredentials {
  const bytes = Buffer.from(value, "base64");
  const colon = bytes.indexOf(":");
  if (colon < 0) throw new RequestRefusedError("unauthenticated", "Basic credentials are user:password in base64");
  return { user: bytes.subarray(0, colon).toString("utf8"), password: bytes.subarray(colon + 1) };
}
