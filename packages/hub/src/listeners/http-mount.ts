import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { WebOriginPolicy } from "./web-origin.js";

/** The listener that a request came in by. */
export interface HttpEntrance extends WebOriginPolicy {
  /** See {@link Credentials.listener}. */
  readonly name: string;
}

/** Answers a request. It must not throw, and whatever it starts must end with the response. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance) => void;

/** Takes over the connection of a request for a WebSocket, whose errors are heard already. It must not throw. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, entrance: HttpEntrance) => void;

/** What the HTTP listener serves beside MQTT over WebSocket: a path with all that is below. */
export interface HttpMount {
  /** As `/topics`: takes `/topics` and `/topics/...`. Empty takes all that no other mount takes. */
  readonly path: string;
  /** Whether it answers a request; what it does not, the listener does as if it were not there. Default: all. */
  wants?(pathname: string, request: IncomingMessage): boolean;
  /**
   * Called with the first request: a hub whose HTTP door nobody uses need not load what serves it. Undefined when there
   * is nothing to serve it: then the listener answers.
   */
  load(): Promise<HttpHandler | undefined>;
  /** What takes WebSockets, from pages that may open them. Default: nothing, they are refused. */
  loadUpgrade?(): Promise<UpgradeHandler>;
}

/** The mount for `pathname`, the longest path first. */
export function findMount(mounts: readonly HttpMount[], pathname: string): HttpMount | undefined {
  return mounts
    .filter(({ path }) => pathname === path || pathname.startsWith(`${path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}
