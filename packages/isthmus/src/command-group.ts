import { type Command, UsageError } from "./command.js";

/** One command of a group: what the group's help says of it, and where it is. */
export interface GroupedCommand {
  readonly summary: string;
  /** Loaded when called. */
  readonly load: () => Promise<{ readonly command: Command }>;
}

/**
 * A command of commands, as `isthmus pan`.
 *
 * @param commands in the order in which the help lists them.
 */
export function commandGroup(
  name: string,
  introduction: string,
  commands: Readonly<Record<string, GroupedCommand>>,
): Required<Command> {
  const help = renderGroupHelp(name, introduction, commands);
  return {
    help,
    async resolve([first, ...rest]) {
      const found = first === undefined ? undefined : commands[first];
      return found && { command: (await found.load()).command, args: rest };
    },
    async run([first], { stdout }) {
      if (first !== undefined) {
        throw new UsageError(`there is no command "${name} ${first}"`, `isthmus ${name} --help lists them`);
      }
      stdout.write(help);
      return 1;
    },
  };
}

function renderGroupHelp(
  name: string,
  introduction: string,
  commands: Readonly<Record<string, GroupedCommand>>,
): string {
  const width = Math.max(...Object.keys(commands).map(({ length }) => length));
  const lines = Object.entries(commands).map(([each, { summary }]) => `  ${each.padEnd(width)}  ${summary}\n`);
  return `${introduction}

Usage: isthmus ${name} <command> [flags]

${lines.join("")}
isthmus ${name} <command> --help tells more.
`;
}
