import { encodeUtf8 } from "@isthmus/bytes";
import { type Client, connect, ConnectionRefusedError, type ProtocolVersion, RefusedError } from "@isthmus/mqtt";
import type { Terminal } from "../command.js";
import { Output } from "../output.js";
import { tlsHint, tlsReason } from "../tls-failure.js";
import type { ConnectionPlan } from "./connection-flags.js";
import { debugTrace } from "./debug-trace.js";
import { reasonText, returnCodeText } from "./reason-text.js";

/** What a command that speaks MQTT works with. */
export interface ConnectedTerminal {
  readonly client: Client;
  readonly output: Output;
  /** Prints a line to the errors, unless told to be quiet. */
  readonly report: (line: string) => void;
}

/** A connection, and what is printed about it. */
export interface RunPlan extends ConnectionPlan {
  /** Whether -d tells what the server has granted to subscriptions. */
  readonly showsGranted: boolean;
}

/** What the help of a client command says of its exit codes. */
export const CLIENT_EXIT_CODES = [
  "0 when all went well",
  "1 for an error",
  "the reason code of a server that refuses the connection",
];

/** The same for one that can wait for messages. */
export const WAITING_EXIT_CODES = CLIENT_EXIT_CODES.toSpliced(2, 0, "27 when the time of -W is over");

/** What mosquitto's programs exit with for an error that is not a reason code. */
const EXIT_ERROR = 1;

/**
 * Connects, runs `work`, disconnects, and tells the exit code as mosquitto's programs do: that of `work`, the reason
 * code of a server that refuses, 1 for any other failure, 0 when the user stops it.
 */
export async function runClient(
  plan: RunPlan,
  { stdout, stderr, signal }: Terminal,
  work: (terminal: ConnectedTerminal) => Promise<number>,
): Promise<number> {
  const output = new Output(stdout);
  const report = (line: string): void => {
    if (!plan.isQuiet) stderr.write(`${line}\n`);
  };
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  signal.addEventListener("abort", abort);
  // Nobody reads any more: `isthmus sub | head -1`.
  stdout.on("error", abort);
  const print = (line: string): void => output.write(encodeUtf8(`${line}\n`));
  const trace = plan.isDebug ? debugTrace(print, plan.showsGranted) : undefined;
  try {
    await using client = await connect(plan.url, { ...plan.options, trace, signal: stop.signal });
    const exitCode = await work({ client, output, report });
    await client.close({ properties: plan.disconnectProperties });
    return exitCode;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    output.flush();
    return explain(error, plan, report);
  } finally {
    signal.removeEventListener("abort", abort);
    output.flush();
    await output.drained();
  }
}

/** Prints what went wrong and what to do about it. @returns the exit code. */
function explain(error: unknown, { url, protocolVersion }: RunPlan, report: (line: string) => void): number {
  if (error instanceof ConnectionRefusedError) {
    report(`Connection error: ${refusalText(error, protocolVersion)}`);
    const hint = REFUSAL_HINTS[error.reasonCode];
    if (hint !== undefined) report(`  ${hint}`);
    return error.reasonCode;
  }
  if (error instanceof RefusedError) {
    report(`Error: ${error.message}`);
    return error.reasonCode;
  }
  const failure: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
  // A server that turns TLS away does so after the connection was made: then the loss says why.
  const cause: NodeJS.ErrnoException = failure.cause instanceof Error ? failure.cause : failure;
  const { code } = cause;
  switch (code) {
    case "ECONNREFUSED":
      report("Error: Connection refused");
      report(`  nobody listens at ${url.host}: start a hub with isthmus serve, or see -h and -p`);
      break;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      report("Unable to connect (Lookup error.).");
      report(`  the name ${url.hostname} has no address: see -h`);
      break;
    default: {
      const reason = tlsReason(cause);
      report(`Error: ${failure.message}${reason === undefined ? "" : `: ${reason}`}`);
      const hint = code === undefined ? undefined : tlsHint(code, TLS_FLAGS);
      if (hint !== undefined) report(`  ${hint}`);
    }
  }
  return EXIT_ERROR;
}

const TLS_FLAGS = { authority: "--cafile FILE", certificate: "--cert FILE and --key FILE", insecure: "--insecure" };

function refusalText({ reasonCode, properties }: ConnectionRefusedError, version: ProtocolVersion): string {
  const text = version === 5 ? reasonText(reasonCode) : returnCodeText(reasonCode);
  return properties?.reasonString === undefined ? text : `${text} (${properties.reasonString})`;
}

/** What to do about a refusal, by reason code or return code. */
const REFUSAL_HINTS: Readonly<Record<number, string>> = {
  0x01: "try another version: -V 5, -V 311 or -V 31",
  0x02: "give another client identifier: -i ID",
  0x04: "check the user name and the password: -u NAME -P PASSWORD",
  0x05: "give a user name and a password: -u NAME -P PASSWORD",
  0x84: "try another version: -V 311 or -V 31",
  0x85: "give another client identifier: -i ID",
  0x86: "check the user name and the password: -u NAME -P PASSWORD",
  0x87: "give a user name and a password: -u NAME -P PASSWORD",
};
