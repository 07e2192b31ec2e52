import { once } from "node:events";
import { openSerialPort, parseEndpoint, SerialPortError } from "@isthmus/hub/pan";
import type { FrameLink, LinkFrame } from "@isthmus/lowpan/links";
import { SerialLink, type SerialProtocol, ZepLink } from "@isthmus/lowpan/links-node";
import { hasValidFcs, parseLinkAddress } from "@isthmus/lowpan/wire";
import { parseArguments } from "../coap/operands.js";
import { type Command, type Terminal, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, integer, oneOf, renderHelp, text, texts, toggle } from "../flags.js";
import { CaptureFile } from "../pan/capture-file.js";
import { openDissector } from "../pan/dissector-flags.js";
import { FrameView } from "../pan/frame-view.js";

const FLAGS = {
  zep: text("--zep", "ADDR:PORT", "a ZEP dispatcher whose nodes are listened to ([::1]:17754)"),
  serial: text(
    "--serial",
    "PATH",
    "a sniffer at a serial port, as /dev/ttyACM0; the package serialport must be installed",
  ),
  protocol: oneOf<SerialProtocol>("--protocol", "NAME", ["nordic-sniffer", "slip"], "what it speaks: nordic-sniffer or slip (nordic-sniffer)"), // prettier-ignore
  baudRate: integer("--baud", "N", "its speed (115200)", [1, 10_000_000]),
  channel: integer("--channel", "N", "the radio channel (26)", [11, 26]),
  isVerbose: toggle("-v --verbose", "each header in words, not a line for each frame"),
  count: integer("-C --count", "N", "ends after so many frames", [1, 2 ** 31]),
  pcap: text("--pcap", "FILE", "writes the frames as pcapng as well"),
  contexts: texts("-c --context", "ID=PREFIX", "a context of header compression, as 0=2001:db8:1::/64"),
  key: text("-k --key", "HEX", "the key of the network, 16 octets"),
} as const satisfies FlagTable;

/** Whom a dispatcher takes us for: an address that no node has. */
const SNIFFER = parseLinkAddress("02:73:6e:69:66:66:65:72");

/** `isthmus pan sniff`: frames as they are on the air. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Shows the frames of a network of nodes as they are said: over ZEP, as a hub or RIOT's native nodes speak it, or from a sniffer at a serial port.",
    usage: ["isthmus pan sniff [flags]"],
    groups: [{ title: "Flags", flags: FLAGS }],
    examples: [
      "isthmus pan sniff",
      "isthmus pan sniff --serial /dev/ttyACM0 --channel 26",
      "isthmus pan sniff -v -C 10 --pcap house.pcapng --zep '[::1]:17754'",
    ],
    exitCodes: ["0 when it was told to stop, or has shown the frames", "1 for an error of the command line"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "pan sniff");
    if (operands.length > 0)
      throw new UsageError(`nothing to do with "${operands[0]}"`, "files are read by isthmus pan decode");
    const view = new FrameView(openDissector(values.contexts, values.key));
    const capture = values.pcap === undefined ? undefined : new CaptureFile(values.pcap);
    const link = await openLink(values);
    await show(link, terminal, values.count ?? Number.POSITIVE_INFINITY, (number, { psdu, rssDbm, lqi }) => {
      const timestampNs = BigInt(Date.now()) * 1_000_000n;
      capture?.write(psdu, timestampNs);
      const frame = { psdu, hasFcs: hasValidFcs(psdu), channel: undefined, channelPage: undefined, rssDbm, lqi };
      terminal.stdout.write(view.show(number, frame, timestampNs, !values.isVerbose));
    });
    await link.close();
    await capture?.close();
    return 0;
  },
};

async function openLink(values: FlagValues<typeof FLAGS>): Promise<FrameLink> {
  const { zep = "[::1]:17754", serial, protocol = "nordic-sniffer", baudRate = 115_200 } = values;
  const channel = values.channel === undefined ? {} : { channel: values.channel };
  try {
    if (serial !== undefined) return new SerialLink(await openSerialPort(serial, baudRate), { protocol, ...channel });
    return await ZepLink.open({ remote: parseEndpoint(zep), hello: SNIFFER, ...channel });
  } catch (error) {
    if (error instanceof RangeError || error instanceof SerialPortError) throw new UsageError(error.message);
    throw error;
  }
}

/** Calls `handleFrame` for each frame, until there were as many as that or the terminal says so. */
async function show(
  link: FrameLink,
  { signal }: Terminal,
  count: number,
  handleFrame: (number: number, frame: LinkFrame) => void,
): Promise<void> {
  const done = new AbortController();
  let number = 0;
  link.onFrame = (frame) => {
    if (number < count) handleFrame(++number, frame);
    if (number === count) done.abort();
  };
  const isOver = AbortSignal.any([signal, done.signal]);
  if (!isOver.aborted) await once(isOver, "abort");
}
