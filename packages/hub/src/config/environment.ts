import type { ConfigPath } from "./config-path.js";
import type { ConfigProblem } from "./config-problem.js";
import { nearest } from "./did-you-mean.js";
import { type JsonSchema, keysOf, schemasAt } from "./json-schema.js";
import { parseTextValue } from "./text-value.js";

const PREFIX = "ISTHMUS_";
/** Names the configuration file itself. */
export const CONFIG_FILE_VARIABLE = "ISTHMUS_CONFIG";

/** A setting from the environment. */
export interface EnvironmentSetting {
  readonly name: string;
  readonly path: ConfigPath;
  readonly value: unknown;
}

/** What the environment says, what it says wrongly, and variables that only look like settings. */
export interface EnvironmentLayer {
  readonly settings: readonly EnvironmentSetting[];
  readonly problems: readonly ConfigProblem[];
  readonly ignored: readonly string[];
}

/**
 * Reads `ISTHMUS_LIMITS__MAX_QUEUED_MESSAGES=100` as `limits.max_queued_messages`, and `ISTHMUS_LISTENERS__0__PORT` as
 * `listeners[0].port`. A variable whose first word is no section is ignored: a cluster sets `ISTHMUS_PORT` and the like
 * for a service of this name.
 */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  schema: JsonSchema,
): EnvironmentLayer {
  const layer = { settings: [] as EnvironmentSetting[], problems: [] as ConfigProblem[], ignored: [] as string[] };
  for (const name of Object.keys(environment).filter(isSetting).sort()) {
    const text = environment[name];
    if (text === undefined) continue;
    const words = name.slice(PREFIX.length).split("__");
    const found = findPath(schema, words);
    if ("path" in found) {
      layer.settings.push({ name, path: found.path, value: parseTextValue(text, schemasAt(schema, found.path)) });
    } else if (found.depth === 0) layer.ignored.push(name);
    else layer.problems.push({ source: name, message: `there is no setting "${found.word}"`, hint: found.hint });
  }
  return layer;
}

function isSetting(name: string): boolean {
  return name.startsWith(PREFIX) && name !== CONFIG_FILE_VARIABLE;
}

type Found = { readonly path: ConfigPath } | { readonly depth: number; readonly word: string; readonly hint: string };

function findPath(schema: JsonSchema, words: readonly string[]): Found {
  const path: (string | number)[] = [];
  for (const [depth, word] of words.entries()) {
    const schemas = schemasAt(schema, path);
    const step =
      /^\d+$/.test(word) && schemas.some(({ items }) => items !== undefined) ? Number(word) : word.toLowerCase();
    if (schemasAt(schema, [...path, step]).length === 0) {
      const keys = keysOf(schemas);
      const meant = nearest(word, keys);
      const spelled = [...words.slice(0, depth), meant ?? "..."].join("__").toUpperCase();
      const hint = meant === undefined ? `one of ${keys.join(", ")}` : `did you mean ${PREFIX}${spelled}?`;
      return { depth, word, hint };
    }
    path.push(step);
  }
  return { path };
}
