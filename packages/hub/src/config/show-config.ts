import { stringify } from "yaml";
import type { ConfigPath } from "./config-path.js";
import { configJsonSchema } from "./config-schema.js";
import { type JsonSchema, schemasAt } from "./json-schema.js";

const MASK = "********";

/** A configuration as YAML, without its secrets. */
export function showConfig(config: unknown): string {
  return stringify(masked(config, [], configJsonSchema()), { lineWidth: 0 });
}

function masked(value: unknown, path: ConfigPath, schema: JsonSchema): unknown {
  if (schemasAt(schema, path).some(({ writeOnly }) => writeOnly)) return MASK;
  if (value === Number.POSITIVE_INFINITY) return "unlimited";
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) return value.map((entry, index) => masked(entry, [...path, index], schema));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, [...path, key], schema)]));
}

/** The password of a URL: `mqtt://user:********@host`. */
function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#]*@/i, `$1:${MASK}@`);
}
