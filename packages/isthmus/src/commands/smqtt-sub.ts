import { decodeUtf8 } from "@isthmus/bytes";
import type { Client, Message, QoS } from "@isthmus/mqtt";
import type { PlainClient, PlainSubscription, SecureMessage, SecureSubscription } from "@isthmus/smqtt";
import type { Command } from "../command.js";
import { type FlagTable, parseFlags, renderHelp } from "../flags.js";
import { CLIENT_FLAG_GROUPS, CLIENT_FLAGS, planConnection } from "../mqtt/connection-flags.js";
import { FORMAT_HELP, OUTPUT_FLAGS, plannedPrinter } from "../mqtt/output-flags.js";
import { type ConnectedTerminal, runClient, WAITING_EXIT_CODES } from "../mqtt/run-client.js";
import {
  type Filters,
  type MessageSource,
  openPlainSource,
  plannedFilters,
  printMessages,
  SUBSCRIPTION_FLAGS,
  type SubscribeValues,
} from "../mqtt/subscribing.js";
import { DEVICE_FLAGS } from "../smqtt/key-flags.js";
import { type OpenDevice, openDevice } from "../smqtt/open-device.js";

const FLAGS = {
  ...SUBSCRIPTION_FLAGS,
  ...OUTPUT_FLAGS,
  ...DEVICE_FLAGS,
  ...CLIENT_FLAGS,
} as const satisfies FlagTable;

/** `isthmus smqtt sub`: `isthmus sub`, of what opens. */
export const command: Command = {
  help:
    renderHelp({
      exitCodes: WAITING_EXIT_CODES,
      summary:
        "Subscribes to topics and prints the messages that this device's keys open. The flags are those of isthmus sub, and\n" +
        "with them those of mosquitto_sub. What does not open is told once for each topic, on standard error.",
      usage: ["isthmus smqtt sub [-h HOST] [-p PORT] -t FILTER... [flags]"],
      groups: [
        { title: "Device", flags: DEVICE_FLAGS },
        { title: "Subscription", flags: SUBSCRIPTION_FLAGS },
        { title: "Output", flags: OUTPUT_FLAGS },
        ...CLIENT_FLAG_GROUPS,
      ],
      examples: [
        "isthmus smqtt sub -t 'house/#' -v --keys display.smqtt",
        "isthmus smqtt sub -t 'ward/#' -C 1 -F '%t %p'",
      ],
    }) + FORMAT_HELP,
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "smqtt sub");
    const plan = planConnection(values, 4);
    const filters = plannedFilters(values, plan);
    // Checked now: a wrong format is told before anything is sent.
    plannedPrinter(values, () => undefined);
    const device = await openDevice(values, terminal);
    return runClient({ ...plan, showsGranted: true }, terminal, async (connected) => {
      const exitCode = await printMessages(
        openSealedSource(device, filters, values, connected),
        filters,
        values,
        connected,
      );
      await device.saved();
      return exitCode;
    });
  },
};

/** The messages that open. */
function openSealedSource(
  device: OpenDevice,
  filters: Filters,
  values: SubscribeValues,
  { client, report }: ConnectedTerminal,
): MessageSource {
  const plain = openPlainSource(client, filters, values);
  const secured = device.secure(feedingClient(client, filters, plain), { report });
  // The flag takes 0 to 2 only.
  const qos = (values.qos ?? 0) as QoS;
  const subscription = secured.subscribe(filters.subscribed, { qos });
  subscription.catch(() => undefined); // told by `subscribing`
  return {
    messages: opened(subscription),
    subscribing: Promise.all([plain.subscribing, subscription]),
    close: async () => {
      await plain.close();
      await secured.close();
    },
  };
}

/** The client as sealing sees it: for the subscription of the flags, what is there already. */
function feedingClient(client: Client, { subscribed }: Filters, plain: MessageSource): PlainClient {
  return {
    publish: async (topic, payload, options) => client.publish(topic, payload, options),
    subscribe: async (filters, options): Promise<PlainSubscription> =>
      filters === subscribed
        ? { [Symbol.asyncIterator]: () => withoutWraps(plain.messages), close: async () => plain.close() }
        : client.subscribe(filters, options),
  };
}

/** Wraps and the authority's word are no messages, whatever the subscription. */
async function* withoutWraps(messages: AsyncIterable<Message>): AsyncGenerator<Message, void> {
  for await (const message of messages) if (!message.topic.startsWith("smqtt/")) yield message;
}

async function* opened(subscription: Promise<SecureSubscription>): AsyncGenerator<Message, void> {
  for await (const message of await subscription) yield asPrinted(message);
}

/** An opened message as it would have come in plain. */
function asPrinted({ sealed, payload, contentType }: SecureMessage): Message {
  // What the subscription of the flags was fed with are messages of the client.
  const message = sealed as Message;
  const properties = contentType === undefined ? message.properties : { ...message.properties, contentType };
  const { topic, qos, retain, dup, packetIdentifier } = message;
  const text = (): string => decodeUtf8(payload);
  const json = (): unknown => JSON.parse(text());
  return { topic, payload, qos, retain, dup, packetIdentifier, properties, text, json };
}
