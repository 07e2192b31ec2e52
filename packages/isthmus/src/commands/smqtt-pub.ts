import type { Client, PublishOptions } from "@isthmus/mqtt";
import { type PlainClient, WrapError } from "@isthmus/smqtt";
import { type Command, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, parseFlags, renderHelp, text, toggle } from "../flags.js";
import { CLIENT_FLAG_GROUPS, CLIENT_FLAGS, planConnection } from "../mqtt/connection-flags.js";
import { MESSAGE_FLAGS, plannedTopic, preparePublishing, type Send } from "../mqtt/publishing.js";
import { CLIENT_EXIT_CODES, runClient } from "../mqtt/run-client.js";
import { asked } from "../smqtt/asked.js";
import { DEVICE_FLAGS } from "../smqtt/key-flags.js";
import { type OpenDevice, openDevice, plannedSuite } from "../smqtt/open-device.js";

const SEAL_FLAGS = {
  suite: text("--suite", "NAME", "what to seal with, of the suites of the authority (kp-abe)"),
  policy: text("--policy", "POLICY", "who may read, in roles: 'doctor OR (nurse AND ward >= 3)'; seals with cp-abe"),
  contentType: text("--content-type", "TYPE", "the payload's media type, sealed with it"),
  isCountersigned: toggle("--countersign", "sign each message, so that not even a reader could have sealed it"),
  isInline: toggle("--inline-wrap", "each message brings its key's wrap along, as retained ones do (some 700 bytes)"),
} as const satisfies FlagTable;

const FLAGS = {
  ...MESSAGE_FLAGS,
  ...SEAL_FLAGS,
  ...DEVICE_FLAGS,
  ...CLIENT_FLAGS,
};

type SealValues = FlagValues<typeof FLAGS>;

/** `isthmus smqtt pub`: `isthmus pub`, sealed. */
export const command: Command = {
  help: renderHelp({
    exitCodes: CLIENT_EXIT_CODES,
    summary:
      "Publishes one message, or one for each line of standard input, sealed for those who may read it. The flags are those\n" +
      "of isthmus pub, and with them those of mosquitto_pub. The will is not sealed.",
    usage: ["isthmus smqtt pub [-h HOST] [-p PORT] -t TOPIC {-m TEXT | -f FILE | -s | -n | -l} [flags]"],
    groups: [
      { title: "Sealing", flags: SEAL_FLAGS },
      { title: "Device", flags: DEVICE_FLAGS },
      { title: "Message", flags: MESSAGE_FLAGS },
      ...CLIENT_FLAG_GROUPS,
    ],
    examples: [
      "isthmus smqtt pub -t house/kitchen/temperature -m 21.5 --keys sensor.smqtt",
      "isthmus smqtt pub -t ward/news -m 'round at nine' --policy 'doctor OR nurse' -r",
    ],
  }),
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "smqtt pub");
    const plan = planConnection(values, 4);
    const publish = await preparePublishing(values, plannedTopic(values, plan), terminal);
    const device = await openDevice(values, terminal);
    const suite = chosenSuite(values, device);
    return runClient({ ...plan, showsGranted: false }, terminal, async ({ client, report }) => {
      const { isCountersigned, isInline } = values;
      await publish(sendSealed(client, values, device, { suite, isCountersigned, isInline, report }), report);
      await device.saved();
      return 0;
    });
  },
};

/** @throws UsageError when suite and policy do not go together. */
function chosenSuite({ suite, policy }: SealValues, { membership }: OpenDevice): string {
  const chosen = plannedSuite(membership, suite ?? (policy === undefined ? undefined : "cp-abe"));
  if (policy !== undefined && chosen !== "cp-abe") {
    throw new UsageError(`--policy is for cp-abe; with ${chosen} the topic says who may read`, "leave one out");
  }
  if (policy === undefined && chosen === "cp-abe") {
    throw new UsageError("cp-abe needs to be told who may read", "--policy 'doctor OR nurse'");
  }
  return chosen;
}

function sendSealed(
  client: Client,
  { policy, contentType }: SealValues,
  device: OpenDevice,
  options: Parameters<OpenDevice["secure"]>[1],
): Send {
  const sealing = new PropertiesClient(client);
  const secured = device.secure(sealing, options);
  return async (topic, payload, { qos, retain, properties }) => {
    sealing.properties = { topic, properties };
    try {
      await secured.publish(topic, payload, {
        ...(qos !== undefined && { qos }),
        ...(retain !== undefined && { retain }),
        ...(policy !== undefined && { policy }),
        ...(contentType !== undefined && { contentType }),
      });
    } catch (error) {
      if (!(error instanceof WrapError)) throw error;
      await asked(() => Promise.reject(error));
    }
  };
}

/** Puts the properties of -D publish on the messages, and not on what sealing publishes besides. */
class PropertiesClient implements PlainClient {
  readonly #client: Client;
  properties: { readonly topic: string; readonly properties: PublishOptions["properties"] } | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<unknown> {
    const properties = topic === this.properties?.topic ? this.properties.properties : undefined;
    return this.#client.publish(topic, payload, { ...options, properties });
  }

  subscribe: PlainClient["subscribe"] = async (filters, options) => this.#client.subscribe(filters, options);
}
