import type { JsonSchema } from "./json-schema.js";
import type { QueryParameter } from "./route.js";

export const TEXT: JsonSchema = { type: "string" };
export const COUNT: JsonSchema = { type: "integer", minimum: 0 };
export const FLAG: JsonSchema = { type: "boolean" };
export const QOS: JsonSchema = { type: "integer", enum: [0, 1, 2] };
/** As `Date.toISOString` writes it. */
export const INSTANT: JsonSchema = { type: "string", description: "UTC, as in 2027-01-31T12:00:00.000Z." };

/** An object of these properties and no others. */
export function object(properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export function list(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

/** A list that goes on: `next` is missing on its last page. */
export function page(items: JsonSchema): JsonSchema {
  return object({ items: list(items), next: TEXT }, ["next"]);
}

export const LIMIT: QueryParameter = {
  description: "How many at the most.",
  schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
};

/** What a list takes to go on. */
export const PAGING: Readonly<Record<string, QueryParameter>> = {
  limit: LIMIT,
  after: { description: "The `next` of the page before.", schema: { type: "string", default: "" } },
};

export const MESSAGE: JsonSchema = object(
  {
    topic: TEXT,
    qos: QOS,
    retain: FLAG,
    publishedAt: INSTANT,
    expiresAt: INSTANT,
    publisher: object({ door: TEXT, name: TEXT }),
    payloadBytes: COUNT,
    payload: { type: "string", description: "The payload, if it is UTF-8 text." },
    payloadBase64: { type: "string", description: "The payload, if it is no text." },
  },
  ["expiresAt", "payload", "payloadBase64"],
);

export const LOSS: JsonSchema = object(
  { topic: TEXT, reason: TEXT, publisher: TEXT, since: INSTANT, until: INSTANT, count: COUNT },
  ["publisher"],
);
