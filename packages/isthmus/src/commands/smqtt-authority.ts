import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { AuthorityService } from "@isthmus/smqtt";
import type { AuthorityFile } from "@isthmus/smqtt/node";
import { type Command, type Terminal, UsageError } from "../command.js";
import { type FlagTable, parseFlags, renderHelp, text } from "../flags.js";
import { readInput } from "../mqtt/connection-flags.js";
import { asked } from "../smqtt/asked.js";
import { BROKER_FLAGS, runOnBroker } from "../smqtt/broker-flags.js";
import { openAuthority } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS } from "../smqtt/key-flags.js";

const ANSWER_FLAGS = {
  request: text("--request", "FILE", "answer this one request, and end"),
  answer: text("--answer", "FILE", "where to write the answer"),
} as const satisfies FlagTable;

const FLAGS = { ...ANSWER_FLAGS, ...AUTHORITY_FLAGS, ...BROKER_FLAGS };

/** `isthmus smqtt authority`: answers requests for enrolment and renewal. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Answers the requests of devices that enrol or renew their keys: over a broker until it is stopped, or one that was\n" +
      "carried here in a file. Devices are invited meanwhile with isthmus smqtt invite.",
    usage: [
      "isthmus smqtt authority [-h HOST] [-p PORT] [flags]",
      "isthmus smqtt authority --request FILE --answer FILE",
    ],
    groups: [
      { title: "Authority", flags: AUTHORITY_FLAGS },
      { title: "By files", flags: ANSWER_FLAGS },
      { title: "Connection", flags: BROKER_FLAGS },
    ],
    examples: ["isthmus smqtt authority -h broker.example", "isthmus smqtt authority --request r.bin --answer a.bin"],
    exitCodes: ["0 when it was stopped, or the answer is written", "1 for an error"],
  }),
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "smqtt authority");
    const { request, answer } = values;
    if ((request === undefined) !== (answer === undefined)) {
      throw new UsageError("--request and --answer go together", "give both files, or neither");
    }
    const file = await openAuthority(values, terminal);
    if (request !== undefined && answer !== undefined) return answerFile(file, request, answer, terminal);
    return runOnBroker(values, terminal, async (client, { report }) => {
      await using service = await AuthorityService.start(client, {
        change: async (action) => file.change(action),
        onRequest: (outcome) => report(`${new Date().toISOString()} request: ${outcome}`),
        onFailure: (error) => report(`Error: ${error instanceof Error ? error.message : String(error)}`),
      });
      terminal.stdout.write(`answering at ${service.topic}\n`);
      await Promise.race([service.done, once(terminal.signal, "abort")]);
    });
  },
};

async function answerFile(file: AuthorityFile, request: string, answer: string, terminal: Terminal): Promise<number> {
  const bytes = new Uint8Array(readInput("--request", request));
  const answered = await asked(async () => file.change(async (authority) => authority.answer(bytes)));
  await writeFile(answer, answered);
  terminal.stdout.write(`${answer}: bring it back to the device\n`);
  return 0;
}
