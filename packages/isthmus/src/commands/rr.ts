import type { QoS } from "@isthmus/mqtt";
import { type Command, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, integer, parseFlags, renderHelp, text, toggle } from "../flags.js";
import { CLIENT_FLAG_GROUPS, CLIENT_FLAGS, planConnection } from "../mqtt/connection-flags.js";
import { receivedNow } from "../mqtt/message-format.js";
import { INPUT_FLAGS, readPayload } from "../mqtt/message-input.js";
import { FORMAT_HELP, OUTPUT_FLAGS, plannedPrinter } from "../mqtt/output-flags.js";
import { type ConnectedTerminal, runClient, WAITING_EXIT_CODES } from "../mqtt/run-client.js";

const REQUEST_FLAGS = {
  topic: text("-t --topic", "TOPIC", "the topic to publish the request to"),
  responseTopic: text("-e --response-topic", "TOPIC", "the topic that the response comes to"),
  ...INPUT_FLAGS,
  qos: integer("-q --qos", "QOS", "the quality of service of both (0)", [0, 2]),
  isFreshOnly: toggle("-R", "a retained message is no response"),
  timeoutSeconds: integer("-W", "SECONDS", "wait no longer than this, then end with exit code 27", [
    1,
    Number.MAX_SAFE_INTEGER,
  ]),
} as const satisfies FlagTable;

const FLAGS = {
  ...REQUEST_FLAGS,
  ...OUTPUT_FLAGS,
  ...CLIENT_FLAGS,
};

const EXIT_TIMED_OUT = 27;

/** `isthmus rr`: publishes a request and prints the response as mosquitto_rr does. */
export const command: Command = {
  help:
    renderHelp({
      exitCodes: WAITING_EXIT_CODES,
      summary: "Publishes a request, waits for the response and prints it. The flags are those of mosquitto_rr.",
      usage: ["isthmus rr [-h HOST] [-p PORT] -t TOPIC -e TOPIC {-m TEXT | -f FILE | -s | -n} [flags]"],
      groups: [
        { title: "Request", flags: REQUEST_FLAGS },
        { title: "Output", flags: OUTPUT_FLAGS },
        ...CLIENT_FLAG_GROUPS,
      ],
      examples: ["isthmus rr -t lamp/get -e lamp/answer -m state -W 5"],
    }) + FORMAT_HELP,
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "rr");
    const plan = planConnection(values, 5);
    const topic = values.topic ?? plan.topic;
    const { responseTopic } = values;
    if (topic === undefined) throw new UsageError("there is no topic for the request", "-t TOPIC");
    if (responseTopic === undefined) throw new UsageError("there is no topic for the response", "-e TOPIC");
    for (const [flag, given] of [
      ["-t", topic],
      ["-e", responseTopic],
    ] as const) {
      if (/[+#]/.test(given)) throw new UsageError(`${flag} ${given}: a topic has no wildcards`);
    }
    plannedPrinter(values, () => undefined);
    const payload = await readPayload(values, terminal);
    return runClient({ ...plan, showsGranted: false }, terminal, (connected) =>
      request(values, { topic, responseTopic, payload }, connected),
    );
  },
};

async function request(
  values: FlagValues<typeof FLAGS>,
  { topic, responseTopic, payload }: { topic: string; responseTopic: string; payload: Uint8Array },
  { client, output, report }: ConnectedTerminal,
): Promise<number> {
  const { isFreshOnly, properties, timeoutSeconds } = values;
  // The flag takes 0 to 2 only.
  const qos = values.qos as QoS | undefined;
  const printer = plannedPrinter(values, report);
  const messages = client.messages();
  const timer = timeoutSeconds !== undefined && setTimeout(() => void messages.close(), timeoutSeconds * 1000);
  try {
    await client.subscribe(responseTopic, { qos, properties: properties.subscribe });
    await client.publish(topic, payload, { qos, properties: { responseTopic, ...properties.publish } });
    for await (const message of messages) {
      if (message.topic !== responseTopic || (isFreshOnly && message.retain)) continue;
      output.write(...printer(receivedNow(message)));
      return 0;
    }
  } finally {
    if (timer) clearTimeout(timer);
  }
  report("Timed out");
  return EXIT_TIMED_OUT;
}
