import type { IncomingMessage, ServerResponse } from "node:http";
import type { HubContext } from "../hub-context.js";
import { readHttpBody } from "../listeners/http-body.js";
import type { HttpEntrance, HttpHandler } from "../listeners/http-mount.js";
import { allowReading, checkPage, identifyAdministrator } from "./guard.js";
import { findErrors, parseText } from "./json-schema.js";
import { describeRoutes } from "./openapi.js";
import { problemOf } from "./problem-of.js";
import { Problem, sendProblem } from "./problem.js";
import { matchPath, type Route } from "./route.js";

const PREFIX = "/api/v1";
const DOCUMENT = "/api/openapi.json";

export interface ServeOptions {
  /** Bytes of a request's body. */
  readonly maximumBodySize: number;
}

/** Serves `routes` below `/api/v1`, to administrators alone, and what describes them at `/api/openapi.json`. */
export function serveApi(context: HubContext, routes: readonly Route[], options: ServeOptions): HttpHandler {
  const document = JSON.stringify(describeRoutes(routes));
  return (request, response, entrance) => {
    answer(request, response, entrance).catch((error: unknown) => {
      const problem = problemOf(error);
      if (problem.status >= 500)
        context.log.error({ err: error, path: request.url }, "a request to the API has failed");
      sendProblem(response, problem);
    });
  };

  async function answer(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): Promise<void> {
    allowReading(request, response, entrance);
    checkPage(request, entrance);
    const { pathname, searchParams } = urlOf(request);
    if (request.method === "OPTIONS") {
      response.writeHead(204, { "access-control-max-age": "600" }).end();
      return;
    }
    // It says what there is, and nothing of what goes on.
    if (pathname === DOCUMENT) {
      checkMethod(request, ["GET"]);
      sendJson(response, document);
      return;
    }
    const caller = await identifyAdministrator(context, request, entrance);
    const { route, path } = findRoute(routes, request, pathname);
    const query = parseQuery(route, searchParams);
    const body = route.body === undefined ? undefined : parseBody(route, await readBody(request, options));
    const result = await route.handle({ caller, path, query, body });
    if (route.answer === undefined) response.writeHead(204).end();
    else sendJson(response, JSON.stringify(result));
  }
}

function sendJson(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" }).end(text);
}

/** @throws Problem 400 */
function urlOf({ url = "/" }: IncomingMessage): URL {
  if (!URL.canParse(url, "http://hub")) throw new Problem(400, "the path is none");
  return new URL(url, "http://hub");
}

/** @throws Problem 404, 405 */
function findRoute(
  routes: readonly Route[],
  request: IncomingMessage,
  pathname: string,
): { readonly route: Route; readonly path: Record<string, string> } {
  const segments = pathname.slice(PREFIX.length + 1).split("/");
  const isBelow = pathname.startsWith(`${PREFIX}/`);
  const matches = routes.flatMap((route) => {
    const path = isBelow ? matchPath(route, segments.map(decodeSegment)) : undefined;
    return path === undefined ? [] : [{ route, path }];
  });
  if (matches.length === 0) throw new Problem(404, `nothing at ${pathname}: see ${DOCUMENT}`);
  checkMethod(
    request,
    matches.map(({ route }) => route.method),
  );
  const method = request.method === "HEAD" ? "GET" : request.method;
  const match = matches.find(({ route }) => route.method === method);
  // Just checked.
  return match as (typeof matches)[number];
}

/** @throws Problem 405 */
function checkMethod({ method = "" }: IncomingMessage, methods: readonly Route["method"][]): void {
  const allowed = methods.flatMap((each) => (each === "GET" ? ["GET", "HEAD"] : [each]));
  if (allowed.includes(method)) return;
  throw new Problem(405, `${method} is none of ${allowed.join(", ")}`, { headers: { allow: allowed.join(", ") } });
}

/** @throws Problem 400 */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new Problem(400, `${segment} is not percent-encoded UTF-8`, { cause });
  }
}

/** @throws Problem 400 */
function parseQuery({ query = {} }: Route, given: URLSearchParams): Record<string, unknown> {
  const errors: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of new Set(given.keys())) {
    if (!Object.hasOwn(query, name)) errors.push(`${name} means nothing here`);
    else if (given.getAll(name).length > 1) errors.push(`${name} stands there more than once`);
  }
  for (const [name, { schema, isRequired }] of Object.entries(query)) {
    const text = given.get(name);
    if (text === null) {
      if (isRequired) errors.push(`${name} is missing`);
      values[name] = schema.default;
      continue;
    }
    values[name] = parseText(schema, text);
    errors.push(...findErrors(schema, values[name], name));
  }
  if (errors.length > 0) throw new Problem(400, errors.join("; "), { errors });
  return values;
}

/** @throws Problem 413, 415 */
async function readBody(request: IncomingMessage, { maximumBodySize }: ServeOptions): Promise<string> {
  const contentType = request.headers["content-type"] ?? "";
  // Pages of other sites can send no such thing unasked.
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    throw new Problem(415, `${contentType || "a body without content type"} is not application/json`);
  }
  const body = await readHttpBody(request, maximumBodySize);
  if (body === undefined) {
    throw new Problem(413, `the body exceeds ${maximumBodySize} bytes`, { headers: { connection: "close" } });
  }
  return new TextDecoder().decode(body);
}

/** @throws Problem 400 */
function parseBody({ body }: Route, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, "the body is no JSON", { cause });
  }
  const errors = body === undefined ? [] : findErrors(body, value);
  if (errors.length > 0) throw new Problem(400, errors.join("; "), { errors });
  return value;
}
