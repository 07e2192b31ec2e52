import type { ServerResponse } from "node:http";

/** A request that comes to nothing: what the answer says of it (RFC 9457). */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  /** What is wrong with each part of the request. */
  readonly errors: readonly string[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    options: ErrorOptions & { readonly errors?: readonly string[]; readonly headers?: Record<string, string> } = {},
  ) {
    super(detail, options);
    this.status = status;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Answers with the problem as `application/problem+json`. */
export function sendProblem(response: ServerResponse, { status, message, errors, headers }: Problem): void {
  // The answer has begun: all that is left is to break it off.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const title = TITLES[status] ?? "Error";
  response.writeHead(status, { ...headers, "content-type": "application/problem+json", "cache-control": "no-store" });
  response.end(JSON.stringify({ title, status, detail: message, errors }));
}
