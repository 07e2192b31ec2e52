import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import type { HttpHandler } from "../listeners/http-mount.js";
import { PAGE_FILES } from "./dashboard-mount.js";

const INDEX = "index.html";
/** How a file's compressed form is called. */
const GZIP_ENDING = ".gz";

const TYPE_BY_ENDING: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page takes nothing from anywhere else, runs no code of messages, and stands in no frame of others. */
const SECURITY: OutgoingHttpHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Hands out the built page, each file also compressed; undefined when it was not built. */
export async function pageHandler(): Promise<HttpHandler | undefined> {
  const directory = pageDirectory();
  if (directory === undefined) return undefined;
  // Only what is there now can be asked for: no path leads out of the directory.
  const names = new Set((await readdir(directory)).filter((name) => path.extname(name) in TYPE_BY_ENDING));
  return (request, response) => {
    const name = nameOf(request);
    if (names.has(name)) {
      sendFile(directory, name, request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
      return;
    }
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
    response.end(`the page has no file ${name}\n`);
  };
}

function pageDirectory(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    return path.dirname(require.resolve("@isthmus/dashboard/page/index.html"));
  } catch {
    return undefined;
  }
}

async function sendFile(
  directory: string,
  name: string,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isCompressed = acceptsGzip(headers["accept-encoding"]);
  const content = await readFile(path.join(directory, isCompressed ? name + GZIP_ENDING : name));
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
  for (const [header, value] of Object.entries(SECURITY)) if (value !== undefined) response.setHeader(header, value);
  response.setHeader("etag", etag);
  response.setHeader("vary", "Accept, Accept-Encoding");
  // The names of all files but one change with their content.
  response.setHeader("cache-control", name === INDEX ? "no-cache" : "public, max-age=31536000, immutable");
  // RFC 9110 13.1.2
  if (headers["if-none-match"]?.includes(etag) === true) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, {
    "content-type": TYPE_BY_ENDING[path.extname(name)],
    "content-length": content.length,
    ...(isCompressed && { "content-encoding": "gzip" }),
  });
  response.end(method === "HEAD" ? undefined : content);
}

/** RFC 9110 12.5.3: named, and not with a weight of 0. */
function acceptsGzip(acceptEncoding: string | readonly string[] = ""): boolean {
  return /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?(?:$|[\s,]))/i.test(String(acceptEncoding));
}

function nameOf({ url = "/" }: IncomingMessage): string {
  const { pathname } = new URL(url, "http://hub");
  return pathname === "/" ? INDEX : pathname.slice(PAGE_FILES.length);
}
