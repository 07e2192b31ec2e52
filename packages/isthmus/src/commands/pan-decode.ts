import { readFile } from "node:fs/promises";
import { fromHex, HexSyntaxError } from "@isthmus/bytes";
import { decodeCapture, frameOfRecord, type CapturedFrame } from "@isthmus/lowpan/capture";
import { hasValidFcs, WireError } from "@isthmus/lowpan/wire";
import { parseArguments } from "../coap/operands.js";
import { type Command, UsageError } from "../command.js";
import { integer, renderHelp, text, texts, toggle, type FlagTable } from "../flags.js";
import { openDissector } from "../pan/dissector-flags.js";
import { FrameView } from "../pan/frame-view.js";

const FLAGS = {
  summary: toggle("-s --summary", "a line for each frame"),
  frame: integer("-n --frame", "N", "only this frame of the file, counted from 1; those before are read all the same", [1, 2 ** 31]), // prettier-ignore
  contexts: texts("-c --context", "ID=PREFIX", "a context of header compression, as 0=2001:db8:1::/64; others are learned from router advertisements"), // prettier-ignore
  key: text("-k --key", "HEX", "the key of the network, 16 octets, to open secured frames with"),
} as const satisfies FlagTable;

/** One frame to be shown, and when it was captured. */
interface Input {
  readonly frame: CapturedFrame;
  readonly timestampNs: bigint | undefined;
}

/** `isthmus pan decode`: frames in words. */
export const command: Command = {
  help: renderHelp({
    summary: "Shows each header of IEEE 802.15.4 frames in words beside its octets, and what header compression saves.",
    usage: ["isthmus pan decode [flags] FILE", "isthmus pan decode [flags] HEX"],
    groups: [{ title: "Flags", flags: FLAGS }],
    examples: [
      "isthmus pan decode house.pcapng",
      "isthmus pan decode -s house.pcapng",
      "isthmus pan decode -c 0=2001:db8:1::/64 -n 17 house.pcapng",
      "isthmus pan decode 41d8092300ffff0100341200000002 7b3b3a02 8500c43c 0000000001020200000012340001",
    ],
    exitCodes: ["0 when all was shown", "1 for an error of the command line, or a file that is no capture"],
  }),
  async run(args, { stdout }) {
    const { values, operands } = parseArguments(FLAGS, args, "pan decode");
    const inputs = await readInputs(operands);
    const view = new FrameView(openDissector(values.contexts, values.key));
    let number = 0;
    for (const { frame, timestampNs } of inputs) {
      number++;
      const shown = view.show(number, frame, timestampNs, values.summary);
      if (values.frame === undefined || values.frame === number) stdout.write(shown);
    }
    if (values.frame !== undefined && values.frame > number) {
      throw new UsageError(`there is no frame ${values.frame}`, `the file has ${number}`);
    }
    return 0;
  },
};

async function readInputs(operands: readonly string[]): Promise<Input[]> {
  if (operands.length === 0)
    throw new UsageError("nothing to decode", "a capture file, or a frame in hexadecimal digits");
  const hex = operands.join("");
  if (/^[0-9a-fA-F:\s-]+$/.test(hex) && !(await isFile(operands))) return [{ frame: frameOfHex(hex), timestampNs: undefined }]; // prettier-ignore
  const [file, ...rest] = operands;
  if (file === undefined || rest.length > 0) throw new UsageError("more than one file", "one at a time");
  return readCaptureFile(file);
}

async function isFile([name, ...rest]: readonly string[]): Promise<boolean> {
  if (name === undefined || rest.length > 0) return false;
  try {
    await readFile(name);
    return true;
  } catch {
    return false;
  }
}

function frameOfHex(hex: string): CapturedFrame {
  const psdu = octetsOf(hex);
  // Whoever copies a frame may have left the check sequence out.
  const hasFcs = psdu.length > 4 && hasValidFcs(psdu);
  return { psdu, hasFcs, channel: undefined, channelPage: undefined, rssDbm: undefined, lqi: undefined };
}

function octetsOf(hex: string): Uint8Array {
  try {
    return fromHex(hex.replaceAll(/[\s:-]/g, ""));
  } catch (error) {
    if (!(error instanceof HexSyntaxError)) throw error;
    throw new UsageError(`not hexadecimal digits: ${error.message}`, "two digits an octet");
  }
}

async function readCaptureFile(file: string): Promise<Input[]> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file}: ${error.code === "ENOENT" ? "there is no such file" : error.message}`);
  });
  try {
    return decodeCapture(bytes).flatMap(({ linkType, bytes: record, timestampNs }) => {
      const frame = frameOfRecord(linkType, record);
      return frame === undefined ? [] : [{ frame, timestampNs }];
    });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, "pcap and pcapng files with IEEE 802.15.4 frames can be read");
  }
}
