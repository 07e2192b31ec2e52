import {
  type CoapClient,
  DiscoveryError,
  formatLinks,
  isMulticastAddress,
  type Link,
  parseCoapUri,
} from "@isthmus/coap";
import { openClient } from "../coap/open-client.js";
import { parseArguments } from "../coap/operands.js";
import { isTerminal, OUTPUT_FLAGS } from "../coap/output-flags.js";
import { viewLinks } from "../coap/payload-view.js";
import { EXIT, EXIT_CODES, exitCodeOf, reportFailure } from "../coap/report.js";
import {
  parseUriOperand,
  planRequest,
  REQUEST_FLAGS,
  WAY_FLAGS,
  withoutVerbosityLevel,
} from "../coap/request-flags.js";
import type { Command, Terminal } from "../command.js";
import { type FlagTable, renderHelp, texts } from "../flags.js";

const DISCOVER_FLAGS = {
  query: texts(
    "-q --query",
    "NAME=VALUE",
    "only links of which this is said, as rt=light or if=core*; may be repeated",
  ),
} as const satisfies FlagTable;

const { isRaw, isPretty } = OUTPUT_FLAGS;
const FLAGS = { ...DISCOVER_FLAGS, ...REQUEST_FLAGS, ...WAY_FLAGS, isRaw, isPretty };

/** All CoAP Nodes of the network (RFC 7252 12.8). */
const ALL_NODES = "coap://224.0.1.187";

/** `isthmus coap discover`: what there is (RFC 6690, RFC 9176). */
export const command: Command = {
  help: renderHelp({
    summary:
      "Lists the resources of a server, or of all servers of a group; without a URI of all that the network has.",
    usage: ["isthmus coap discover [flags] [URI]"],
    groups: [
      { title: "Discovery", flags: DISCOVER_FLAGS },
      { title: "Request", flags: REQUEST_FLAGS },
      { title: "Output", flags: { isRaw, isPretty } },
      { title: "Way", flags: WAY_FLAGS },
    ],
    examples: [
      "isthmus coap discover coap://[::1]",
      "isthmus coap discover -q rt=light*",
      "isthmus coap discover -q ep=node1 coap://[::1]/rd-lookup/res",
      "isthmus coap discover -B 3 'coap://[ff02::fd%25eth0]'",
    ],
    exitCodes: EXIT_CODES,
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, withoutVerbosityLevel(args), "coap discover");
    const uri = parseUriOperand(operands.length === 0 ? [ALL_NODES] : operands, values);
    const request = { ...(await planRequest(values, terminal)), signal: terminal.signal };
    const client = await openClient(uri, values, terminal);
    const shown = values.isPretty || (!values.isRaw && isTerminal(terminal.stdout)) ? viewLinks : formatLinks;
    const write = (links: readonly Link[]): void => void terminal.stdout.write(`${shown(links)}\n`);
    try {
      const options = { ...request, query: values.query };
      if (isMulticastAddress(parseCoapUri(uri).host)) return await discoverGroup(client, uri, options, write, terminal);
      write(await client.discover(uri, options));
      return EXIT.success;
    } catch (error) {
      if (error instanceof DiscoveryError) {
        terminal.stderr.write(`isthmus: ${error.message}\n`);
        return exitCodeOf(error.response) || EXIT.serverError;
      }
      const exitCode = reportFailure(error, terminal);
      if (exitCode === undefined) throw error;
      return exitCode;
    } finally {
      await client.close();
    }
  },
};

/** Each server that answers, until the time for it is over. */
async function discoverGroup(
  client: CoapClient,
  uri: string,
  options: Parameters<CoapClient["discoverGroup"]>[1],
  write: (links: readonly Link[]) => void,
  { stdout }: Terminal,
): Promise<number> {
  let count = 0;
  for await (const { peer, links } of client.discoverGroup(uri, options)) {
    stdout.write(`${count++ === 0 ? "" : "\n"}coap://${peer.address.includes(":") ? `[${peer.address}]` : peer.address}:${peer.port}\n`); // prettier-ignore
    write(links);
  }
  return count === 0 ? EXIT.noResponse : EXIT.success;
}
