import { buffer } from "node:stream/consumers";
import { encodeUtf8 } from "@isthmus/bytes";
import { type Terminal, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, text, toggle } from "../flags.js";
import { readInput } from "./connection-flags.js";

/** Where the payload comes from: exactly one of them. */
export const INPUT_FLAGS = {
  message: text("-m --message", "TEXT", "this text"),
  file: text("-f --file", "FILE", "what is in this file"),
  isStdin: toggle("-s --stdin-file", "all of standard input, as one message"),
  isNull: toggle("-n --null-message", "nothing: with -r it clears the topic's retained message"),
} as const satisfies FlagTable;

const HINT = "one of -m TEXT, -f FILE, -s or -n";

/** The payload that the flags name. @throws UsageError when they name none, or several. */
export async function readPayload(
  { message, file, isStdin, isNull }: FlagValues<typeof INPUT_FLAGS>,
  { stdin }: Terminal,
): Promise<Uint8Array> {
  const given = [message !== undefined, file !== undefined, isStdin, isNull].filter(Boolean).length;
  if (given === 0) throw new UsageError("there is no message to send", HINT);
  if (given > 1) throw new UsageError("only one message can be sent at a time", HINT);
  if (message !== undefined) return encodeUtf8(message);
  if (file !== undefined) return readInput("-f", file);
  return isStdin ? buffer(stdin) : new Uint8Array(0);
}

const LINE_FEED = 0x0a;

/** The lines of a stream, without their line feed: those that each chunk completes at a time. */
export async function* readLines(stream: NodeJS.ReadableStream): AsyncGenerator<readonly Uint8Array[], void> {
  let rest: Uint8Array[] = [];
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? encodeUtf8(chunk) : chunk;
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      const line = bytes.subarray(start, end);
      lines.push(rest.length === 0 ? line : Buffer.concat([...rest, line]));
      rest = [];
      start = end + 1;
    }
    if (start < bytes.length) rest.push(bytes.subarray(start));
    yield lines;
  }
  if (rest.length > 0) yield [Buffer.concat(rest)];
}
