import { VERSION } from "../version.js";
import type { JsonSchema } from "./json-schema.js";
import type { Route } from "./route.js";

/** What is true of every operation. */
const COMMON_PROBLEMS: Readonly<Record<number, string>> = {
  400: "The request is not what the operation takes; `errors` says what is wrong.",
  401: "Nobody whom the hub knows.",
  403: "No administrator, or a web page of another site.",
};

/** The OpenAPI 3.1 document of `routes`: made from what serves them, so that it says what they do. */
export function describeRoutes(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[`/api/v1${route.path}`] ??= {})[route.method.toLowerCase()] = describe(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "isthmus management",
      version: VERSION,
      description: "Who is connected, what is on its way to whom, and why something did not arrive.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ basic: [] }, { bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        basic: { type: "http", scheme: "basic", description: "A user of the group `admin`." },
        bearer: { type: "http", scheme: "bearer", description: "A token of a member of the group `admin`." },
      },
      schemas: { Problem: PROBLEM },
    },
  };
}

const PROBLEM: JsonSchema = {
  type: "object",
  description: "What went wrong (RFC 9457).",
  required: ["title", "status", "detail"],
  properties: {
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    errors: { type: "array", items: { type: "string" } },
  },
};

function describe(route: Route): object {
  const { operationId, summary, description, body, answer, problems } = route;
  return {
    operationId,
    summary,
    description,
    parameters: [...pathParameters(route), ...queryParameters(route)],
    requestBody: body && { required: true, content: { "application/json": { schema: body } } },
    responses: {
      ...(answer === undefined
        ? { 204: { description: "Done." } }
        : {
            200: { description: answer.description, content: { "application/json": { schema: answer.schema } } },
          }),
      ...problemResponses({ ...COMMON_PROBLEMS, ...problems }),
    },
  };
}

function pathParameters({ pathParameters = {} }: Route): object[] {
  return Object.entries(pathParameters).map(([name, description]) => ({
    name,
    in: "path",
    required: true,
    description,
    schema: { type: "string" },
  }));
}

function queryParameters({ query = {} }: Route): object[] {
  return Object.entries(query).map(([name, { description, schema, isRequired = false }]) => ({
    name,
    in: "query",
    required: isRequired,
    description,
    schema,
  }));
}

function problemResponses(problems: Readonly<Record<number, string>>): Record<string, object> {
  const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries(
    Object.entries(problems).map(([status, description]) => [status, { description, content }]),
  );
}
