import { setTimeout as sleep } from "node:timers/promises";
import { type PublishOptions, type QoS, RefusedError } from "@isthmus/mqtt";
import { type Terminal, UsageError } from "../command.js";
import { decimal, type FlagTable, type FlagValues, integer, text, toggle } from "../flags.js";
import type { CONNECTION_FLAGS, ConnectionPlan } from "./connection-flags.js";
import { INPUT_FLAGS, readLines, readPayload } from "./message-input.js";
import { reasonText } from "./reason-text.js";

/** What is published, and how: the same for `pub` and `smqtt pub`. */
export const MESSAGE_FLAGS = {
  topic: text("-t --topic", "TOPIC", "the topic to publish to"),
  ...INPUT_FLAGS,
  isLines: toggle("-l --stdin-line", "each line of standard input, as a message of its own"),
  qos: integer("-q --qos", "QOS", "the quality of service (0)", [0, 2]),
  isRetained: toggle("-r --retain", "the server keeps it as the topic's last message"),
  repeatCount: integer("--repeat", "COUNT", "publish it so many times (1)", [1, Number.MAX_SAFE_INTEGER]),
  repeatDelay: decimal("--repeat-delay", "SECONDS", "wait so long between (0)", 0),
  maxInFlight: integer("-M", "COUNT", "with -l: messages under way at a time (1000)", [1, 65_535]),
} as const satisfies FlagTable;

type PublishValues = FlagValues<typeof MESSAGE_FLAGS & Pick<typeof CONNECTION_FLAGS, "properties">>;

/** The topic that the flags name. @throws UsageError when they name none. */
export function plannedTopic({ topic }: PublishValues, plan: ConnectionPlan): string {
  const given = topic ?? plan.topic;
  if (given === undefined) throw new UsageError("there is no topic to publish to", "-t TOPIC");
  if (/[+#]/.test(given)) throw new UsageError(`-t ${given}: a topic has no wildcards`, "+ and # are for isthmus sub");
  return given;
}

/** Sends one message. */
export type Send = (topic: string, payload: Uint8Array, options: PublishOptions) => Promise<unknown>;

/**
 * Reads what is to be sent, before the connection is made, so that a mistake is told at once.
 *
 * @returns what sends it.
 */
export async function preparePublishing(
  values: PublishValues,
  topic: string,
  terminal: Terminal,
): Promise<(send: Send, report: (line: string) => void) => Promise<void>> {
  if (values.isLines) {
    const { message, file, isStdin, isNull } = values;
    if (message !== undefined || file !== undefined || isStdin || isNull) {
      throw new UsageError("-l does not go with -m, -f, -s or -n", "leave one out");
    }
    return (send, report) => new Publisher(topic, values, send, report).publishLines(terminal.stdin);
  }
  const payload = await readPayload(values, terminal);
  return (send, report) => new Publisher(topic, values, send, report).publishRepeatedly(payload);
}

/** What mosquitto allows on its way at a time is 20; what the server takes is kept to anyway. */
const DEFAULT_MAX_IN_FLIGHT = 1000;

class Publisher {
  readonly #topic: string;
  readonly #values: PublishValues;
  readonly #send: Send;
  readonly #report: (line: string) => void;
  #count = 0;

  constructor(topic: string, values: PublishValues, send: Send, report: (line: string) => void) {
    this.#topic = topic;
    this.#values = values;
    this.#send = send;
    this.#report = report;
  }

  async publishRepeatedly(payload: Uint8Array): Promise<void> {
    const { repeatCount = 1, repeatDelay = 0 } = this.#values;
    for (let round = 0; round < repeatCount; round++) {
      if (round > 0 && repeatDelay > 0) await sleep(repeatDelay * 1000);
      await this.#publish(payload);
    }
  }

  async publishLines(stdin: NodeJS.ReadableStream): Promise<void> {
    const { maxInFlight = DEFAULT_MAX_IN_FLIGHT } = this.#values;
    const gate = new Gate(maxInFlight);
    for await (const lines of readLines(stdin)) {
      for (const line of lines) {
        if (gate.isFull) await gate.opened();
        gate.run(() => this.#publish(line));
      }
    }
    await gate.emptied();
  }

  /** A message that the server refuses is told, and the next one is sent: as mosquitto_pub does. */
  async #publish(payload: Uint8Array): Promise<void> {
    const number = ++this.#count;
    const { qos, isRetained, properties } = this.#values;
    try {
      // The flag takes 0 to 2 only.
      const options = { qos: qos as QoS | undefined, retain: isRetained, properties: properties.publish };
      await this.#send(this.#topic, payload, options);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#report(`Warning: Publish ${number} failed: ${reasonText(error.reasonCode)}.`);
    }
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
