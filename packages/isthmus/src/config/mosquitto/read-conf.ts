import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../../command.js";

/** One line of a mosquitto.conf: `max_connections 100`. */
export interface Directive {
  readonly name: string;
  /** What follows the name; empty when nothing does. */
  readonly value: string;
  /** Where it stands: `mosquitto.conf:12`. */
  readonly place: string;
}

/** A chain of files that include each other ends here. */
const MAX_INCLUDES = 10;

/**
 * Reads a mosquitto.conf with the files of its `include_dir`s, in their order.
 *
 * @throws UsageError when a file cannot be read
 */
export function readConf(file: string, depth = 0): readonly Directive[] {
  if (depth > MAX_INCLUDES) throw new UsageError(`${file}: the files include each other`);
  return parseConf(readText(file), file).flatMap((directive) => {
    if (directive.name !== "include_dir") return [directive];
    return filesOf(directive).flatMap((included) => readConf(included, depth + 1));
  });
}

/** @throws UsageError when it cannot be read */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}`, "the import needs the files that mosquitto reads");
  }
}

/** Comments and empty lines say nothing. */
function parseConf(text: string, file: string): readonly Directive[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    const [name, value] = splitOnce(line);
    return [{ name, value, place: `${path.basename(file)}:${index + 1}` }];
  });
}

/** mosquitto reads files that end in `.conf`, capital letters before small ones. */
function filesOf({ value, place }: Directive): readonly string[] {
  try {
    const names = readdirSync(value).filter((name) => name.endsWith(".conf"));
    return names.sort().map((name) => path.join(value, name));
  } catch (error) {
    throw new UsageError(`${place}: cannot read ${value}: ${messageOf(error)}`);
  }
}

/** The first word and the rest. */
export function splitOnce(text: string): readonly [first: string, rest: string] {
  const [first = ""] = text.split(/\s+/, 1);
  return [first, text.slice(first.length).trim()];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
