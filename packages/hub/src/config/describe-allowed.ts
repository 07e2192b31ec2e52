import type { JsonSchema } from "./json-schema.js";

/** What may stand where one of `schemas` holds: `a whole number from 0 to 65535 or unlimited`. */
export function describeAllowed(schemas: readonly JsonSchema[]): string {
  const words = schemas.flatMap((schema) => schema.enum ?? (schema.const === undefined ? [] : [schema.const]));
  const kinds = schemas.filter((schema) => schema.enum === undefined && schema.const === undefined).map(describeKind);
  const list = words.length > 1 ? [`one of ${words.join(", ")}`] : words.map(String);
  return [...new Set([...kinds, ...list])].join(" or ");
}

function describeKind(schema: JsonSchema): string {
  switch (schema.type) {
    case "integer":
      return `a whole number${describeRange(schema)}`;
    case "number":
      return `a number${describeRange(schema)}`;
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object":
      return "a mapping of settings";
    default:
      return describeText(schema);
  }
}

function describeText({ format, examples, pattern }: JsonSchema): string {
  if (format === "path") return "a file or folder";
  if (format === "uri") return "a URL";
  if (examples !== undefined) return `a text like ${examples.join(" or ")}`;
  return pattern === undefined ? "a text" : `a text of the form ${pattern}`;
}

function describeRange({ minimum, maximum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of ${minimum} or more`;
  return maximum === undefined ? "" : ` up to ${maximum}`;
}
