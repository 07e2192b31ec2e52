import { readFileSync } from "node:fs";
import path from "node:path";
import { ConfigDocument, type FileText } from "./config-document.js";
import { type ConfigPath, formatPath, isWithin } from "./config-path.js";
import { ConfigError, type ConfigProblem } from "./config-problem.js";
import { type Config, configJsonSchema, configSchema } from "./config-schema.js";
import { type EnvironmentSetting, readEnvironment } from "./environment.js";
import { type Explanation, explainIssue } from "./explain-issue.js";
import { type JsonSchema, schemasAt } from "./json-schema.js";
import { hasReferences, BrokenReferenceError, resolveReferences } from "./references.js";
import { parseTextValue } from "./text-value.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a configuration comes from. What is named later wins. */
export interface ConfigSources {
  /** The YAML file; without one all is default. */
  readonly file?: string | undefined;
  /** `ISTHMUS_...` variables, and what the file's references name. */
  readonly environment?: Environment | undefined;
}

/** A configuration that was read and checked. */
export interface LoadedConfig {
  /** With all defaults. */
  readonly config: Config;
  /** What file and environment say of it. */
  readonly given: unknown;
  /** `ISTHMUS_` variables that are no settings. */
  readonly ignored: readonly string[];
}

/**
 * Reads the configuration: the file, over it the environment, under it the defaults.
 *
 * @throws ConfigError with all that is wrong, each with its place
 */
export function loadConfig({ file, environment = {} }: ConfigSources): LoadedConfig {
  const schema = configJsonSchema();
  const layer = readEnvironment(environment, schema);
  const document = file === undefined ? undefined : ConfigDocument.parse(file, readConfigFile(file));
  const written = document === undefined ? { tree: {}, problems: [] } : readTree(document, environment, schema);
  const tree = layer.settings.reduce((given, setting) => withValue(given, setting.path, setting.value), written.tree);
  const parsed = configSchema.safeParse(tree);
  const issues = parsed.success ? [] : parsed.error.issues;
  const problems = [
    ...written.problems,
    ...layer.problems,
    ...issues
      .flatMap((issue) => explainIssue(issue, tree, schema))
      .map((explanation) => locateProblem(explanation, document, layer.settings))
      // A reference that leads nowhere is told once.
      .filter((problem) => !written.problems.some(({ line, column }) => isSamePlace(problem, line, column))),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems.toSorted(byPlace));
  return { config: parsed.data, given: tree, ignored: layer.ignored };
}

function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function isSamePlace(problem: ConfigProblem, line: number | undefined, column: number | undefined): boolean {
  return line !== undefined && problem.line === line && problem.column === column;
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([
      {
        source: file,
        message: `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        hint: "isthmus serve --config FILE names the configuration; without one, defaults and flags hold",
      },
    ]);
  }
}

/** What the file says, with its references resolved and its relative paths made absolute. */
function readTree(
  document: ConfigDocument,
  environment: Environment,
  schema: JsonSchema,
): { tree: unknown; problems: readonly ConfigProblem[] } {
  const folder = path.dirname(path.resolve(document.file));
  const problems: ConfigProblem[] = [];
  let tree = withoutEmptySections(document.toTree(), schema);
  for (const text of document.texts()) {
    try {
      tree = withValue(tree, text.path, resolveText(text, environment, schema, folder));
    } catch (error) {
      if (!(error instanceof BrokenReferenceError)) throw error;
      const { message, hint } = error;
      const where = formatPath(text.path);
      problems.push({ source: document.file, ...document.locate(text.path), message: `${where}: ${message}`, hint });
    }
  }
  return { tree, problems };
}

/** A section whose lines are all commented out says nothing. */
function withoutEmptySections(tree: unknown, schema: JsonSchema): unknown {
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return tree;
  const isEmptySection = (key: string, value: unknown): boolean =>
    value === null && schemasAt(schema, [key]).some(({ type }) => type === "object");
  return Object.fromEntries(Object.entries(tree).filter(([key, value]) => !isEmptySection(key, value)));
}

function resolveText(text: FileText, environment: Environment, schema: JsonSchema, folder: string): unknown {
  const schemas = schemasAt(schema, text.path);
  const value = hasReferences(text.text)
    ? parseTextValue(resolveReferences(text.text, environment, folder), schemas)
    : text.text;
  if (typeof value !== "string" || schemas.some((each) => each.const === value)) return value;
  return schemas.some(({ format }) => format === "path") ? path.resolve(folder, value) : value;
}

/** `tree` with `value` at `path`; what is on the way is copied, and made where it is missing. */
function withValue(tree: unknown, path: ConfigPath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list: readonly unknown[] = Array.isArray(tree) ? tree : [];
    return [...list.slice(0, step), withValue(list[step], rest, value), ...list.slice(step + 1)];
  }
  const mapping = typeof tree === "object" && tree !== null && !Array.isArray(tree) ? tree : {};
  return { ...mapping, [step]: withValue(Reflect.get(mapping, step), rest, value) };
}

function locateProblem(
  { path, key, message, hint }: Explanation,
  document: ConfigDocument | undefined,
  settings: readonly EnvironmentSetting[],
): ConfigProblem {
  const full = key === undefined ? path : [...path, key];
  const setting = settings.findLast((each) => isWithin(full, each.path) || isWithin(each.path, full));
  if (setting !== undefined) return { source: setting.name, message, hint };
  if (document === undefined) return { source: "the environment", message, hint };
  return { source: document.file, ...document.locate(path, key), message, hint };
}
