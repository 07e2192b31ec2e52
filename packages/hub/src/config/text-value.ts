import { parse, YAMLParseError } from "yaml";
import { accepts, type JsonSchema } from "./json-schema.js";

/**
 * The value that a text from the environment stands for, where one of `schemas` holds: `1883` is a number for a port and
 * a text for a password; `a,b` is a list where a list belongs.
 */
export function parseTextValue(text: string, schemas: readonly JsonSchema[]): unknown {
  const value = parseYaml(text);
  if (accepts(schemas, value)) return value;
  if (accepts(schemas, text)) return text;
  if (accepts(schemas, [])) return text.split(",").map((entry) => entry.trim());
  return value;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) return text;
    throw error;
  }
}
