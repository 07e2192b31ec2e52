import { createHub } from "@isthmus/hub";
import { parseArguments } from "../coap/operands.js";
import { isTerminal } from "../coap/output-flags.js";
import { type Command, UsageError } from "../command.js";
import { compareWays, formatComparison } from "../compare/compare-ways.js";
import { LoopbackMeter } from "../compare/loopback-meter.js";
import { type FlagTable, integer, renderHelp, text } from "../flags.js";

const FLAGS = {
  topic: text("-t --topic", "TOPIC", "where the reading is published (house/living-room/temperature)"),
  payload: text("-m --message", "TEXT", "the reading (21.5)"),
  count: integer("-n --count", "N", "how many times it is sent, beside once (1000)", [1, 1_000_000]),
} as const satisfies FlagTable;

/** Packets of others in a moment, beyond which the figures are not to be trusted. */
const NOISE_LIMIT = 4;

/** `isthmus compare`: one reading over MQTT, CoAP and HTTP, and what each takes. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Sends the same reading over MQTT, CoAP and HTTP, once and many times, and counts what goes over the wire:\n" +
      "IP packets with all their headers and acknowledgements, as the loopback device of Linux counts them.",
    usage: ["isthmus compare [flags]"],
    groups: [{ title: "Flags", flags: FLAGS }],
    examples: ["isthmus compare", "unshare -rn sh -c 'ip link set lo up; isthmus compare'"],
    exitCodes: ["0 when all was measured", "1 for an error of the command line, or where packets cannot be counted"],
  }),
  async run(args, { stdout, stderr }) {
    const { values, operands } = parseArguments(FLAGS, args, "compare");
    if (operands.length > 0) throw new UsageError(`nothing to do with "${operands[0]}"`, "isthmus compare --help");
    const reading = { topic: values.topic ?? "house/living-room/temperature", payload: values.payload ?? "21.5" };
    const count = values.count ?? 1000;
    const noise = await readNoise();
    if (noise > NOISE_LIMIT) {
      stderr.write(`isthmus: others sent ${noise} packets in a moment: their traffic is counted as well\n`);
      stderr.write("  unshare -rn sh -c 'ip link set lo up; isthmus compare' has a network of its own\n");
    }
    const port = { port: 0 };
    const hub = await createHub({ mqtt: port, coap: port, http: port, sys: { intervalMs: 0 } });
    try {
      const inProcess = await hub.connect();
      const compared = {
        mqtt: hub.mqtt?.url ?? "",
        coap: hub.coap?.url ?? "",
        http: hub.http?.url ?? "",
        publish: (topic: string, payload: string) => inProcess.publish(topic, payload, { qos: 1 }),
      };
      await inProcess.publish(reading.topic, reading.payload, { qos: 1, retain: true });
      const comparisons = await compareWays(compared, reading, count, (name) => {
        if (isTerminal(stderr)) stderr.write(`\r\u001b[K${name}`);
      });
      if (isTerminal(stderr)) stderr.write("\r\u001b[K");
      stdout.write(`"${reading.payload}" on ${reading.topic}: once, and each of ${count}\n\n`);
      stdout.write(`${formatComparison(comparisons)}\n`);
      return 0;
    } finally {
      await hub.close();
    }
  },
};

async function readNoise(): Promise<number> {
  try {
    return await new LoopbackMeter().noise();
  } catch {
    throw new UsageError("packets cannot be counted here", "it takes Linux and its /proc/net/dev");
  }
}
