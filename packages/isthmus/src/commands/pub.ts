import type { Command } from "../command.js";
import { parseFlags, renderHelp } from "../flags.js";
import {
  CONNECTION_FLAGS,
  planConnection,
  TLS_FLAGS,
  UNSUPPORTED_FLAGS,
  WILL_FLAGS,
} from "../mqtt/connection-flags.js";
import { MESSAGE_FLAGS, plannedTopic, preparePublishing } from "../mqtt/publishing.js";
import { runClient } from "../mqtt/run-client.js";

const FLAGS = { ...MESSAGE_FLAGS, ...CONNECTION_FLAGS, ...WILL_FLAGS, ...TLS_FLAGS, ...UNSUPPORTED_FLAGS };

/** `isthmus pub`: publishes as mosquitto_pub does. */
export const command: Command = {
  help: renderHelp({
    exitCodes: ["0 when all went well", "1 for an error", "the reason code of a server that refuses the connection"],
    summary: "Publishes one message, or one for each line of standard input. The flags are those of mosquitto_pub.",
    usage: [
      "isthmus pub [-h HOST] [-p PORT] -t TOPIC {-m TEXT | -f FILE | -s | -n | -l} [flags]",
      "isthmus pub -L mqtt://HOST/TOPIC {-m TEXT | -f FILE | -s | -n | -l} [flags]",
    ],
    groups: [
      { title: "Message", flags: MESSAGE_FLAGS },
      { title: "Connection", flags: CONNECTION_FLAGS },
      { title: "Will", flags: WILL_FLAGS },
      { title: "TLS", flags: TLS_FLAGS },
    ],
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
    const { isDebug, isQuiet, properties } = values;
    const publish = await preparePublishing(values, plannedTopic(values, plan), terminal);
    const runPlan = { ...plan, isDebug, isQuiet, showsGranted: false, disconnectProperties: properties.disconnect };
    return runClient(runPlan, terminal, async ({ client, report }) => {
      await publish((topic, payload, options) => client.publish(topic, payload, options), report);
      return 0;
    });
  },
};
