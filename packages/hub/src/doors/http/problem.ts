import type { ServerResponse } from "node:http";
import { asRequestRefusal, type RequestRefusal } from "../requests/request-refusal.js";

/** An error as HTTP tells it (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
}

/** Status and title for each way in which a request comes to nothing. */
const problemByRefusal: Readonly<Record<RequestRefusal, Problem>> = {
  malformed: { status: 400, title: "Bad Request" },
  unauthenticated: { status: 401, title: "Unauthorized" },
  forbidden: { status: 403, title: "Forbidden" },
  "not-found": { status: 404, title: "Not Found" },
  "method-not-allowed": { status: 405, title: "Method Not Allowed" },
  "not-acceptable": { status: 406, title: "Not Acceptable" },
  "precondition-failed": { status: 412, title: "Precondition Failed" },
  "too-large": { status: 413, title: "Content Too Large" },
  "unsupported-content": { status: 415, title: "Unsupported Media Type" },
  misdirected: { status: 421, title: "Misdirected Request" },
  "too-many": { status: 429, title: "Too Many Requests" },
  unavailable: { status: 503, title: "Service Unavailable" },
};

/** Headers that some refusals have to have, or had better. */
const headersByRefusal: Partial<Record<RequestRefusal, Readonly<Record<string, string | readonly string[]>>>> = {
  // RFC 9110 15.5.2, RFC 7617 2.1, RFC 6750 3.
  unauthenticated: { "www-authenticate": ['Basic realm="isthmus", charset="UTF-8"', 'Bearer realm="isthmus"'] },
  "method-not-allowed": { allow: "GET, HEAD, PUT, POST, DELETE, OPTIONS" },
  // The rest of the body is not wanted.
  "too-large": { connection: "close" },
  // RFC 9110 12.5.3: the codings that are taken.
  "unsupported-content": { "accept-encoding": "identity" },
  "too-many": { "retry-after": "1" },
  unavailable: { "retry-after": "1" },
};

/** What an error is to whoever asked; undefined for one that nobody foresaw. */
export function problemOf(error: unknown): Problem | undefined {
  const refused = asRequestRefusal(error);
  return refused && { ...problemByRefusal[refused.refusal], detail: refused.message };
}

/** Answers with an error, in JSON that can be read on a terminal as well. @returns whether it was foreseen. */
export function respondWithProblem(response: ServerResponse, error: unknown, isHead = false): boolean {
  const refusal = asRequestRefusal(error)?.refusal;
  const problem = problemOf(error) ?? { status: 500, title: "Internal Server Error" };
  for (const [name, value] of Object.entries((refusal && headersByRefusal[refusal]) ?? {})) {
    response.setHeader(name, value);
  }
  const body = `${JSON.stringify(problem, undefined, 2)}\n`;
  response.writeHead(problem.status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(isHead ? undefined : body);
  return refusal !== undefined;
}
