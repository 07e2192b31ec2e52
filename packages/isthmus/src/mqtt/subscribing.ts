import type { Client, Message, QoS, TopicFilter } from "@isthmus/mqtt";
import { parseSharedFilter, parseTopicFilter, topicMatches, type TopicName } from "@isthmus/mqtt";
import { UsageError } from "../command.js";
import { decimal, type FlagTable, type FlagValues, integer, texts, toggle } from "../flags.js";
import type { CONNECTION_FLAGS, ConnectionPlan } from "./connection-flags.js";
import { type MessagePrinter, receivedNow } from "./message-format.js";
import { type OUTPUT_FLAGS, plannedPrinter } from "./output-flags.js";
import type { ConnectedTerminal } from "./run-client.js";

/** What is subscribed to, and when to end: the same for `sub` and `smqtt sub`. */
export const SUBSCRIPTION_FLAGS = {
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

/** What the flags say, those of the output included. */
export type SubscribeValues = FlagValues<
  typeof SUBSCRIPTION_FLAGS & typeof OUTPUT_FLAGS & Pick<typeof CONNECTION_FLAGS, "properties">
>;

const EXIT_TIMED_OUT = 27;

/** What is subscribed to, and what of it is not printed. */
export interface Filters {
  readonly subscribed: readonly string[];
  readonly filteredOut: readonly TopicFilter[];
}

/** The filters that the flags name. @throws UsageError when there are none, or flags that exclude each other. */
export function plannedFilters(values: SubscribeValues, plan: ConnectionPlan): Filters {
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

/** Where messages come from. */
export interface MessageSource {
  readonly messages: AsyncIterable<Message>;
  /** Resolves when the server has granted the subscriptions. */
  readonly subscribing: Promise<unknown>;
  /** Ends the messages. */
  close(): Promise<unknown>;
}

/** What comes in as it is: the messages of a client that subscribes to `filters`. */
export function openPlainSource(client: Client, { subscribed }: Filters, values: SubscribeValues): MessageSource {
  const { unsubscribed, isRetainAsPublished, properties } = values;
  // Opened first: a session that is resumed delivers what it has kept at once.
  const messages = client.messages();
  // The flag takes 0 to 2 only.
  const qos = values.qos as QoS | undefined;
  const options = { qos, retainAsPublished: isRetainAsPublished, properties: properties.subscribe };
  const subscribing = Promise.all([
    subscribed.length > 0 && client.subscribe(subscribed, options),
    unsubscribed.length > 0 && client.unsubscribe(unsubscribed, { properties: properties.unsubscribe }),
  ]);
  return { messages, subscribing, close: () => messages.close() };
}

/** Prints the messages of a source until it is time to end. @returns the exit code. */
export async function printMessages(
  source: MessageSource,
  filters: Filters,
  values: SubscribeValues,
  connected: ConnectedTerminal,
): Promise<number> {
  return new Printing(source, filters, values, connected).run();
}

class Printing {
  readonly #source: MessageSource;
  readonly #values: SubscribeValues;
  readonly #filters: Filters;
  readonly #terminal: ConnectedTerminal;
  readonly #printer: MessagePrinter;
  readonly #removing = new Set<Promise<unknown>>();
  #count = 0;

  constructor(source: MessageSource, filters: Filters, values: SubscribeValues, terminal: ConnectedTerminal) {
    this.#source = source;
    this.#values = values;
    this.#filters = filters;
    this.#terminal = terminal;
    this.#printer = plannedPrinter(values, terminal.report);
  }

  async run(): Promise<number> {
    const { report } = this.#terminal;
    const { timeoutSeconds, isSubscribingOnly } = this.#values;
    const { messages, subscribing } = this.#source;
    let hasTimedOut = false;
    const timer =
      timeoutSeconds !== undefined &&
      setTimeout(() => {
        hasTimedOut = true;
        void this.#source.close();
      }, timeoutSeconds * 1000);
    try {
      if (isSubscribingOnly) await subscribing;
      else {
        // A refusal ends the stream, and the error is thrown below.
        subscribing.catch(() => this.#source.close());
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
