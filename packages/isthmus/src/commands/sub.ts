import type { Client, Message, QoS, TopicFilter } from "@isthmus/mqtt";
import { parseSharedFilter, parseTopicFilter, topicMatches, type TopicName } from "@isthmus/mqtt";
import { type Command, UsageError } from "../command.js";
import { decimal, type FlagTable, type FlagValues, integer, parseFlags, renderHelp, texts, toggle } from "../flags.js";
import {
  CONNECTION_FLAGS,
  type ConnectionPlan,
  planConnection,
  TLS_FLAGS,
  UNSUPPORTED_FLAGS,
  WILL_FLAGS,
} from "../mqtt/connection-flags.js";
import { type MessagePrinter, receivedNow } from "../mqtt/message-format.js";
import { FORMAT_HELP, OUTPUT_FLAGS, plannedPrinter } from "../mqtt/output-flags.js";
import { type ConnectedTerminal, runClient } from "../mqtt/run-client.js";

const SUBSCRIPTION_FLAGS = {
  topics: texts("-t --topic", "FILTER", "a topic filter to subscribe to; may be repeated"),
  unsubscribed: texts("-U --unsubscribe", "FILTER", "a topic filter to unsubscribe from; may be repeated"),
  qos: integer("-q --qos", "QOS", "the most that messages are delivered with (0)", [0, 2]),
  isRetainAsPublished: toggle(
    "--retain-as-published",
    "messages keep the retain flag that they were published with (MQTT 5.0)",
  ),
  filteredOut: texts("-T --filter-out", "FILTER", "do not print what matches; may be repeated"),
  isFreshOnly: toggle("-R", "do not print retained messages"),
  isRetainedOnly: toggle("--retained-only", "print retained messages only, and end with the first other one"),
  removesRetained: toggle("--remove-retained", "clear each retained message that comes in"),
  randomPercentage: decimal("--random-filter", "PERCENT", "print only so many of a hundred messages", 0),
  maxCount: integer("-C", "COUNT", "end after so many messages", [1, Number.MAX_SAFE_INTEGER]),
  timeoutSeconds: integer("-W", "SECONDS", "end after so long, with exit code 27", [1, Number.MAX_SAFE_INTEGER]),
  isSubscribingOnly: toggle("-E", "end when the server has granted the subscriptions"),
} as const satisfies FlagTable;

const FLAGS = {
  ...SUBSCRIPTION_FLAGS,
  ...OUTPUT_FLAGS,
  ...CONNECTION_FLAGS,
  ...WILL_FLAGS,
  ...TLS_FLAGS,
  ...UNSUPPORTED_FLAGS,
};

type SubValues = FlagValues<typeof FLAGS>;

const EXIT_TIMED_OUT = 27;

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
    const filters = parseFilters(values, plan);
    // Checked now: a wrong format is told before anything is sent.
    plannedPrinter(values, () => undefined);
    const { isDebug, isQuiet, properties } = values;
    const runPlan = { ...plan, isDebug, isQuiet, showsGranted: true, disconnectProperties: properties.disconnect };
    return runClient(runPlan, terminal, (connected) => new Run(values, filters, connected).run());
  },
};

interface Filters {
  readonly subscribed: readonly string[];
  readonly filteredOut: readonly TopicFilter[];
}

function parseFilters(values: SubValues, plan: ConnectionPlan): Filters {
  const { topics, unsubscribed, filteredOut, isFreshOnly, isRetainedOnly, isRetainAsPublished } = values;
  const subscribed = [...topics, ...(plan.topic === undefined ? [] : [plan.topic])];
  if (subscribed.length === 0 && unsubscribed.length === 0) {
    throw new UsageError("there is no topic to subscribe to", "-t FILTER, such as -t 'house/#'");
  }
  if (isFreshOnly && isRetainedOnly)
    throw new UsageError("-R and --retained-only leave nothing to print", "leave one out");
  if (isRetainAsPublished && plan.protocolVersion !== 5)
    throw new UsageError("--retain-as-published needs MQTT 5.0", "-V 5");
  for (const filter of subscribed) parseFilter("-t", filter);
  for (const filter of unsubscribed) parseFilter("-U", filter);
  return { subscribed, filteredOut: filteredOut.map((filter) => parseFilter("-T", filter)) };
}

