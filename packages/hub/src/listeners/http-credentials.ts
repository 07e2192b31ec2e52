import type { IncomingMessage } from "node:http";
import { encodeUtf8 } from "@isthmus/bytes";
import type { Credentials } from "../access/access.js";
import type { HttpEntrance } from "./http-mount.js";
import { peerOf } from "./peer.js";

/** How a client that has not said who it is may do so (RFC 9110 11.6.1). */
export const CHALLENGE = 'Basic realm="isthmus", charset="UTF-8", Bearer realm="isthmus"';

/**
 * What a request says of who makes it: user name and password (RFC 7617), a bearer token (RFC 6750), the certificate of
 * its connection. An Authorization header of another kind says nothing.
 */
export function credentialsOf(request: IncomingMessage, entrance: HttpEntrance): Credentials {
  const { address, certificate } = peerOf(request.socket);
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(request.headers.authorization ?? "") ?? [];
  const common = { door: "http", listener: entrance.name, address, certificate } as const;
  switch (scheme.toLowerCase()) {
    case "basic":
      return { ...common, ...parseBasic(value) };
    case "bearer":
      return { ...common, token: value };
    default:
      return common;
  }
}

/** A user name holds no colon, a password may (RFC 7617 2). */
function parseBasic(value: string): Pick<Credentials, "user" | "password"> {
  const text = Buffer.from(value, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) return { user: text };
  return { user: text.slice(0, colon), password: encodeUtf8(text.slice(colon + 1)) };
}
