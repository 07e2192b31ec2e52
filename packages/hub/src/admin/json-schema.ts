/** The part of JSON Schema (2020-12) that the API is described in, and checked against. */
export interface JsonSchema {
  readonly type: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: JsonSchema;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: string | number | boolean;
}

/** What is wrong with `value`, each as a sentence that names the place; nothing when all is well. */
export function findErrors(schema: JsonSchema, value: unknown, place = "the body"): string[] {
  if (!isOfType(schema.type, value)) return [`${place} is ${typeName(value)}, not ${article(schema.type)}`];
  if (schema.enum !== undefined && !schema.enum.some((allowed) => allowed === value)) {
    return [`${place} is none of ${schema.enum.join(", ")}`];
  }
  if (typeof value === "number") return rangeErrors(schema, value, place);
  if (typeof value === "string") return lengthErrors(schema, value, place);
  if (Array.isArray(value)) return arrayErrors(schema, value, place);
  if (typeof value === "object" && value !== null) return objectErrors(schema, value, place);
  return [];
}

/** What a text of a URL stands for: the number or truth value that `schema` asks for, else the text itself. */
export function parseText({ type }: JsonSchema, text: string): unknown {
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if ((type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}

function isOfType(type: JsonSchema["type"], value: unknown): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
  }
}

function rangeErrors({ minimum = -Infinity, maximum = Infinity }: JsonSchema, value: number, place: string): string[] {
  if (value < minimum) return [`${place} is ${value}, below ${minimum}`];
  return value > maximum ? [`${place} is ${value}, above ${maximum}`] : [];
}

function lengthErrors({ maxLength = Infinity }: JsonSchema, { length }: string, place: string): string[] {
  return length > maxLength ? [`${place} has ${length} characters, more than ${maxLength}`] : [];
}

function arrayErrors(schema: JsonSchema, value: readonly unknown[], place: string): string[] {
  const { items, minItems = 0, maxItems = Infinity } = schema;
  if (value.length < minItems || value.length > maxItems) {
    return [`${place} has ${value.length} items, not ${minItems} to ${maxItems}`];
  }
  return items === undefined ? [] : value.flatMap((item, index) => findErrors(items, item, `${place}[${index}]`));
}

function objectErrors(schema: JsonSchema, value: object, place: string): string[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const entries = Object.entries(value);
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${place} lacks ${name}`);
  const unknown = entries.filter(([name]) => additionalProperties === false && !Object.hasOwn(properties, name));
  const inner = entries.flatMap(([name, each]) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return property === undefined ? [] : findErrors(property, each, name);
  });
  return [...missing, ...unknown.map(([name]) => `${place} has ${name}, which means nothing`), ...inner];
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return article(Array.isArray(value) ? "array" : typeof value);
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
