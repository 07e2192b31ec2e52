/** What a command gets to work with. Tests give their own streams. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Aborted when the user or a supervisor asks the program to stop. */
  readonly signal: AbortSignal;
}

/** One command of the command line. A module in `commands/` exports it as `command`. */
export interface Command {
  /** How it is called, and what each flag does. */
  readonly help: string;
  /** @returns the exit code. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
  /** For a command that has commands of its own: the one that is asked for, and what is left for it. */
  resolve?(args: readonly string[]): Promise<{ command: Command; args: readonly string[] } | undefined>;
}

/** The user asked for something that cannot be done: the message says what, the hint what to do instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
