import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { isLoopback } from "./listener.js";

/** Which web pages a listener lets in. */
export interface WebOriginPolicy {
  /** Where it listens. */
  readonly host: string;
  /** Origins of web pages that may connect, beside pages of this host and of this machine; `*` stands for any. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Whether the page of `origin` may make `request`. Any page in a browser can open a WebSocket to this machine and send
 * simple requests; only those of its own are let in unasked.
 *
 * A page of the host that the request names is let in only where other machines can be meant: on a loopback address it
 * is a stranger's, whose host name was pointed here.
 */
export function isOriginAllowed(policy: WebOriginPolicy, request: IncomingMessage, origin: string): boolean {
  if (isOriginListed(policy, origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { host, hostname } = new URL(origin);
  if (["localhost", "127.0.0.1", "[::1]"].includes(hostname)) return true;
  return !isLoopback(policy.host) && host === request.headers.host;
}

/**
 * Whether a request that names `host` means this listener. On a loopback address another name may be a stranger's, who has
 * pointed it here: to the browser, what the hub answers is then of the stranger's own page, without any Origin.
 */
export function isHostAllowed(policy: WebOriginPolicy, host: string): boolean {
  if (!isLoopback(policy.host)) return true;
  const url = `http://${host}`;
  const hostname = URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, "$1") : "";
  // Nobody can point an address elsewhere.
  if (hostname === "localhost" || isIP(hostname) !== 0 || policy.allowedOrigins.includes("*")) return true;
  return policy.allowedOrigins.some((origin) => URL.canParse(origin) && new URL(origin).host === host);
}

/** Whether the operator has named `origin`, so that its pages may also read what they ask for. */
export function isOriginListed({ allowedOrigins }: WebOriginPolicy, origin: string): boolean {
  return allowedOrigins.includes(origin) || allowedOrigins.includes("*");
}
