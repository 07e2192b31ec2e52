/** One thing that is wrong with a configuration, and what to do about it. */
export interface ConfigProblem {
  /** The file or the environment variable that says so. */
  readonly source: string;
  /** From 1; undefined outside of files. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A configuration that cannot be used. Nothing was changed on its account. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** `file:line:column: what is wrong`, and the hint on a line of its own. */
export function formatProblem({ source, line, column, message, hint }: ConfigProblem): string {
  const place = line === undefined ? source : `${source}:${line}:${column}`;
  return hint === undefined ? `${place}: ${message}` : `${place}: ${message}\n  ${hint}`;
}
