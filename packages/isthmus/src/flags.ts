import { UsageError } from "./command.js";

/** One flag of a command: how it is written, what it says, and what reading it does to its value. */
export interface Flag<T> {
  /** As written: `-q`, `--qos`. */
  readonly names: readonly string[];
  /** What stands behind it, for the help; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly help: string;
  /** The value before the flag is read, and without it. */
  readonly initial: T;
  /**
   * The value once the flag is read.
   *
   * @param take the next argument, which belongs to the flag
   * @param name the flag as it was written, for errors
   */
  read(previous: T, take: () => string, name: string): T;
}

/** Flags by the name of their value. */
export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** The values of a table's flags. */
export type FlagValues<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** Flags that belong together, under a heading of the help. */
export interface FlagGroup {
  readonly title: string;
  readonly flags: FlagTable;
}

/** Reads `args`, which hold nothing but flags. @throws UsageError for what is none, or has a wrong value. */
export function parseFlags<F extends FlagTable>(table: F, args: readonly string[], command: string): FlagValues<F> {
  const keyByName = new Map(Object.entries(table).flatMap(([key, { names }]) => names.map((name) => [name, key])));
  const values: Record<string, unknown> = {};
  for (const [key, { initial }] of Object.entries(table)) values[key] = initial;
  for (let at = 0; at < args.length; at++) {
    // `at` is within the list.
    const { name, inlined } = splitArgument(args[at] as string);
    const flag = table[keyByName.get(name) ?? ""];
    const key = keyByName.get(name);
    if (flag === undefined || key === undefined) {
      throw new UsageError(`unknown option "${name}"`, `isthmus ${command} --help lists them`);
    }
    let rest = inlined;
    const take = (): string => {
      const value = rest ?? args[++at];
      rest = undefined;
      if (value === undefined) throw new UsageError(`${name} needs ${flag.placeholder}`, flag.help);
      return value;
    };
    values[key] = flag.read(values[key], take, name);
    if (rest !== undefined) throw new UsageError(`${name} takes no value`, flag.help);
  }
  // Each value is the initial one of its flag, or what the flag has made of it.
  return values as FlagValues<F>;
}

/** `--name=value` is `--name value`. */
function splitArgument(text: string): { name: string; inlined: string | undefined } {
  const equals = text.startsWith("--") ? text.indexOf("=") : -1;
  return equals < 0
    ? { name: text, inlined: undefined }
    : { name: text.slice(0, equals), inlined: text.slice(equals + 1) };
}

/** A flag without a value. */
export function toggle(names: string, help: string): Flag<boolean> {
  return { names: names.split(" "), placeholder: undefined, help, initial: false, read: () => true };
}

/** A flag with a text. */
export function text(names: string, placeholder: string, help: string): Flag<string | undefined> {
  return value(names, placeholder, help, (given) => given);
}

/** A flag with a text, that may be given more than once. */
export function texts(names: string, placeholder: string, help: string): Flag<readonly string[]> {
  const read = (previous: readonly string[], take: () => string): readonly string[] => [...previous, take()];
  return { names: names.split(" "), placeholder, help, initial: [], read };
}

/** A flag with a whole number from `min` to `max`. */
export function integer(
  names: string,
  placeholder: string,
  help: string,
  [min, max]: readonly [min: number, max: number],
): Flag<number | undefined> {
  return value(names, placeholder, help, (given, name) => {
    const number = Number(given);
    if (/^-?\d+$/.test(given) && number >= min && number <= max) return number;
    throw new UsageError(`${name} ${given}: not a whole number from ${min} to ${max}`, help);
  });
}

/** A flag with a number above `min`. */
export function decimal(names: string, placeholder: string, help: string, min: number): Flag<number | undefined> {
  return value(names, placeholder, help, (given, name) => {
    const number = Number(given);
    if (given.trim() !== "" && Number.isFinite(number) && number >= min) return number;
    throw new UsageError(`${name} ${given}: not a number of ${min} or more`, help);
  });
}

/** A flag whose value `parse` makes of its text; it may throw UsageError. */
export function value<T>(
  names: string,
  placeholder: string,
  help: string,
  parse: (given: string, name: string) => T,
): Flag<T | undefined> {
  const read = (_: T | undefined, take: () => string, name: string): T => parse(take(), name);
  return { names: names.split(" "), placeholder, help, initial: undefined, read };
}

/** A flag with one of some words. */
export function oneOf<T extends string>(name: string, placeholder: string, allowed: readonly T[], help: string) {
  return value<T>(name, placeholder, help, (given) => {
    const known = allowed.find((each) => each === given);
    if (known === undefined)
      throw new UsageError(`${name} ${given}: there is no such ${placeholder.toLowerCase()}`, help);
    return known;
  });
}

const HELP_WIDTH = 96;
const MAX_FLAG_WIDTH = 30;

/** The help of a command: what it does, how it is called, its flags by group, examples. */
export function renderHelp(help: {
  readonly summary: string;
  readonly usage: readonly string[];
  readonly groups: readonly FlagGroup[];
  readonly examples: readonly string[];
  /** What the exit codes mean. */
  readonly exitCodes: readonly string[];
}): string {
  const rows = help.groups.flatMap(({ flags }) => Object.values(flags).map((flag) => heading(flag).length));
  const width = Math.min(MAX_FLAG_WIDTH, Math.max(...rows)) + 2;
  const groups = help.groups.map(
    ({ title, flags }) =>
      `${title}:\n${Object.values(flags)
        .map((flag) => renderFlag(flag, width))
        .join("")}`,
  );
  const usage = help.usage.map((line, index) => `${index === 0 ? "Usage: " : "       "}${line}\n`).join("");
  const examples = help.examples.map((line) => `  ${line}\n`).join("");
  return `${help.summary}\n\n${usage}\n${groups.join("\n")}\nExamples:\n${examples}\nExit code:\n${help.exitCodes.map((line) => `  ${line}\n`).join("")}`;
}

function heading({ names, placeholder }: Flag<unknown>): string {
  const spelled = names.join(", ");
  // Long names without a short one line up with the long names of the others.
  const indented = spelled.startsWith("--") ? `    ${spelled}` : spelled;
  return placeholder === undefined ? indented : `${indented} ${placeholder}`;
}

function renderFlag(flag: Flag<unknown>, width: number): string {
  const head = heading(flag);
  const lines = wrap(flag.help, HELP_WIDTH - width - 2);
  const [first = "", ...rest] = head.length > width - 2 ? ["", ...lines] : lines;
  const indent = " ".repeat(width + 2);
  return `${`  ${head.padEnd(width)}${first}`.trimEnd()}\n${rest.map((line) => `${indent}${line}\n`).join("")}`;
}

function wrap(sentence: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of sentence.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
