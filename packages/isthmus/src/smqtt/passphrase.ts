import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { type Terminal, UsageError } from "../command.js";

/** Whose passphrase is meant, and where it may come from. */
export interface PassphraseSource {
  /** What the passphrase opens, for the prompt and for errors. */
  readonly what: string;
  /** The flag that names a file, and the file that it named. */
  readonly flag: string;
  readonly file: string | undefined;
  /** The environment variable that may hold it. */
  readonly variable: string;
}

/**
 * A passphrase: the first line of the file that the flag names, else the environment's, else asked for at the terminal.
 *
 * @param isNew asks twice, and takes no empty one.
 * @throws UsageError when there is none.
 */
export async function readPassphrase(
  { what, flag, file, variable }: PassphraseSource,
  terminal: Terminal,
  isNew: boolean,
): Promise<string> {
  const passphrase =
    fromFile(flag, file) ?? process.env[variable] ?? (await ask(what, flag, variable, terminal, isNew));
  if (passphrase === "")
    throw new UsageError(`the passphrase of ${what} is empty`, "whoever gets the file could read it");
  return passphrase;
}

function fromFile(flag: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8").split(/\r?\n/, 1)[0];
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function ask(what: string, flag: string, variable: string, terminal: Terminal, isNew: boolean): Promise<string> {
  if (!("isTTY" in terminal.stdin) || terminal.stdin.isTTY !== true) {
    throw new UsageError(
      `the passphrase of ${what} is needed, and nobody is there to type it`,
      `${flag} FILE, or ${variable}`,
    );
  }
  const given = await askOnce(`Passphrase of ${what}: `, terminal);
  if (isNew && (await askOnce("The same again: ", terminal)) !== given) {
    throw new UsageError("the two passphrases are not the same", "nothing was written: try again");
  }
  return given;
}

/** One line of the terminal, which shows nothing of it. */
async function askOnce(prompt: string, { stdin, stderr, signal }: Terminal): Promise<string> {
  stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, signal });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new UsageError("no passphrase was given")));
    });
  } finally {
    lines.close();
    stderr.write("\n");
  }
}
