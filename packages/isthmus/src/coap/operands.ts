import { type FlagTable, type FlagValues, parseFlags } from "../flags.js";

/** What a command line says: flags, and the words between them. */
export interface ParsedArguments<F extends FlagTable> {
  readonly values: FlagValues<F>;
  readonly operands: readonly string[];
}

/** Reads flags and operands in any order; what follows `--` is operands. @throws UsageError as {@link parseFlags} does. */
export function parseArguments<F extends FlagTable>(
  table: F,
  args: readonly string[],
  command: string,
): ParsedArguments<F> {
  const takesValue = new Map(Object.values(table).flatMap(({ names, placeholder }) => names.map((name) => [name, placeholder !== undefined]))); // prettier-ignore
  const flags: string[] = [];
  const operands: string[] = [];
  const end = args.indexOf("--");
  const read = end < 0 ? args : args.slice(0, end);
  for (let at = 0; at < read.length; at++) {
    // `at` is within the list.
    const argument = read[at] as string;
    if (!argument.startsWith("-") || argument === "-") {
      operands.push(argument);
      continue;
    }
    flags.push(argument);
    const next = read[at + 1];
    if (takesValue.get(argument) !== true || next === undefined) continue;
    flags.push(next);
    at++;
  }
  if (end >= 0) operands.push(...args.slice(end + 1));
  return { values: parseFlags(table, flags, command), operands };
}
