import { readFileSync } from "node:fs";
import path from "node:path";

/** A reference that leads nowhere. */
export class BrokenReferenceError extends Error {
  override readonly name = "BrokenReferenceError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Whether `text` refers to something. */
export function hasReferences(text: string): boolean {
  return text.includes("${");
}

/**
 * Puts in what a text of the file refers to: `${NAME}` is a variable of the environment, `${file:PATH}` the content of
 * a file without the end of its last line, and `$${` stands for `${` itself.
 *
 * @throws BrokenReferenceError
 */
export function resolveReferences(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): string {
  return text.replaceAll(/\$\$\{|\$\{([^}]*)\}/g, (whole, name: string | undefined) => {
    if (name === undefined) return whole.slice(1);
    return name.startsWith("file:") ? readText(path.resolve(folder, name.slice(5))) : variable(name, environment);
  });
}

function variable(name: string, environment: Readonly<Record<string, string | undefined>>): string {
  const value = environment[name];
  if (value !== undefined) return value;
  throw new BrokenReferenceError(
    `\${${name}}: there is no such variable`,
    `set ${name}, or write $\${ for a plain \${`,
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BrokenReferenceError(`cannot read ${file}: ${reason}`, "the hub's user must be able to read it");
  }
}
