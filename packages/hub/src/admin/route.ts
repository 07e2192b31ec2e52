import type { Caller } from "../doors/requests/caller.js";
import type { JsonSchema } from "./json-schema.js";

/** One operation of the API, as it is served and as the OpenAPI document tells of it. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below `/api/v1`, with `{name}` for a parameter: `/clients/{clientId}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Of the path: they are texts, percent-encoded there. */
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  readonly body?: JsonSchema;
  /** What is sent back; undefined: nothing, with 204. */
  readonly answer?: { readonly description: string; readonly schema: JsonSchema };
  /** What may go wrong beside what may with every request. */
  readonly problems?: Readonly<Record<number, string>>;
  /** @throws Problem */
  handle(request: ApiRequest): unknown;
}

export interface QueryParameter {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly isRequired?: boolean;
}

/** A request whose parts have been checked against what the route says of them. */
export interface ApiRequest {
  readonly caller: Caller;
  readonly path: Readonly<Record<string, string>>;
  /** With the defaults of what is left out. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** The values of the `{name}`s of a route's path in `segments`; undefined when it is another path. */
export function matchPath({ path }: Route, segments: readonly string[]): Record<string, string> | undefined {
  const expected = path.split("/").slice(1);
  if (expected.length !== segments.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const pattern = expected[index] ?? "";
    if (pattern.startsWith("{")) values[pattern.slice(1, -1)] = segment;
    else if (pattern !== segment) return undefined;
  }
  return values;
}
