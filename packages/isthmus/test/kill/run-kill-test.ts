import { SeededRandom } from "@isthmus/machine";
import { DoorPublisher } from "./door-publisher.js";
import { EndlessClient } from "./endless-client.js";
import { HubProcess, type HubUrls } from "./hub-process.js";

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
  /** Those of them that came by CoAP and by HTTP. */
  readonly messagesByDoor: { readonly coap: number; readonly http: number };
  /** Of each subscriber that should have them. */
  readonly deliveries: number;
  /** Acknowledged and never delivered. */
  readonly lost: number;
  /** QoS 2 messages that were delivered again. */
  readonly duplicates: number;
  /** The same for QoS 1, where it is allowed. */
  readonly repeated: number;
  /** Values that were read over CoAP and HTTP after a restart. */
  readonly valuesRead: number;
  /** Those of them that were older than what was acknowledged last. */
  readonly staleValues: number;
}

/** Acknowledgements after which the hub is killed, at the most. */
const MOST_PER_ROUND = 400;
/** A subscriber that is further behind catches up first: the hub drops what is beyond `maxQueuedMessages`, 10,000. */
const MOST_WAITING = 2000;
/** How often it is killed before it is ready, and how long it may have had until then. */
const EARLY_SHARE = 0.1;
const EARLY_MS = 250;

/**
 * Publishers at all doors, over MQTT at QoS 1 and 2, and subscribers whose sessions last, and a hub that is killed at
 * random moments.
 *
 * @throws Error when the hub does not start, loses a session, breaks the protocol or refuses a request.
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
  readonly #coapPublishers: readonly DoorPublisher[];
  readonly #httpPublishers: readonly DoorPublisher[];
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
    this.#coapPublishers = ["c1", "c2", "c3"].map((name) => new DoorPublisher(name, "coap", wake));
    this.#httpPublishers = ["h1", "h2", "h3"].map((name) => new DoorPublisher(name, "http", wake));
    this.#subscribers = [
      new EndlessClient("s1", 5, seed + 10, { filter: "up/#" }, wake),
      new EndlessClient("s2", 4, seed + 11, { filter: "#" }, wake),
    ];
  }

  async run(): Promise<KillTestResult> {
    // All subscribe before anything is published.
    let urls = await this.#start();
    for (const subscriber of this.#subscribers) subscriber.connect(urls.mqttPort);
    await this.#until(() => this.#subscribers.every(({ client }) => client.isSubscribed));
    this.#connectPublishers(urls);
    for (let round = 1; round <= this.#options.rounds; round++) {
      const goal = this.#acknowledged + this.#random.nextInteger(0, MOST_PER_ROUND);
      await this.#until(() => this.#acknowledged >= goal);
      await this.#kill();
      while (this.#random.chance(EARLY_SHARE)) await this.#killEarly();
      urls = await this.#start();
      for (const subscriber of this.#subscribers) subscriber.connect(urls.mqttPort);
      await this.#until(() => this.#subscribers.every((each) => this.#acknowledged - each.heardCount < MOST_WAITING));
      this.#connectPublishers(urls);
      this.#options.report?.(round, this.#result(round));
    }
    const publishers = [...this.#publishers, ...this.#doorPublishers];
    for (const publisher of publishers) publisher.finish();
    await this.#until(() => publishers.every(({ isDone }) => isDone));
    await this.#hearTheRest(urls);
    return this.#result(this.#options.rounds);
  }

  async end(): Promise<void> {
    for (const client of [...this.#subscribers, ...this.#publishers]) client.disconnect();
    await this.#kill();
  }

  get #doorPublishers(): DoorPublisher[] {
    return [...this.#coapPublishers, ...this.#httpPublishers];
  }

  get #acknowledged(): number {
    return countOf([...this.#publishers, ...this.#doorPublishers]);
  }

  async #start(): Promise<HubUrls> {
    this.#hub = new HubProcess(this.#options.dataDirectory);
    return this.#hub.ready();
  }

  async #kill(): Promise<void> {
    await this.#hub?.kill();
    this.#hub = undefined;
    await Promise.all(this.#doorPublishers.map((publisher) => publisher.disconnect()));
  }

  /** While it starts, or is about to. */
  async #killEarly(): Promise<void> {
    this.#hub = new HubProcess(this.#options.dataDirectory);
    const waitMs = this.#random.nextInteger(0, EARLY_MS);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await this.#kill();
  }

  #connectPublishers(urls: HubUrls): void {
    for (const publisher of this.#publishers) publisher.connect(urls.mqttPort);
    for (const publisher of this.#doorPublishers) publisher.connect(urls);
  }

  /** All that is to come, also what comes twice, comes before what is published last. */
  async #hearTheRest({ mqttPort }: HubUrls): Promise<void> {
    const last = new EndlessClient("last", 5, 0, { qos: [1] }, () => this.#wake.resolve());
    last.connect(mqttPort);
    await this.#until(() => last.sentCount > 0);
    last.finish();
    const heard = (client: EndlessClient): boolean =>
      client.client.delivered.some(({ text }) => text === last.sent().at(-1));
    await this.#until(() => this.#subscribers.every(heard));
    last.disconnect();
  }

  async #until(isDone: () => boolean): Promise<void> {
    for (;;) {
      for (const { failure } of [...this.#publishers, ...this.#doorPublishers, ...this.#subscribers]) {
        if (failure !== undefined) throw failure;
      }
      if (isDone()) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  #result(rounds: number): KillTestResult {
    const doorPublishers = this.#doorPublishers;
    const acknowledged = [...this.#publishers, ...doorPublishers].flatMap((publisher) => publisher.acknowledged());
    const result = {
      rounds,
      messages: acknowledged.length,
      messagesByDoor: { coap: countOf(this.#coapPublishers), http: countOf(this.#httpPublishers) },
      deliveries: 0,
      lost: 0,
      duplicates: 0,
      repeated: 0,
      valuesRead: doorPublishers.reduce((sum, { readCount }) => sum + readCount, 0),
      staleValues: doorPublishers.reduce((sum, { staleCount }) => sum + staleCount, 0),
    };
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

function countOf(publishers: readonly { readonly acknowledgedCount: number }[]): number {
  return publishers.reduce((sum, { acknowledgedCount }) => sum + acknowledgedCount, 0);
}
