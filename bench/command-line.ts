import path from "node:path";
import { parseArgs } from "node:util";

import type { Timing } from "./measure.ts";

interface Row {
  readonly name: string;
  /** In a quick run too. */
  readonly isQuick: boolean;
}

interface Subject {
  readonly name: string;
  /** Why it cannot be measured here; undefined when it can. */
  readonly missing: () => string | undefined;
}

/** What can be measured, and what is unless the command line says. */
export interface Choices<Scenario extends Row, Measured extends Subject> {
  /** How it is called: `npm run bench --` and so on. */
  readonly command: string;
  /** What the subjects are called: "broker", "server". */
  readonly kind: string;
  readonly scenarios: readonly Scenario[];
  readonly subjects: Readonly<Record<string, Measured>>;
  /** The subjects that are measured by default. */
  readonly standard: string;
  readonly rounds: number;
  readonly seconds: number;
  /** What the file with the figures begins with. */
  readonly filePrefix: string;
}

/** What is to be measured, and how. */
export interface Choice<Scenario extends Row, Measured extends Subject> {
  readonly scenarios: readonly Scenario[];
  readonly subjects: readonly Measured[];
  readonly rounds: number;
  readonly timing: Timing;
  /** Where the figures go as JSON. */
  readonly out: string;
}

/**
 * Reads the command line of this process; says what it could be, and returns undefined, when it asks for help or for
 * what is not there.
 */
export function choose<Scenario extends Row, Measured extends Subject>(
  choices: Choices<Scenario, Measured>,
): Choice<Scenario, Measured> | undefined {
  try {
    return parseChoice(process.argv.slice(2), choices);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

/**
 * Reads a command line; undefined when it asks for help, which is printed.
 *
 * @throws RangeError for a name or a number that is none, TypeError for a flag.
 */
export function parseChoice<Scenario extends Row, Measured extends Subject>(
  args: readonly string[],
  choices: Choices<Scenario, Measured>,
): Choice<Scenario, Measured> | undefined {
  const { kind, scenarios, subjects, standard } = choices;
  const { values }: { values: Readonly<Record<string, string | boolean | undefined>> } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      [`${kind}s`]: { type: "string", default: standard },
      rounds: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string", default: "1" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values["help"]) {
    process.stdout.write(helpOf(choices));
    return undefined;
  }
  const text = (flag: string): string | undefined => {
    const value = values[flag];
    return typeof value === "string" ? value : undefined;
  };
  const isQuick = values["quick"] === true;
  const number = (flag: string, usual: number): number => parseNumber(flag, text(flag) ?? String(usual));
  return {
    scenarios: find("row", indexByName(scenarios), text("only")) ?? scenarios.filter((row) => row.isQuick || !isQuick),
    subjects: (find(kind, subjects, text(`${kind}s`)) ?? []).filter(isHere),
    rounds: Math.max(1, number("rounds", isQuick ? 1 : choices.rounds)),
    timing: { seconds: number("seconds", isQuick ? 1 : choices.seconds), warmup: number("warmup", 1) },
    out: path.resolve(text("out") ?? resultsFile(choices.filePrefix)),
  };
}

function helpOf<Scenario extends Row, Measured extends Subject>(choices: Choices<Scenario, Measured>): string {
  const { command, kind, scenarios, subjects, standard, rounds, seconds, filePrefix } = choices;
  return `Usage: ${command} [flags]

  --quick            some of the rows, one round of one second each
  --only NAMES       these rows, separated by commas: ${scenarios.map(({ name }) => name).join(", ")}
  ${`--${kind}s NAMES`.padEnd(17)}  of ${Object.keys(subjects).join(", ")} (${standard})
  --rounds N         rounds, of which the median counts (${rounds})
  --seconds N        length of a measured window (${seconds})
  --warmup N         seconds of load before it (1)
  --out FILE         where the figures go as JSON (bench/results/${filePrefix}DATE.json)
`;
}

function indexByName<Named extends { readonly name: string }>(list: readonly Named[]): Record<string, Named> {
  return Object.fromEntries(list.map((each) => [each.name, each]));
}

/** Those of the given names, separated by commas. */
function find<Named>(what: string, byName: Readonly<Record<string, Named>>, names?: string): Named[] | undefined {
  return names?.split(",").map((name) => {
    const named = byName[name];
    if (named === undefined) {
      throw new RangeError(`no ${what} "${name}"; there are ${Object.keys(byName).join(", ")}`);
    }
    return named;
  });
}

/** Whether it can be measured on this machine; says so when not. */
function isHere({ name, missing }: Subject): boolean {
  const reason = missing();
  if (reason !== undefined) process.stderr.write(`${name} is left out: ${reason}\n`);
  return reason === undefined;
}

function parseNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new RangeError(`--${flag} ${text} is not a number`);
  return value;
}

/** Where the figures go unless the command line says. */
function resultsFile(prefix: string): string {
  const stamp = new Date().toISOString().replaceAll(":", "-").slice(0, 19);
  return path.join(import.meta.dirname, "results", `${prefix}${stamp}.json`);
}
