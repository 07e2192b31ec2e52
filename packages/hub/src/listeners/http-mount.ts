import type { IncomingMessage, ServerResponse } from "node:http";

/** Answers a request. It must not throw, and whatever it starts must end with the response. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** What the HTTP listener serves beside MQTT over WebSocket: a path with all that is below. */
export interface HttpMount {
  /** As `/topics`: takes `/topics` and `/topics/...`. */
  readonly path: string;
  /** Called with the first request: a hub whose HTTP door nobody uses need not load what serves it. */
  load(): Promise<HttpHandler>;
}

/** The mount for `pathname`, the longest path first. */
export function findMount(mounts: readonly HttpMount[], pathname: string): HttpMount | undefined {
  return mounts
    .filter(({ path }) => pathname === path || pathname.startsWith(`${path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}
