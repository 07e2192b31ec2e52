import { SeededRandom } from "@isthmus/machine";
import { EndlessClient } from "./endless-client.js";
import { HubProcess } from "./hub-process.js";

export interface KillTestOptions {
  readonly dataDirectory: string;
  readonly rounds: number;
  readonly seed: number;
  /** Called after each round. */
  readonly report?: (round: number, result: KillTestResult) => void;
}

export interface KillTestResult {
  readonly rounds: number;
  /** Messages that were published, and acknowledged to their end. */
  readonly messages: number;
  /** Of each subscriber that should have them. */
  readonly deliveries: number;
  /** Acknowledged and never delivered. */
  readonly lost: number;
  /** QoS 2 messages that were delivered again. */
  readonly duplicates: number;
  /** The same for QoS 1, where it is allowed. */
  readonly repeated: number;
}

/** Acknowledgements after which the hub is killed, at the most. */
const MOST_PER_ROUND = 400;
/** How often it is killed before it is ready, and how long it may have had until then. */
const EARLY_SHARE = 0.1;
const EARLY_MS = 250;

/**
 * Publishers at QoS 1 and 2 and subscribers whose sessions last, and a hub that is killed at random moments.
 *
 * @throws Error when the hub does not start, loses a session or breaks the protocol.
 */
export async function runKillTest(options: KillTestOptions): Promise<KillTestResult> {
  const test = new KillTest(options);
  try {
    return await test.run();
  } finally {
    await test.end();
  }
}

class KillTest {
  readonly #options: KillTestOptions;
  readonly #random: SeededRandom;
  readonly #publishers: readonly EndlessClient[];
  readonly #subscribers: readonly EndlessClient[];
  #hub: HubProcess | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: KillTestOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const wake = (): void => this.#wake.resolve();
    const { seed } = options;
    this.#publishers = ([1, 2, 3, 4] as const).map(
      (i) =>
        new EndlessClient(
          `p${i}`,
          i % 2 === 0 ? 4 : 5,
          seed + i,
          { qos: [[1, 2], [1], [2], [2, 1, 1]][i - 1] as (1 | 2)[] },
          wake,
        ),
    );
    this.#subscribers = [
      new EndlessClient("s1", 5, seed + 10, { filter: "up" }, wake),
      new EndlessClient("s2", 4, seed + 11, { filter: "#" }, wake),
    ];
  }

  async run(): Promise<KillTestResult> {
    // All subscribe before anything is published.
    let port = await this.#start();
    this.#connect(this.#subscribers, port);
    await this.#until(() => this.#subscribers.every(({ client }) => client.isSubscribed));
    this.#connect(this.#publishers, port);
    for (let round = 1; round <= this.#options.rounds; round++) {
      const goal = this.#acknowledged + this.#random.nextInteger(0, MOST_PER_ROUND);
      await this.#until(() => this.#acknowledged >= goal);
      await this.#kill();
      while (this.#random.chance(EARLY_SHARE)) await this.#killEarly();
      port = await this.#start();
      this.#connect([...this.#subscribers, ...this.#publishers], port);
      this.#options.report?.(round, this.#result(round));
    }
    for (const publisher of this.#publishers) publisher.finish();
    await this.#until(() => this.#publishers.every(({ client }) => client.outgoingCount === 0));
    // The costly look only when there can be anything to see.
    const count = this.#acknowledged;
    await this.#until(
      () =>
        this.#subscribers.every(({ client }) => client.delivered.length >= count) &&
        this.#result(this.#options.rounds).lost === 0,
    );
    await this.#hearTheRest(port);
    return this.#result(this.#options.rounds);
  }

  async end(): Promise<void> {
    for (const client of [...this.#subscribers, ...this.#publishers]) client.disconnect();
    await this.#hub?.kill();
  }

  get #acknowledged(): number {
    return this.#publishers.reduce((sum, { acknowledgedCount }) => sum + acknowledgedCount, 0);
  }

  async #start(): Promise<number> {
    this.#hub = new HubProcess(this.#options.dataDirectory);
    return this.#hub.ready();
  }

  async #kill(): Promise<void> {
    await this.#hub?.kill();
    this.#hub = undefined;
  }

  /** While it starts, or is about to. */
  async #killEarly(): Promise<void> {
    this.#hub = new HubProcess(this.#options.dataDirectory);
    const waitMs = this.#random.nextInteger(0, EARLY_MS);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await this.#kill();
  }

  #connect(clients: readonly EndlessClient[], port: number): void {
    for (const client of clients) client.connect(port);
  }

  /** What comes twice comes before the answer to something that is asked later. */
  async #hearTheRest(port: number): Promise<void> {
    const last = new EndlessClient("last", 5, 0, { qos: [1] }, () => this.#wake.resolve());
    last.connect(port);
    await this.#until(() => last.sentCount > 0);
    last.finish();
    const heard = (client: EndlessClient): boolean =>
      client.client.delivered.some(({ text }) => text === last.sent().at(-1));
    await this.#until(() => this.#subscribers.every(heard));
    last.disconnect();
  }

  async #until(isDone: () => boolean): Promise<void> {
    for (;;) {
      for (const { failure } of [...this.#publishers, ...this.#subscribers]) if (failure !== undefined) throw failure;
      if (isDone()) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  #result(rounds: number): KillTestResult {
    const acknowledged = this.#publishers.flatMap((publisher) => {
      const outgoing = publisher.client.outgoingTexts;
      return publisher.sent().filter((text) => !outgoing.has(text));
    });
    const result = { rounds, messages: acknowledged.length, deliveries: 0, lost: 0, duplicates: 0, repeated: 0 };
    for (const { client } of this.#subscribers) {
      const counts = new Map<string, number>();
      for (const { text } of client.delivered) counts.set(text, (counts.get(text) ?? 0) + 1);
      const delivered = acknowledged.filter((text) => counts.has(text)).length;
      result.deliveries += delivered;
      result.lost += acknowledged.length - delivered;
      for (const [text, count] of counts) {
        if (text.includes(":2:")) result.duplicates += count - 1;
        else result.repeated += count - 1;
      }
    }
    return result;
  }
}
