import { writeFile } from "node:fs/promises";
import { encodeUtf8 } from "@isthmus/bytes";
import type { CoapResponse } from "@isthmus/coap";
import { type Terminal, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, text, toggle } from "../flags.js";
import { viewPayload } from "./payload-view.js";

/** How a response is written. */
export const OUTPUT_FLAGS = {
  output: text("-o --output", "FILE", "write the payload to this file, as it is; - is standard output"),
  isRaw: toggle("--raw", "write the payload as it is, as when the output is no terminal"),
  isPretty: toggle("--pretty", "write it for people: JSON, CBOR, SenML and links laid out, as on a terminal"),
} as const satisfies FlagTable;

type OutputValues = FlagValues<typeof OUTPUT_FLAGS>;

/** Writes responses as the flags say: payloads to standard output or a file, errors to standard error. */
export class ResponseWriter {
  readonly #terminal: Terminal;
  readonly #file: string | undefined;
  readonly #isPretty: boolean;

  constructor(values: OutputValues, terminal: Terminal) {
    const { output, isRaw, isPretty } = values;
    if (isRaw && isPretty) throw new UsageError("either --raw or --pretty");
    this.#terminal = terminal;
    this.#file = output === "-" ? undefined : output;
    this.#isPretty = isPretty || (!isRaw && output === undefined && isTerminal(terminal.stdout));
  }

  async write(response: CoapResponse): Promise<void> {
    const { stdout, stderr } = this.#terminal;
    if (!response.ok) {
      stderr.write(`${response.toString()}\n`);
    } else if (this.#file !== undefined) {
      await this.#writeFile(this.#file, response.payload);
    } else if (response.payload.length > 0) {
      const shown = this.#isPretty
        ? encodeUtf8(viewPayload(response.payload, response.contentFormat))
        : response.payload;
      // As coap-client does, whatever the payload ends with.
      stdout.write(Buffer.concat([shown, Buffer.from("\n")]));
    }
    if (response.location !== undefined) stderr.write(`Location: ${response.location}\n`);
  }

  async #writeFile(file: string, payload: Uint8Array): Promise<void> {
    try {
      await writeFile(file, payload);
    } catch (error) {
      throw new UsageError(`-o ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Whether people look at a stream. */
export function isTerminal(stream: NodeJS.WritableStream): boolean {
  return "isTTY" in stream && stream.isTTY === true;
}
