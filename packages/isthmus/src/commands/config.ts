import type { Config } from "@isthmus/hub/config";
import { parseArguments } from "../coap/operands.js";
import { type Command, UsageError } from "../command.js";
import { commandGroup } from "../command-group.js";
import { explainStartError } from "../config/start-error.js";
import { type FlagTable, renderHelp, toggle } from "../flags.js";

const EXIT_CODES = ["0  all is well", "1  it is not: the message says where and what to do"];

const check: Command = {
  help: renderHelp({
    summary:
      "Checks a configuration without starting anything: the file, what it refers to, and the ISTHMUS_ variables.\n" +
      "Every error is told with its line and a hint.",
    usage: ["isthmus config check [FILE]"],
    groups: [],
    examples: ["isthmus config check isthmus.yaml"],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdout }) {
    const { file, loaded } = await load({}, args, "config check");
    const summary = await checkHub(loaded.config);
    for (const name of loaded.ignored) stdout.write(`${name} is no setting: ignored\n`);
    stdout.write(`${file ?? "the environment"}: all is well; ${summary}\n`);
    return 0;
  },
};

const SHOW_FLAGS = {
  effective: toggle("--effective", "with every default that holds"),
} as const satisfies FlagTable;

const show: Command = {
  help: renderHelp({
    summary: "Shows what a configuration says: the file, and over it the ISTHMUS_ variables. Secrets are masked.",
    usage: ["isthmus config show [--effective] [FILE]"],
    groups: [{ title: "Flags", flags: SHOW_FLAGS }],
    examples: ["isthmus config show --effective", "ISTHMUS_LOG__LEVEL=debug isthmus config show isthmus.yaml"],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdout }) {
    const { values, loaded } = await load(SHOW_FLAGS, args, "config show");
    const { showConfig } = await import("@isthmus/hub/config");
    stdout.write(showConfig(values.effective ? loaded.config : loaded.given));
    return 0;
  },
};

const schema: Command = {
  help: renderHelp({
    summary: "Prints the JSON schema of the configuration: editors complete and check with it.",
    usage: ["isthmus config schema > isthmus.schema.json"],
    groups: [],
    examples: ["# yaml-language-server: $schema=isthmus.schema.json   (as the first line of the configuration)"],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdout }) {
    refuseOperands(args, "config schema");
    const { configJsonSchema } = await import("@isthmus/hub/config");
    stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return 0;
  },
};

/** `isthmus config`: looks after configurations. */
export const command = commandGroup(
  "config",
  "Looks after the configuration: docs/configuration.md tells what can stand in it.",
  {
    check: { summary: "check a configuration: each error with line and hint", load: async () => ({ command: check }) },
    show: { summary: "show what is configured, secrets masked", load: async () => ({ command: show }) },
    import: { summary: "make a configuration of a mosquitto.conf", load: () => import("./config-import.js") },
    schema: { summary: "print the JSON schema, for editors", load: async () => ({ command: schema }) },
  },
);

/** Reads the configuration that is named, or that $ISTHMUS_CONFIG names. @throws UsageError with all that is wrong */
async function load<F extends FlagTable>(table: F, args: readonly string[], name: string) {
  const { values, operands } = parseArguments(table, args, name);
  refuseOperands(operands.slice(1), name);
  // An empty variable is none.
  const file = operands[0] ?? (process.env["ISTHMUS_CONFIG"] || undefined);
  const { ConfigError, loadConfig } = await import("@isthmus/hub/config");
  try {
    return { values, file, loaded: loadConfig({ file, environment: process.env }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(`the configuration cannot be used\n${error.message}`);
  }
}

/** What goes beyond the form: whether a hub can be made of it. @returns who may connect */
async function checkHub(config: Config): Promise<string> {
  const { hubOptionsOf } = await import("@isthmus/hub/config");
  const { Hub } = await import("@isthmus/hub");
  try {
    return await Hub.check(hubOptionsOf(config));
  } catch (error) {
    throw explainStartError(error);
  }
}

function refuseOperands([first]: readonly string[], name: string): void {
  if (first !== undefined) throw new UsageError(`"${first}" is one word too many`, `isthmus ${name} --help`);
}
