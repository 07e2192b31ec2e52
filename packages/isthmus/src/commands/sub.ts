import type { Command } from "../command.js";
import { parseFlags, renderHelp } from "../flags.js";
import { CLIENT_FLAG_GROUPS, CLIENT_FLAGS, planConnection } from "../mqtt/connection-flags.js";
import { FORMAT_HELP, OUTPUT_FLAGS, plannedPrinter } from "../mqtt/output-flags.js";
import { runClient, WAITING_EXIT_CODES } from "../mqtt/run-client.js";
import { openPlainSource, plannedFilters, printMessages, SUBSCRIPTION_FLAGS } from "../mqtt/subscribing.js";

const FLAGS = {
  ...SUBSCRIPTION_FLAGS,
  ...OUTPUT_FLAGS,
  ...CLIENT_FLAGS,
};

/** `isthmus sub`: subscribes and prints as mosquitto_sub does. */
export const command: Command = {
  help:
    renderHelp({
      exitCodes: WAITING_EXIT_CODES,
      summary: "Subscribes to topics and prints the messages that come in. The flags are those of mosquitto_sub.",
      usage: ["isthmus sub [-h HOST] [-p PORT] -t FILTER... [flags]", "isthmus sub -L mqtt://HOST/FILTER [flags]"],
      groups: [
        { title: "Subscription", flags: SUBSCRIPTION_FLAGS },
        { title: "Output", flags: OUTPUT_FLAGS },
        ...CLIENT_FLAG_GROUPS,
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
    return runClient({ ...plan, showsGranted: true }, terminal, (connected) =>
      printMessages(openPlainSource(connected.client, filters, values), filters, values, connected),
    );
  },
};
