import { readFile } from "node:fs/promises";
import {
  deriveScramSecret,
  hashPassword,
  isUserName,
  parsePasswordFile,
  PasswordFileError,
  replacePrivateFile,
  withSecret,
} from "@isthmus/hub/passwords";
import { type Command, type Terminal, UsageError } from "../command.js";
import { type FlagGroup, integer, parseFlags, renderHelp, toggle } from "../flags.js";
import { SecretInput } from "../secret-input.js";

const FLAGS = {
  create: toggle("-c --create", "start a new file; one that exists is replaced"),
  batch: toggle("-b --batch", "take the password from the command line, where others on this machine can see it"),
  remove: toggle("-D --delete", "delete the user"),
  scram: toggle("--scram", "keep keys for SCRAM-SHA-256, so that the password need not be sent (MQTT 5.0)"),
  iterations: integer(
    "--iterations",
    "N",
    "SCRAM: rounds for each login, on the client's side (32768)",
    [4096, 10_000_000],
  ),
  cost: integer("--cost", "N", "scrypt: memory and time double with each step (15: 32 MiB)", [10, 20]),
};

const GROUPS: readonly FlagGroup[] = [{ title: "Flags", flags: FLAGS }];

const HELP = renderHelp({
  summary:
    "Adds, changes or deletes a user of a password file.\n\n" +
    "Without -b it asks for the password twice, or reads it from the standard input. The hub takes changes over when\n" +
    "it is told to reload (SIGHUP). Files of mosquitto_passwd can be used and changed as well.",
  usage: [
    "isthmus passwd [-c] [flags] FILE USER",
    "isthmus passwd -b [-c] [flags] FILE USER PASSWORD",
    "isthmus passwd -D FILE USER",
  ],
  groups: GROUPS,
  examples: ["isthmus passwd -c users anna", "isthmus passwd --scram users sensor-7", "isthmus passwd -D users anna"],
  exitCodes: ["0  the file was changed", "1  it was not: the message says why"],
});

interface Operands {
  readonly file: string;
  readonly user: string;
  /** With -b alone. */
  readonly password: string | undefined;
}

export const command: Command = {
  help: HELP,
  async run(args, terminal) {
    const { flags, operands } = parse(args);
    const { file, user } = operands;
    const text = await readUsers(file, flags.create);
    if (flags.remove) {
      if (withSecret(text, user, undefined) === text) throw new UsageError(`there is no user ${user} in ${file}`);
      await write(file, withSecret(text, user, undefined));
      return 0;
    }
    const password = operands.password ?? (await ask(terminal));
    if (password === "") throw new UsageError("the password is empty");
    const secret = flags.scram
      ? await deriveScram(password, flags.iterations)
      : await hashPassword(password, flags.cost);
    await write(file, withSecret(text, user, secret));
    return 0;
  },
};

/** Flags come before, between and behind the operands, as with mosquitto_passwd. */
function parse(args: readonly string[]) {
  const names: string[] = [];
  const flagArguments: string[] = [];
  for (let at = 0; at < args.length; at++) {
    // `at` is within the list.
    const argument = args[at] as string;
    if (argument === "--") {
      names.push(...args.slice(at + 1));
      break;
    }
    // The password of -b may begin with a dash.
    const isPassword = names.length === 2 && flagArguments.some((flag) => FLAGS.batch.names.includes(flag));
    const isFlag = argument.startsWith("-") && argument !== "-" && !isPassword;
    (isFlag ? flagArguments : names).push(argument);
    if (isFlag && (argument === "--iterations" || argument === "--cost"))
      flagArguments.push(...args.slice(++at, at + 1));
  }
  const flags = parseFlags(FLAGS, flagArguments, "passwd");
  const [file, user, password, ...others] = names;
  const isPasswordGiven = password !== undefined;
  if (file === undefined || user === undefined || others.length > 0 || isPasswordGiven !== flags.batch) {
    throw new UsageError(
      flags.batch ? "-b needs a file, a user and a password" : "passwd needs a file and a user",
      isPasswordGiven && !flags.batch ? "-b takes the password from the command line" : "isthmus passwd --help",
    );
  }
  if (flags.create && flags.remove) throw new UsageError("-c and -D do not go together");
  if (!flags.remove && !isUserName(user)) {
    throw new UsageError(
      `${JSON.stringify(user)} cannot be a user name`,
      'it may not be empty, begin with "#" or hold ":"',
    );
  }
  return { flags, operands: { file, user, password } satisfies Operands };
}

async function ask(terminal: Terminal): Promise<string> {
  using input = new SecretInput(terminal);
  const password = await input.ask("Password: ");
  if (input.isTerminal && (await input.ask("Once more: ")) !== password) {
    throw new UsageError("the two passwords are not the same: nothing was changed");
  }
  return password;
}

async function deriveScram(password: string, iterations: number | undefined): Promise<string> {
  try {
    return await deriveScramSecret(password, iterations);
  } catch (error) {
    if (error instanceof RangeError)
      throw new UsageError(error.message, "SCRAM takes no control characters (RFC 4013)");
    throw error;
  }
}

async function readUsers(file: string, isNew: boolean): Promise<string> {
  if (isNew) return "";
  try {
    const text = await readFile(file, "utf8");
    parsePasswordFile(text, file);
    return text;
  } catch (error) {
    if (error instanceof PasswordFileError) throw new UsageError(error.message, "correct it, or start anew with -c");
    throw explain(error, file, "-c makes it");
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await replacePrivateFile(file, text);
  } catch (error) {
    throw explain(error, file, "make its folder first");
  }
}

/** What node:fs says, in words that tell what to do. */
function explain(error: unknown, file: string, hintIfMissing: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return new UsageError(`there is no ${file}`, hintIfMissing);
  if (code === "EACCES" || code === "EPERM") return new UsageError(`no permission to change ${file}`, "sudo, perhaps");
  if (code === "EISDIR") return new UsageError(`${file} is a folder`);
  return error;
}
