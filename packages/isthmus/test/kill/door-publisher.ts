import type { HandleProgress } from "./endless-client.js";
import { type DoorClient, openCoapClient, openHttpClient, WrongAnswerError } from "./door-client.js";
import type { HubUrls } from "./hub-process.js";

/** Of so many messages one is an event, which leaves the value as it is. */
const EVENT_INTERVAL = 3;

/**
 * Publishes to a topic of its own by CoAP or HTTP, one message after the other, and again what was not acknowledged when
 * the hub was killed. Before it goes on with a restarted hub it reads the value, at both doors.
 */
export class DoorPublisher {
  readonly #name: string;
  readonly #door: "coap" | "http";
  readonly #handleProgress: HandleProgress;
  #connection = new AbortController();
  #running = Promise.resolve();
  #isPublishing = true;
  /** Nothing is to be sent any more, and all was acknowledged. */
  isDone = false;
  /** The number of the next message, all before it are acknowledged. */
  acknowledgedCount = 0;
  /** Values that were read and are older than the last that was acknowledged. */
  staleCount = 0;
  /** Values that were read, at either door. */
  readCount = 0;
  failure: Error | undefined;

  /** @param name a word that is a level of its topic and begins its messages. */
  constructor(name: string, door: "coap" | "http", handleProgress: HandleProgress) {
    this.#name = name;
    this.#door = door;
    this.#handleProgress = handleProgress;
  }

  /** All that was acknowledged: `name:qos:number`. */
  acknowledged(): string[] {
    return Array.from({ length: this.acknowledgedCount }, (_, i) => this.#text(i));
  }

  connect(urls: HubUrls): void {
    this.#connection = new AbortController();
    this.#running = this.#run(urls, this.#connection.signal);
  }

  async disconnect(): Promise<void> {
    this.#connection.abort();
    await this.#running;
  }

  /** Publishes nothing new any more. */
  finish(): void {
    this.#isPublishing = false;
  }

  async #run(urls: HubUrls, signal: AbortSignal): Promise<void> {
    const doors = { coap: openCoapClient(urls.coap), http: openHttpClient(urls.http) };
    const readValues = async (): Promise<void> => {
      for (const door of [doors.coap, doors.http]) await this.#readValue(door, signal);
    };
    const publish = (): Promise<void> => doors[this.#door].publish(this.#topic, this.#nextText, this.#nextKind, signal);
    try {
      await readValues();
      do {
        if (!(await this.#persist(publish, signal))) return;
        this.acknowledgedCount++;
        this.#handleProgress();
      } while (this.#isPublishing);
      await readValues();
      this.isDone = !signal.aborted;
    } catch (error) {
      this.failure = new Error(`${this.#name}: ${String(error)}`, { cause: error });
    } finally {
      await Promise.all([doors.coap.close(), doors.http.close()]);
      this.#handleProgress();
    }
  }

  /** Tries until there is an answer. @returns whether there was one before the connection ended. */
  async #persist(ask: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        await ask();
        return true;
      } catch (error) {
        if (error instanceof WrongAnswerError) throw error;
        // No answer: the hub is killed, and whoever killed it is about to say so.
      }
    }
    return false;
  }

  /** Counts a value that is not the last that was acknowledged, nor the one that is open. */
  async #readValue(door: DoorClient, signal: AbortSignal): Promise<void> {
    await this.#persist(async () => {
      const value = await door.read(this.#topic, signal);
      const isStored = (number: number): boolean => value === (number < 0 ? undefined : this.#text(number));
      this.readCount++;
      if (!isStored(this.#lastValueBefore(this.acknowledgedCount)) && !isStored(this.acknowledgedCount))
        this.staleCount++;
    }, signal);
  }

  /** The number of the last message before this one that set the value; -1 when there is none. */
  #lastValueBefore(number: number): number {
    return isEvent(number - 1) ? number - 2 : number - 1;
  }

  get #topic(): string {
    return `up/${this.#door}/${this.#name}`;
  }

  get #nextText(): string {
    return this.#text(this.acknowledgedCount);
  }

  get #nextKind(): "value" | "event" {
    return isEvent(this.acknowledgedCount) ? "event" : "value";
  }

  #text(number: number): string {
    return `${this.#name}:1:${number}`;
  }
}

function isEvent(number: number): boolean {
  return number % EVENT_INTERVAL === EVENT_INTERVAL - 1;
}
