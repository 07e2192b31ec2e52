import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readStatements, type Side, type Standard, type Statement } from "./statements.ts";
import { sidesOf, type Tag, tagsOfCode, tagsOfTests } from "./tags.ts";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));
/** The packages that MQTT is made of. */
const NAMES = ["bytes", "exchange", "hub", "mqtt"];

const COMMENT = /^\s*(?:\/\/|\/?\*).*$/gm;

/** A tag and the file, by its path below `packages`, that it stands in. */
interface Finding extends Tag {
  readonly file: string;
}

/** What the tree says of the statements of one standard. */
export interface Conformance {
  readonly standard: Standard;
  readonly statements: readonly Statement[];
  /** Tests, by number. */
  readonly tests: ReadonlyMap<string, readonly Finding[]>;
  /** Code, by number. */
  readonly code: ReadonlyMap<string, readonly Finding[]>;
}

/** Reads the statements of a standard, and what tests and code say of them. */
export function readConformance(standard: Standard): Conformance {
  const isOfStandard = (finding: Finding): boolean => finding.standard === standard;
  return {
    standard,
    statements: readStatements(standard),
    tests: Map.groupBy(findings("test", tagsOfTests).filter(isOfStandard), ({ number }) => number),
    code: Map.groupBy(findings("src", tagsOfCode).filter(isOfStandard), ({ number }) => number),
  };
}

function findings(folder: "test" | "src", tagsOf: (text: string) => Tag[]): Finding[] {
  return NAMES.flatMap((name) => sources(`${name}/${folder}`)).flatMap((file) => {
    try {
      const text = readFileSync(PACKAGES + file, "utf8");
      // What helps tests is no test, but it may hold a table of them.
      const isHelp = folder === "test" && !file.endsWith(".test.ts");
      return tagsOf(isHelp ? text.replaceAll(COMMENT, "") : text).map((tag) => ({ ...tag, file }));
    } catch (cause) {
      throw new SyntaxError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  });
}

function sources(folder: string): string[] {
  return readdirSync(PACKAGES + folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file.split(path.sep).join("/")}`)
    .sort();
}

/** The sides of a statement that neither a test shows nor a reason excuses. */
export function sidesWithoutEntry({ tests }: Conformance, statement: Statement): Side[] {
  const found = tests.get(statement.number) ?? [];
  return statement.sides.filter(
    (side) => !statement.reasonBySide.has(side) && !found.some(({ file }) => sidesOf(file)?.includes(side)),
  );
}

/** Statements that are named somewhere but that the standard does not have, with the file. */
export function unknownStatements({ statements, tests, code }: Conformance): string[] {
  const known = new Set(statements.map(({ number }) => number));
  return [...tests, ...code]
    .filter(([number]) => !known.has(number))
    .flatMap(([number, found]) => found.map(({ file }) => `${number} in ${file}`));
}

/** Where the page of a standard is. */
export function pagePath(standard: Standard): string {
  const name = standard === "5.0" ? "conformance-mqtt-5.md" : "conformance-mqtt-3.1.1.md";
  return fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
}

/** More tests than these are counted, not listed. */
const LISTED_TESTS = 4;

/** The page of a standard, in Markdown. */
export function formatPage(conformance: Conformance): string {
  const { standard, statements } = conformance;
  const excused = statements.filter(({ sides, reasonBySide }) => sides.every((side) => reasonBySide.has(side)));
  const lines = [
    `# Conformance to MQTT ${standard}`,
    "",
    `Each of the ${statements.length} normative statements of MQTT ${standard}, in a few words of our own, with the tests that show`,
    `it for the side that it binds, and the code that names it. ${excused.length} do not arise here; the reason stands in their row.`,
    "",
    "This page is written by `npm run conformance` from the tags in tests and code, such as `[MQTT-3.1.2-22]`; a test fails",
    "when a statement has no entry, or the page is not what the tags say.",
    "",
    "| statement | binds | what it says | shown by | code |",
    "| --- | --- | --- | --- | --- |",
    ...statements.map((statement) => formatRow(conformance, statement)),
    "",
  ];
  return lines.join("\n");
}

function formatRow({ tests, code }: Conformance, statement: Statement): string {
  const { number, sides, summary, reasonBySide } = statement;
  const shown = unique((tests.get(number) ?? []).map(({ title = "", file }) => link(title, file)));
  const more = shown.length > LISTED_TESTS ? [`and ${shown.length - LISTED_TESTS} more`] : [];
  const reasons = [...reasonBySide].map(([side, reason]) => (sides.length > 1 ? `${side}: ${reason}` : reason));
  const files = unique((code.get(number) ?? []).map(({ file }) => link(path.basename(file), file)));
  const cells = [
    `MQTT-${number}`,
    sides.length > 1 ? "both" : (sides[0] ?? ""),
    summary,
    [...shown.slice(0, LISTED_TESTS), ...more, ...reasons].join("<br>"),
    files.join("<br>"),
  ];
  return `| ${cells.join(" | ")} |`;
}

function link(text: string, file: string): string {
  return `[${text.replaceAll(/[|[\]<>*_`\\]/g, String.raw`\$&`)}](../packages/${file})`;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
