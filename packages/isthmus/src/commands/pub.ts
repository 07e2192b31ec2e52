import type { Command } from "../command.js";
import { parseFlags, renderHelp } from "../flags.js";
import { CLIENT_FLAG_GROUPS, CLIENT_FLAGS, planConnection } from "../mqtt/connection-flags.js";
import { MESSAGE_FLAGS, plannedTopic, preparePublishing } from "../mqtt/publishing.js";
import { CLIENT_EXIT_CODES, runClient } from "../mqtt/run-client.js";

const FLAGS = { ...MESSAGE_FLAGS, ...CLIENT_FLAGS };

/** `isthmus pub`: publishes as mosquitto_pub does. */
export const command: Command = {
  help: renderHelp({
    exitCodes: CLIENT_EXIT_CODES,
    summary: "Publishes one message, or one for each line of standard input. The flags are those of mosquitto_pub.",
    usage: [
      "isthmus pub [-h HOST] [-p PORT] -t TOPIC {-m TEXT | -f FILE | -s | -n | -l} [flags]",
      "isthmus pub -L mqtt://HOST/TOPIC {-m TEXT | -f FILE | -s | -n | -l} [flags]",
    ],
    groups: [{ title: "Message", flags: MESSAGE_FLAGS }, ...CLIENT_FLAG_GROUPS],
    examples: [
      "isthmus pub -t house/kitchen/temperature -m 21.5",
      "isthmus pub -t house/door -m open -q 1 -r",
      "tail -f readings.log | isthmus pub -h broker.example -t readings -l",
      "isthmus pub -t report -f report.json -D publish content-type application/json",
    ],
  }),
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "pub");
    const plan = planConnection(values, 4);
    const publish = await preparePublishing(values, plannedTopic(values, plan), terminal);
    return runClient({ ...plan, showsGranted: false }, terminal, async ({ client, report }) => {
      await publish((topic, payload, options) => client.publish(topic, payload, options), report);
      return 0;
    });
  },
};
