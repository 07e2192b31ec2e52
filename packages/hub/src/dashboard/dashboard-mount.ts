import type { IncomingMessage } from "node:http";
import type { HttpHandler, HttpMount } from "../listeners/http-mount.js";

/** The path of the page's files; the page itself is at `/`. */
export const PAGE_FILES = "/page/";

/**
 * The web page at `/`, for browsers: who does not ask for HTML, as curl, gets the start page in plain text. It is made of
 * the built files of `@isthmus/dashboard`, which are looked for with the first request; without them there is no page.
 */
export class DashboardMount implements HttpMount {
  /** All that no other mount takes, see {@link wants}. */
  readonly path = "";

  wants(pathname: string, { method, headers }: IncomingMessage): boolean {
    if (method !== "GET" && method !== "HEAD") return false;
    if (pathname !== "/") return pathname.startsWith(PAGE_FILES);
    return headers.accept?.includes("text/html") === true;
  }

  async load(): Promise<HttpHandler | undefined> {
    const { pageHandler } = await import("./page-handler.js");
    return pageHandler();
  }
}
