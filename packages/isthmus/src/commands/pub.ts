import { setTimeout as sleep } from "node:timers/promises";
import type { Client, QoS } from "@isthmus/mqtt";
import { RefusedError } from "@isthmus/mqtt";
import { type Command, type Terminal, UsageError } from "../command.js";
import { decimal, type FlagTable, type FlagValues, integer, parseFlags, renderHelp, text, toggle } from "../flags.js";
import {
  CONNECTION_FLAGS,
  type ConnectionPlan,
  planConnection,
  TLS_FLAGS,
  UNSUPPORTED_FLAGS,
  WILL_FLAGS,
} from "../mqtt/connection-flags.js";
import { INPUT_FLAGS, readLines, readPayload } from "../mqtt/message-input.js";
import { reasonText } from "../mqtt/reason-text.js";
import { type ConnectedTerminal, runClient } from "../mqtt/run-client.js";

const MESSAGE_FLAGS = {
  topic: text("-t --topic", "TOPIC", "the topic to publish to"),
  ...INPUT_FLAGS,
  isLines: toggle("-l --stdin-line", "each line of standard input, as a message of its own"),
  qos: integer("-q --qos", "QOS", "the quality of service (0)", [0, 2]),
  isRetained: toggle("-r --retain", "the server keeps it as the topic's last message"),
  repeatCount: integer("--repeat", "COUNT", "publish it so many times (1)", [1, Number.MAX_SAFE_INTEGER]),
  repeatDelay: decimal("--repeat-delay", "SECONDS", "wait so long between (0)", 0),
  maxInFlight: integer("-M", "COUNT", "with -l: messages under way at a time (1000)", [1, 65_535]),
} as const satisfies FlagTable;

const FLAGS = { ...MESSAGE_FLAGS, ...CONNECTION_FLAGS, ...WILL_FLAGS, ...TLS_FLAGS, ...UNSUPPORTED_FLAGS };

type PubValues = FlagValues<typeof FLAGS>;

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
    const topic = parseTopic(values, plan);
    const { isDebug, isQuiet, properties } = values;
    const publish = await prepare(values, topic, terminal);
    const runPlan = { ...plan, isDebug, isQuiet, showsGranted: false, disconnectProperties: properties.disconnect };
    return runClient(runPlan, terminal, async (connected) => {
      await publish(connected);
      return 0;
    });
  },
};

function parseTopic({ topic }: PubValues, plan: ConnectionPlan): string {
  const given = topic ?? plan.topic;
  if (given === undefined) throw new UsageError("there is no topic to publish to", "-t TOPIC");
  if (/[+#]/.test(given)) throw new UsageError(`-t ${given}: a topic has no wildcards`, "+ and # are for isthmus sub");
  return given;
}

/** Reads what is to be sent before the connection is made, so that a mistake is told at once. */
async function prepare(
  values: PubValues,
  topic: string,
  terminal: Terminal,
): Promise<(connected: ConnectedTerminal) => Promise<void>> {
  const publisher = new Publisher(topic, values);
  if (values.isLines) {
    const { message, file, isStdin, isNull } = values;
    if (message !== undefined || file !== undefined || isStdin || isNull) {
      throw new UsageError("-l does not go with -m, -f, -s or -n", "leave one out");
    }
    return (connected) => publisher.publishLines(terminal.stdin, connected);
  }
  const payload = await readPayload(values, terminal);
  return (connected) => publisher.publishRepeatedly(payload, connected);
}

/** What mosquitto allows on its way at a time is 20; what the server takes is kept to anyway. */
const DEFAULT_MAX_IN_FLIGHT = 1000;

class Publisher {
  readonly #topic: string;
  readonly #values: PubValues;
  #count = 0;

  constructor(topic: string, values: PubValues) {
    this.#topic = topic;
    this.#values = values;
  }

  async publishRepeatedly(payload: Uint8Array, connected: ConnectedTerminal): Promise<void> {
    const { repeatCount = 1, repeatDelay = 0 } = this.#values;
    for (let round = 0; round < repeatCount; round++) {
      if (round > 0 && repeatDelay > 0) await sleep(repeatDelay * 1000);
      await this.#publish(payload, connected);
    }
  }

  async publishLines(stdin: NodeJS.ReadableStream, connected: ConnectedTerminal): Promise<void> {
    const { maxInFlight = DEFAULT_MAX_IN_FLIGHT } = this.#values;
    const gate = new Gate(maxInFlight);
    for await (const lines of readLines(stdin)) {
      for (const line of lines) {
        if (gate.isFull) await gate.opened();
        gate.run(() => this.#publish(line, connected));
      }
    }
    await gate.emptied();
  }

  /** A message that the server refuses is told, and the next one is sent: as mosquitto_pub does. */
  async #publish(payload: Uint8Array, { client, report }: ConnectedTerminal): Promise<void> {
    const number = ++this.#count;
    try {
      await this.#send(client, payload);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      report(`Warning: Publish ${number} failed: ${reasonText(error.reasonCode)}.`);
    }
  }

  async #send(client: Client, payload: Uint8Array): Promise<void> {
    const { qos, isRetained, properties } = this.#values;
    // The flag takes 0 to 2 only.
    const options = { qos: qos as QoS | undefined, retain: isRetained, properties: properties.publish };
    await client.publish(this.#topic, payload, options);
  }
}

/** Runs so many things at a time, and fails with the first that fails. */
class Gate {
  readonly #limit: number;
  #count = 0;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#count >= this.#limit;
  }

  run(task: () => Promise<void>): void {
    this.#count++;
    task().then(
      () => this.#leave(undefined),
      (error: Error) => this.#leave(error),
    );
  }

  /** Resolves when it is not full. */
  opened(): Promise<void> {
    return this.#until(() => !this.isFull);
  }

  /** Resolves when all is done. */
  emptied(): Promise<void> {
    return this.#until(() => this.#count === 0);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#error) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#error) throw this.#error;
  }

  #leave(error: Error | undefined): void {
    this.#count--;
    this.#error ??= error;
    this.#wake?.();
  }
}
