import type { ConfigPath } from "./config-path.js";

/** A JSON Schema, as far as the configuration uses it. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
  /** The value is a secret: it is written, and never shown. */
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** The schemas that a value may follow: more than one where the schema leaves a choice. */
export function variantsOf(schema: JsonSchema): readonly JsonSchema[] {
  const { description } = schema;
  const choices = schema.anyOf ?? schema.oneOf;
  return choices?.flatMap(variantsOf).map((choice) => ({ description, ...choice })) ?? [schema];
}

/** The schemas that a value at `path` may follow; none where nothing may stand. */
export function schemasAt(root: JsonSchema, path: ConfigPath): readonly JsonSchema[] {
  let schemas = variantsOf(root);
  for (const step of path) {
    schemas = schemas
      .map((schema) => (typeof step === "number" ? schema.items : schema.properties?.[step]))
      .filter((schema) => schema !== undefined)
      .flatMap(variantsOf);
  }
  return schemas;
}

/** The keys that may stand in a mapping that follows one of `schemas`. */
export function keysOf(schemas: readonly JsonSchema[]): readonly string[] {
  return [...new Set(schemas.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

/**
 * The variant that an entry of a list is: the one whose `type`, or another constant, the entry has.
 * All of them when it has none.
 */
export function variantsFor(schemas: readonly JsonSchema[], value: unknown): readonly JsonSchema[] {
  if (typeof value !== "object" || value === null) return schemas;
  const fitting = schemas.filter(({ properties }) =>
    Object.entries(properties ?? {}).every(
      ([key, inner]) => inner.const === undefined || inner.const === Reflect.get(value, key),
    ),
  );
  return fitting.length > 0 ? fitting : schemas;
}

/** Whether a value of the type of `value` may stand where one of `schemas` holds. */
export function accepts(schemas: readonly JsonSchema[], value: unknown): boolean {
  return schemas.some((schema) => {
    if (schema.const !== undefined) return typeof schema.const === typeof value;
    if (schema.enum !== undefined) return schema.enum.some((allowed) => typeof allowed === typeof value);
    if (Array.isArray(value)) return schema.type === "array";
    if (typeof value === "number") return schema.type === "number" || schema.type === "integer";
    return schema.type === typeof value;
  });
}
