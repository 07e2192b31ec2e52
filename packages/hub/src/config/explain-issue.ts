import type { z } from "zod";
import { type ConfigPath, formatPath, valueAt } from "./config-path.js";
import { describeAllowed } from "./describe-allowed.js";
import { nearest } from "./did-you-mean.js";
import { type JsonSchema, keysOf, schemasAt, variantsFor, variantsOf } from "./json-schema.js";

/** What is wrong at a place of the configuration. */
export interface Explanation {
  readonly path: ConfigPath;
  /** The key that should not be there. */
  readonly key?: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Says what an issue means: what was found, what is allowed, and what was probably meant. */
export function explainIssue(issue: z.core.$ZodIssue, tree: unknown, schema: JsonSchema): readonly Explanation[] {
  // Keys of mappings are texts and those of lists are numbers.
  const path = issue.path as ConfigPath;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => explainKey(key, path, tree, schema));
    case "invalid_union":
      // An entry of a list says what it is by one of its keys, and that is missing or wrong.
      if (issue.discriminator !== undefined) return [explainChoice(issue.discriminator, path, tree, schema)];
      return explainUnion(issue, path, tree, schema);
    case "custom":
      return [{ path, message: `${formatPath(path)}: ${issue.message}`, hint: hintOf(issue) }];
    default:
      return [explainValue(path, valueAt(tree, path), fittingSchemas(schema, path, tree))];
  }
}

function hintOf({ params }: z.core.$ZodIssueCustom): string | undefined {
  const hint: unknown = params?.["hint"];
  return typeof hint === "string" ? hint : undefined;
}

/** More keys than that are no help in an error. */
const MAX_LISTED_KEYS = 16;

function explainKey(key: string, path: ConfigPath, tree: unknown, schema: JsonSchema): Explanation {
  const message = `${formatPath([...path, key])}: there is no such setting`;
  const keys = keysOf(fittingSchemas(schema, path, tree));
  const meant = nearest(key, keys);
  if (meant !== undefined) return { path, key, message, hint: `did you mean ${meant}?` };
  const elsewhere = placesOf(key, schema);
  if (elsewhere.length > 0) return { path, key, message, hint: `${key} stands in ${elsewhere.join(" and ")}` };
  const hint =
    keys.length <= MAX_LISTED_KEYS ? `one of ${keys.join(", ")}` : "docs/configuration.md lists the settings";
  return { path, key, message, hint };
}

/** Where a key of this name may stand. */
function placesOf(key: string, schema: JsonSchema, place = ""): string[] {
  const places = variantsOf(schema).flatMap(({ properties, items }) => [
    ...Object.entries(properties ?? {}).flatMap(([name, inner]) => {
      const here = place === "" ? name : `${place}.${name}`;
      return [...(name === key ? [here] : []), ...placesOf(key, inner, here)];
    }),
    ...(items === undefined ? [] : placesOf(key, items, `${place}[]`)),
  ]);
  return [...new Set(places)];
}

function explainChoice(key: string, path: ConfigPath, tree: unknown, schema: JsonSchema): Explanation {
  const full = path.at(-1) === key ? path : [...path, key];
  return explainValue(full, valueAt(tree, full), schemasAt(schema, full));
}

/** What is wrong with the variant that the value comes nearest to, when it is more than its type. */
function explainUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: ConfigPath,
  tree: unknown,
  schema: JsonSchema,
): readonly Explanation[] {
  const inner = issue.errors
    .filter((issues) => issues.every((each) => each.path.length > 0))
    .sort((a, b) => a.length - b.length)[0];
  if (inner === undefined) return [explainValue(path, valueAt(tree, path), schemasAt(schema, path))];
  return inner.flatMap((each) => explainIssue({ ...each, path: [...path, ...each.path] }, tree, schema));
}

function explainValue(path: ConfigPath, value: unknown, schemas: readonly JsonSchema[]): Explanation {
  const where = path.length === 0 ? "the configuration" : formatPath(path);
  const description = schemas.find((schema) => schema.description !== undefined)?.description;
  const about = description === undefined ? undefined : `${path.at(-1)}: ${description}`;
  if (value === undefined) return { path, message: `${where} is missing: ${describeAllowed(schemas)}`, hint: about };
  const isSecret = schemas.some(({ writeOnly }) => writeOnly);
  const found = isSecret ? "what stands there" : describeValue(value);
  return {
    path,
    message: `${where}: ${found} is not ${describeAllowed(schemas)}`,
    hint: hintFor(value, schemas) ?? about,
  };
}

function hintFor(value: unknown, schemas: readonly JsonSchema[]): string | undefined {
  if (typeof value !== "string") return undefined;
  if (schemas.some(({ type }) => type === "boolean")) {
    if (/^(yes|on|y)$/i.test(value)) return "did you mean true?";
    if (/^(no|off|n)$/i.test(value)) return "did you mean false?";
  }
  const words = schemas.flatMap((schema) => schema.enum ?? [schema.const]).filter((word) => typeof word === "string");
  const meant = nearest(value, words);
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}

/** The schemas at `path`, those of entries of a list narrowed to what the entry is. */
function fittingSchemas(schema: JsonSchema, path: ConfigPath, tree: unknown): readonly JsonSchema[] {
  let schemas = variantsOf(schema);
  for (let depth = 0; depth < path.length; depth++) {
    const [step = ""] = path.slice(depth);
    schemas = variantsFor(schemas, valueAt(tree, path.slice(0, depth))).flatMap((each) => schemasAt(each, [step]));
  }
  return variantsFor(schemas, valueAt(tree, path));
}

const SHOWN_CHARACTERS = 60;

function describeValue(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
