import { setTimeout as sleep } from "node:timers/promises";
import { type CoapClient, RequestError } from "@isthmus/coap";
import { openClient } from "../coap/open-client.js";
import { parseArguments } from "../coap/operands.js";
import { EXIT, reportFailure } from "../coap/report.js";
import { parseUriOperand, waitMsOf, WAY_FLAGS, withoutVerbosityLevel } from "../coap/request-flags.js";
import type { Command, Terminal } from "../command.js";
import { decimal, type FlagTable, integer, renderHelp } from "../flags.js";

const PING_FLAGS = {
  count: integer("--count", "COUNT", "so many (4)", [1, Number.MAX_SAFE_INTEGER]),
  intervalSeconds: decimal("-i --interval", "SECONDS", "so long between them (1)", 0),
} as const satisfies FlagTable;

const FLAGS = { ...PING_FLAGS, ...WAY_FLAGS };

/** `isthmus coap ping`: signs of life (RFC 7252 4.3, RFC 8323 5.4). */
export const command: Command = {
  help: renderHelp({
    summary: "Asks a server for signs of life, and tells how long they took.",
    usage: ["isthmus coap ping [flags] URI"],
    groups: [
      { title: "Ping", flags: PING_FLAGS },
      { title: "Way", flags: WAY_FLAGS },
    ],
    examples: ["isthmus coap ping coap://[::1]", "isthmus coap ping --count 1 coap+tcp://broker.example"],
    exitCodes: ["0 when all were answered", "1 for an error of the command line", "3 when one was not"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, withoutVerbosityLevel(args), "coap ping");
    const uri = parseUriOperand(operands, values);
    const client = await openClient(uri, values, terminal);
    const { count = 4, intervalSeconds = 1 } = values;
    const times: number[] = [];
    let sent = 0;
    try {
      while (sent < count && !terminal.signal.aborted) {
        if (sent++ > 0) await sleep(intervalSeconds * 1_000, undefined, { signal: terminal.signal }).catch(() => {});
        if (terminal.signal.aborted) break;
        const time = await pingOnce(client, uri, waitMsOf(values), terminal);
        if (time !== undefined) times.push(time);
      }
    } catch (error) {
      const exitCode = reportFailure(error, terminal);
      if (exitCode === undefined) throw error;
      return exitCode;
    } finally {
      await client.close();
    }
    terminal.stdout.write(summaryOf(times, sent));
    return times.length === sent ? EXIT.success : EXIT.noResponse;
  },
};

async function pingOnce(
  client: CoapClient,
  uri: string,
  timeoutMs: number,
  terminal: Terminal,
): Promise<number | undefined> {
  try {
    const time = await client.ping(uri, { timeoutMs, signal: terminal.signal });
    terminal.stdout.write(`${uri}  ${time.toFixed(2)} ms\n`);
    return time;
  } catch (error) {
    if (terminal.signal.aborted) return undefined;
    if (!(error instanceof RequestError)) throw error;
    terminal.stdout.write(`${uri}  ${error.message}\n`);
    return undefined;
  }
}

function summaryOf(times: readonly number[], sent: number): string {
  const head = `${sent} sent, ${times.length} answered`;
  if (times.length === 0) return `${head}\n`;
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const [min, max] = [Math.min(...times), Math.max(...times)];
  return `${head}; ${min.toFixed(2)} / ${mean.toFixed(2)} / ${max.toFixed(2)} ms at least, on average, at most\n`;
}