function parseFilter(flag: string, filter: string): TopicFilter {
  try {
    parseSharedFilter(filter);
    return parseTopicFilter(filter);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${flag} ${filter}: ${reason}`, "+ stands for one level, # at the end for all that follow");
  }
}

/** One run of `isthmus sub` on its connection. */
class Run {
  readonly #values: SubValues;
  readonly #filters: Filters;
  readonly #terminal: ConnectedTerminal;
  readonly #printer: MessagePrinter;
  readonly #removing = new Set<Promise<unknown>>();
  #count = 0;

  constructor(values: SubValues, filters: Filters, terminal: ConnectedTerminal) {
    this.#values = values;
    this.#filters = filters;
    this.#terminal = terminal;
    this.#printer = plannedPrinter(values, terminal.report);
  }

  async run(): Promise<number> {
    const { client, report } = this.#terminal;
    const { timeoutSeconds, isSubscribingOnly } = this.#values;
    // Opened first: a session that is resumed delivers what it has kept at once.
    const messages = client.messages();
    let hasTimedOut = false;
    const timer =
      timeoutSeconds !== undefined &&
      setTimeout(() => {
        hasTimedOut = true;
        void messages.close();
      }, timeoutSeconds * 1000);
    try {
      const subscribing = this.#subscribe(client);
      if (isSubscribingOnly) await subscribing;
      else {
        // A refusal ends the stream, and the error is thrown below.
        subscribing.catch(() => messages.close());
        for await (const message of messages) {
          const isLast = await this.#receive(message);
          if (isLast) break;
        }
        if (!hasTimedOut) await subscribing;
      }
      await Promise.all(this.#removing);
    } finally {
      if (timer) clearTimeout(timer);
    }
    if (hasTimedOut) report("Timed out");
    return hasTimedOut ? EXIT_TIMED_OUT : 0;
  }

  async #subscribe(client: Client): Promise<void> {
    const { unsubscribed, isRetainAsPublished, properties } = this.#values;
    // The flag takes 0 to 2 only.
    const qos = this.#values.qos as QoS | undefined;
    const options = { qos, retainAsPublished: isRetainAsPublished, properties: properties.subscribe };
    const { subscribed } = this.#filters;
    await Promise.all([
      subscribed.length > 0 && client.subscribe(subscribed, options),
      unsubscribed.length > 0 && client.unsubscribe(unsubscribed, { properties: properties.unsubscribe }),
    ]);
  }

  /** @returns whether it was the last message. */
  async #receive(message: Message): Promise<boolean> {
    const { isRetainedOnly, isFreshOnly, removesRetained, maxCount } = this.#values;
    const { output } = this.#terminal;
    if (isRetainedOnly && !message.retain) return true;
    // The client lets only topic names through.
    const topic = message.topic as TopicName;
    if (this.#filters.filteredOut.some((filter) => topicMatches(filter, topic))) return false;
    if (removesRetained && message.retain) this.#remove(message);
    if (isFreshOnly && message.retain) return false;
    if (this.#isPicked()) {
      output.write(...this.#printer(receivedNow(message)));
      if (output.isCongested) await output.drained();
    }
    return ++this.#count === maxCount;
  }

  #isPicked(): boolean {
    const { randomPercentage = 100 } = this.#values;
    return randomPercentage >= 100 || Math.random() * 100 < randomPercentage;
  }

  #remove({ topic }: Message): void {
    const removing = this.#terminal.client.publish(topic, "", { qos: 1, retain: true });
    this.#removing.add(removing);
    removing.then(
      () => this.#removing.delete(removing),
      // Told when all are awaited.
      () => undefined,
    );
  }
}
