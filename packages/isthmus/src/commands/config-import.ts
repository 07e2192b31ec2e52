import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArguments } from "../coap/operands.js";
import { type Command, UsageError } from "../command.js";
import { importConf } from "../config/mosquitto/index.js";
import { type FlagTable, renderHelp, text } from "../flags.js";

const FLAGS = {
  output: text("-o --output", "FILE", "write it there; it must not exist"),
} as const satisfies FlagTable;

export const command: Command = {
  help: renderHelp({
    summary:
      "Makes a configuration of a mosquitto.conf: listeners, TLS, users, rules and limits, with the files that it\n" +
      "includes and its acl_file. What has no counterpart stands as a comment at its head, with the reason.",
    usage: ["isthmus config import [-o FILE] MOSQUITTO_CONF"],
    groups: [{ title: "Flags", flags: FLAGS }],
    examples: [
      "isthmus config import /etc/mosquitto/mosquitto.conf",
      "isthmus config import -o isthmus.yaml /etc/mosquitto/mosquitto.conf && isthmus config check isthmus.yaml",
    ],
    exitCodes: ["0  it was written", "1  a file cannot be read or written: the message says which"],
  }),
  async run(args, { stdout, stderr }) {
    const { values, operands } = parseArguments(FLAGS, args, "config import");
    const [file, more] = operands;
    if (file === undefined) throw new UsageError("which mosquitto.conf?", "isthmus config import MOSQUITTO_CONF");
    if (more !== undefined) throw new UsageError(`"${more}" is one word too many`, "isthmus config import --help");
    const { text, remarks } = importConf(file);
    if (values.output === undefined) stdout.write(text);
    else write(path.resolve(values.output), text);
    if (remarks.length > 0) stderr.write(`${remarks.length} remarks stand at the head of the configuration\n`);
    return 0;
  },
};

function write(file: string, text: string): void {
  try {
    // Bridges may have passwords in it.
    writeFileSync(file, text, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`cannot write ${file}: ${reason}`, "-o names a file that does not exist yet");
  }
}
