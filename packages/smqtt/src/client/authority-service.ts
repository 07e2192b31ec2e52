import type { Authority } from "../authority/authority.js";
import { bundleTopic, enrolTopic, ticketOf } from "../authority/exchange-topics.js";
import { CoseError } from "../envelope/cose-parameters.js";
import { RateLimit } from "../envelope/rate-limit.js";
import type { PlainClient, PlainSubscription } from "./plain-client.js";

/** How an authority answers over a broker. */
export interface AuthorityServiceOptions {
  /**
   * Runs an action on the authority and stores what it has changed before it resolves: a token that was used must
   * stay used. `AuthorityFile.change` of `@isthmus/smqtt/node` does.
   */
  readonly change: <V>(action: (authority: Authority) => Promise<V>) => Promise<V>;
  /** Requests that may wait; more are dropped, and devices ask again. Default 64. */
  readonly queueLimit?: number;
  /** Requests that are looked at: at once, and per second. Default 32 and 8. */
  readonly requestBurst?: number;
  readonly requestsPerSecond?: number;
  /** Monotonic seconds. */
  readonly now?: () => number;
  /** Hears what became of each request, for logs. */
  readonly onRequest?: (outcome: RequestOutcome) => void;
  /** Hears of an answer that could not be made, stored or sent: the device asks again. */
  readonly onFailure?: (error: unknown) => void;
}

export type RequestOutcome = "answered" | "answered again" | "no request" | "too many requests";

const DEFAULTS = { queueLimit: 64, burst: 32, perSecond: 8 };
/** Answers kept, so that a request that comes again gets the same one: its token is used up. */
const MAX_ANSWERS = 256;
/** Longest request that is looked at; they have about 240 bytes. */
const MAX_REQUEST_BYTES = 1024;

/**
 * Answers requests for enrolment and renewal that come over a broker, and keeps the bundle retained there. Ends when
 * it is closed, or the client's subscription ends.
 */
export class AuthorityService implements AsyncDisposable {
  readonly #client: PlainClient;
  readonly #options: AuthorityServiceOptions;
  readonly #topic: string;
  readonly #requests: PlainSubscription;
  readonly #rate: RateLimit;
  readonly #now: () => number;
  /** Ticket to answer, the oldest first. */
  readonly #answerByTicket = new Map<string, Uint8Array>();
  /** Resolves when no more requests will come; rejects when the subscription broke. */
  readonly done: Promise<void>;
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();
  #bundle: Uint8Array | undefined;

  private constructor(
    client: PlainClient,
    topic: string,
    requests: PlainSubscription,
    options: AuthorityServiceOptions,
  ) {
    this.#client = client;
    this.#options = options;
    this.#topic = topic;
    this.#requests = requests;
    this.#now = options.now ?? (() => performance.now() / 1000);
    this.#rate = new RateLimit(options.requestBurst ?? DEFAULTS.burst, options.requestsPerSecond ?? DEFAULTS.perSecond);
    this.done = this.#serve();
    this.done.catch(() => undefined); // told to who awaits it
  }

  /** Subscribes, publishes the bundle, and answers from then on. */
  static async start(client: PlainClient, options: AuthorityServiceOptions): Promise<AuthorityService> {
    const topic = await options.change(async ({ signingKey }) => enrolTopic(signingKey));
    const service = new AuthorityService(client, topic, await client.subscribe(topic, { qos: 1 }), options);
    await service.#publishBundle();
    return service;
  }

  /** Where requests come in. */
  get topic(): string {
    return this.#topic;
  }

  /** Takes no more requests; resolves when those that wait are answered. */
  async close(): Promise<void> {
    await this.#requests.close();
    await this.done.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(): Promise<void> {
    const { queueLimit = DEFAULTS.queueLimit, onRequest } = this.#options;
    for await (const { payload } of this.#requests) {
      if (payload.length > MAX_REQUEST_BYTES) onRequest?.("no request");
      else if (this.#waiting >= queueLimit || !this.#rate.take("requests", this.#now()))
        onRequest?.("too many requests");
      else {
        this.#waiting++;
        this.#work = this.#work.then(() => this.#handle(payload));
      }
    }
    await this.#work;
  }

  async #handle(request: Uint8Array): Promise<void> {
    try {
      await this.#carryOut(request);
    } catch (error) {
      this.#options.onFailure?.(error);
    } finally {
      this.#waiting--;
    }
  }

  async #carryOut(request: Uint8Array): Promise<void> {
    const ticket = ticketOf(request);
    const known = this.#answerByTicket.get(ticket);
    const answer = known ?? (await this.#answer(request));
    if (answer === undefined) {
      this.#options.onRequest?.("no request");
      return;
    }
    if (known === undefined) {
      this.#remember(ticket, answer);
      await this.#publishBundle(); // hpke's directory of readers is in it
    }
    await this.#client.publish(`${this.#topic}/${ticket}`, answer, { qos: 1 });
    this.#options.onRequest?.(known === undefined ? "answered" : "answered again");
  }

  async #answer(request: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await this.#options.change((authority) => authority.reply(request));
    } catch (cause) {
      if (!(cause instanceof CoseError)) throw cause;
      return undefined;
    }
  }

  #remember(ticket: string, answer: Uint8Array): void {
    this.#answerByTicket.set(ticket, answer);
    if (this.#answerByTicket.size <= MAX_ANSWERS) return;
    const [oldest] = this.#answerByTicket.keys();
    if (oldest !== undefined) this.#answerByTicket.delete(oldest);
  }

  async #publishBundle(): Promise<void> {
    const { signingKey, bundle } = await this.#options.change(async (authority) => ({
      signingKey: authority.signingKey,
      bundle: authority.bundle(),
    }));
    if (bundle === this.#bundle) return;
    await this.#client.publish(bundleTopic(signingKey), bundle, { qos: 1, retain: true });
    this.#bundle = bundle;
  }
}
