import type { Command } from "../command.js";
import { parseFlags, renderHelp } from "../flags.js";
import {
  CONNECTION_FLAGS,
  planConnection,
  TLS_FLAGS,
  UNSUPPORTED_FLAGS,
  WILL_FLAGS,
} from "../mqtt/connection-flags.js";
import { FORMAT_HELP, OUTPUT_FLAGS, plannedPrinter } from "../mqtt/output-flags.js";
import { runClient } from "../mqtt/run-client.js";
import { openPlainSource, plannedFilters, printMessages, SUBSCRIPTION_FLAGS } from "../mqtt/subscribing.js";

const FLAGS = {
  ...SUBSCRIPTION_FLAGS,
  ...OUTPUT_FLAGS,
  ...CONNECTION_FLAGS,
  ...WILL_FLAGS,
  ...TLS_FLAGS,
  ...UNSUPPORTED_FLAGS,
};

/** `isthmus sub`: subscribes and prints as mosquitto_sub does. */
export const command: Command = {
  help:
    renderHelp({
      exitCodes: [
        "0 when all went well",
        "1 for an error",
        "27 when the time of -W is over",
        "the reason code of a server that refuses the connection",
      ],
      summary: "Subscribes to topics and prints the messages that come in. The flags are those of mosquitto_sub.",
      usage: ["isthmus sub [-h HOST] [-p PORT] -t FILTER... [flags]", "isthmus sub -L mqtt://HOST/FILTER [flags]"],
      groups: [
        { title: "Subscription", flags: SUBSCRIPTION_FLAGS },
        { title: "Output", flags: OUTPUT_FLAGS },
        { title: "Connection", flags: CONNECTION_FLAGS },
        { title: "Will", flags: WILL_FLAGS },
        { title: "TLS", flags: TLS_FLAGS },
      ],
      examples: [
        "isthmus sub -t 'house/+/temperature' -v",
        "isthmus sub -t house/door -C 1 -W 10 -F '@H:@M:@S %t %p'",
        "isthmus sub -t 'sensors/#' -q 1 -c -i logger",
        "isthmus sub -t '#' --remove-retained --retained-only",
      ],
    }) + FORMAT_HELP,
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "sub");
    const plan = planConnection(values, 4);
    const filters = plannedFilters(values, plan);
    // Checked now: a wrong format is told before anything is sent.
    plannedPrinter(values, () => undefined);
    const { isDebug, isQuiet, properties } = values;
    const runPlan = { ...plan, isDebug, isQuiet, showsGranted: true, disconnectProperties: properties.disconnect };
    return runClient(runPlan, terminal, (connected) =>
      printMessages(openPlainSource(connected.client, filters, values), filters, values, connected),
    );
  },
};
