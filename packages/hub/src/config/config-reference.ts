import { configJsonSchema } from "./config-schema.js";
import { describeAllowed } from "./describe-allowed.js";
import { type JsonSchema, variantsOf } from "./json-schema.js";

interface Row {
  readonly key: string;
  /** Which entries of a list it is about: `mqtt`; none: all. */
  readonly kinds: readonly string[];
  readonly allowed: string;
  readonly standard: string;
  readonly description: string;
}

/** Every setting of the configuration as Markdown tables, a section each: what docs/configuration.md shows. */
export function configReference(): string {
  const sections = Object.entries(configJsonSchema().properties ?? {});
  return sections
    .map(([key, schema]) => `### \`${key}\`\n\n${schema.description ?? ""}.\n\n${table(merge(rowsOf(key, schema)))}`)
    .join("\n");
}

/** A setting and what is within it; entries of lists as `key[]`, and what is of one variant alone names it. */
function rowsOf(key: string, schema: JsonSchema, kind?: string): Row[] {
  const variants = variantsOf(schema);
  const containers = variants.filter(({ properties, items }) => properties !== undefined || items !== undefined);
  const own = isPlainContainer(schema, variants) ? [] : [rowOf(key, schema, variants, kind)];
  // Settings of a listener that are those of `access` once more.
  if (key.endsWith(".access")) return own;
  const inner = containers.flatMap((variant) => {
    const innerKind = containers.length > 1 ? kindOf(variant) : kind;
    if (variant.items !== undefined)
      return isPlainList(variant.items) ? [] : rowsOf(`${key}[]`, variant.items, innerKind);
    return Object.entries(variant.properties ?? {}).flatMap(([name, each]) =>
      rowsOf(`${key}.${name}`, each, innerKind),
    );
  });
  return [...own, ...inner];
}

/** A mapping or a list of mappings, which says nothing but what its own settings say. */
function isPlainContainer({ description }: JsonSchema, variants: readonly JsonSchema[]): boolean {
  return description === undefined && variants.every(({ properties }) => properties !== undefined);
}

function isPlainList(items: JsonSchema): boolean {
  return variantsOf(items).every(({ properties }) => properties === undefined);
}

/** The constant by which an entry of a list says what it is: `mqtt`. */
function kindOf({ properties }: JsonSchema): string | undefined {
  const constant = Object.values(properties ?? {}).find((each) => each.const !== undefined)?.const;
  return typeof constant === "string" ? constant : undefined;
}

/** What is said of several kinds in the same words is said once. */
function merge(rows: readonly Row[]): Row[] {
  const rowByText = new Map<string, Row>();
  for (const row of rows) {
    const text = [row.key, row.allowed, row.standard, row.description].join("\0");
    const same = rowByText.get(text);
    rowByText.set(text, same === undefined ? row : { ...same, kinds: [...same.kinds, ...row.kinds] });
  }
  return [...rowByText.values()];
}

function rowOf(key: string, schema: JsonSchema, variants: readonly JsonSchema[], kind: string | undefined): Row {
  const standard = ["string", "number", "boolean"].includes(typeof schema.default)
    ? `\`${String(schema.default)}\``
    : "";
  return {
    key: `\`${key}\``,
    kinds: kind === undefined ? [] : [kind],
    allowed: describeAllowed(variants),
    standard,
    description: schema.description ?? variants[0]?.description ?? "",
  };
}

function table(rows: readonly Row[]): string {
  const cells = [
    ["setting", "what may stand there", "default", "what it is"],
    ...rows.map(({ key, kinds, allowed, standard, description }) => [
      key,
      allowed,
      standard,
      kinds.length === 0 ? description : `${kinds.join(", ")}: ${description}`,
    ]),
  ].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  const [head = [], ...body] = lines;
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...body].map((row) => `| ${row.join(" | ")} |\n`).join("");
}
