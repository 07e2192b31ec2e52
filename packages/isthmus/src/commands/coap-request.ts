import type { CoapClient, Method, RequestOptions } from "@isthmus/coap";
import { openClient } from "../coap/open-client.js";
import { parseArguments } from "../coap/operands.js";
import { OUTPUT_FLAGS, ResponseWriter } from "../coap/output-flags.js";
import { progressLine } from "../coap/progress.js";
import { EXIT_CODES, exitCodeOf, reportFailure } from "../coap/report.js";
import {
  parseUriOperand,
  planRequest,
  REQUEST_FLAGS,
  WAY_FLAGS,
  withoutVerbosityLevel,
} from "../coap/request-flags.js";
import type { Command, Terminal } from "../command.js";
import { decimal, type FlagTable, renderHelp } from "../flags.js";
import { observeInto } from "../coap/observe-into.js";

const OBSERVE_FLAGS = {
  observeSeconds: decimal("-s --subscribe", "SECONDS", "observe it for so long", 0),
} as const satisfies FlagTable;

const FLAGS = { ...REQUEST_FLAGS, ...OBSERVE_FLAGS, ...OUTPUT_FLAGS, ...WAY_FLAGS };

/** The verbs that are a method, with what the help says of them. */
const verbs = {
  get: { method: "GET", summary: "Reads a resource.", example: "coap://[::1]/temperature" },
  put: { method: "PUT", summary: "Writes a resource.", example: "-e on coap://[::1]/light" },
  post: { method: "POST", summary: "Lets a resource work.", example: "-t json -f order.json coap://[::1]/orders" },
  delete: { method: "DELETE", summary: "Removes a resource.", example: "coap://[::1]/orders/7" },
  fetch: { method: "FETCH", summary: "Reads what a body asks for.", example: "-t cbor -f query.cbor coap://[::1]/log" },
  patch: {
    method: "PATCH",
    summary: "Changes parts of a resource.",
    example: '-t 52 -e {"on":true} coap://[::1]/light',
  },
  ipatch: { method: "iPATCH", summary: "Changes parts of a resource, idempotently.", example: "-t 52 -e {\"on\":true} coap://[::1]/light" }, // prettier-ignore
} as const satisfies Record<string, { method: Method; summary: string; example: string }>;

/** `isthmus coap get` and its like. */
export function requestCommand(verb: keyof typeof verbs): Command {
  const { method, summary, example } = verbs[verb];
  return {
    help: renderHelp({
      summary: `${summary} The flags are those of coap-client.`,
      usage: [`isthmus coap ${verb} [flags] URI`],
      groups: [
        { title: "Request", flags: { ...REQUEST_FLAGS, ...(verb === "get" || verb === "fetch" ? OBSERVE_FLAGS : {}) } },
        { title: "Output", flags: OUTPUT_FLAGS },
        { title: "Way", flags: WAY_FLAGS },
      ],
      examples: [`isthmus coap ${verb} ${example}`],
      exitCodes: EXIT_CODES,
    }),
    async run(args, terminal) {
      const { values, operands } = parseArguments(FLAGS, withoutVerbosityLevel(args), `coap ${verb}`);
      const uri = parseUriOperand(operands, values);
      const options = { ...(await planRequest(values, terminal)), signal: terminal.signal };
      const writer = new ResponseWriter(values, terminal);
      const client = await openClient(uri, values, terminal);
      try {
        const { observeSeconds } = values;
        if (observeSeconds === undefined) return await ask(client, uri, { ...options, method }, writer, terminal);
        return await observeInto(client, uri, { ...options, observeSeconds }, (response) => writer.write(response));
      } catch (error) {
        const exitCode = terminal.signal.aborted ? 0 : reportFailure(error, terminal);
        if (exitCode === undefined) throw error;
        return exitCode;
      } finally {
        await client.close();
      }
    },
  };
}

async function ask(
  client: CoapClient,
  uri: string,
  options: RequestOptions,
  writer: ResponseWriter,
  terminal: Terminal,
): Promise<number> {
  const response = await client.request(uri, { ...options, handleProgress: progressLine(terminal) });
  await writer.write(response);
  return exitCodeOf(response);
}
