import { openClient } from "../coap/open-client.js";
import { observeInto } from "../coap/observe-into.js";
import { parseArguments } from "../coap/operands.js";
import { OUTPUT_FLAGS, ResponseWriter } from "../coap/output-flags.js";
import { EXIT_CODES, reportFailure } from "../coap/report.js";
import {
  parseUriOperand,
  planRequest,
  REQUEST_FLAGS,
  WAY_FLAGS,
  withoutVerbosityLevel,
} from "../coap/request-flags.js";
import type { Command } from "../command.js";
import { decimal, type FlagTable, integer, renderHelp, toggle } from "../flags.js";

const OBSERVE_FLAGS = {
  observeSeconds: decimal("-s --subscribe", "SECONDS", "observe it for so long (until told to stop)", 0),
  maxCount: integer("--count", "COUNT", "end after so many states", [1, Number.MAX_SAFE_INTEGER]),
  isTimed: toggle("--time", "the time before each state"),
} as const satisfies FlagTable;

const FLAGS = { ...OBSERVE_FLAGS, ...REQUEST_FLAGS, ...OUTPUT_FLAGS, ...WAY_FLAGS };

/** `isthmus coap observe`: prints a resource each time it changes (RFC 7641). */
export const command: Command = {
  help: renderHelp({
    summary: "Prints a resource, and again each time it changes, until told to stop (Ctrl-C).",
    usage: ["isthmus coap observe [flags] URI"],
    groups: [
      { title: "Observation", flags: OBSERVE_FLAGS },
      { title: "Request", flags: REQUEST_FLAGS },
      { title: "Output", flags: OUTPUT_FLAGS },
      { title: "Way", flags: WAY_FLAGS },
    ],
    examples: ["isthmus coap observe coap://[::1]/temperature", "isthmus coap observe --count 10 --time coap+tcp://[::1]/t/house"], // prettier-ignore
    exitCodes: EXIT_CODES,
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, withoutVerbosityLevel(args), "coap observe");
    const uri = parseUriOperand(operands, values);
    const options = { ...(await planRequest(values, terminal)), signal: terminal.signal };
    const writer = new ResponseWriter(values, terminal);
    const client = await openClient(uri, values, terminal);
    const { observeSeconds, maxCount, isTimed } = values;
    try {
      return await observeInto(client, uri, { ...options, observeSeconds, maxCount }, async (response) => {
        if (isTimed && response.ok) terminal.stdout.write(`${new Date().toISOString()} `);
        await writer.write(response);
      });
    } catch (error) {
      const exitCode = terminal.signal.aborted ? 0 : reportFailure(error, terminal);
      if (exitCode === undefined) throw error;
      return exitCode;
    } finally {
      await client.close();
    }
  },
};
