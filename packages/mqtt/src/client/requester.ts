import { toHex } from "@isthmus/bytes";
import { TimeoutError } from "../session/client-errors.js";
import type { Client } from "./client.js";
import type { Message } from "./message.js";
import type { RequestOptions } from "./operation-options.js";
import type { Subscription } from "./subscription.js";

type ResponseWaiter = Pick<PromiseWithResolvers<Message>, "resolve" | "reject">;

/**
 * Requests and their responses (4.10): one response topic for the client, subscribed to with the first request, and
 * correlation data that tell responses apart.
 */
export class Requester {
  readonly #client: Client;
  #responses: Promise<Subscription> | undefined;
  #requestCount = 0;
  readonly #waiterByCorrelation = new Map<string, ResponseWaiter>();

  constructor(client: Client) {
    this.#client = client;
  }

  async request(topic: string, payload: string | Uint8Array, options: RequestOptions): Promise<Message> {
    const { timeoutMs = 30_000, properties, signal, ...rest } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const giveUp = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const correlationData = new Uint8Array(4);
    new DataView(correlationData.buffer).setUint32(0, this.#requestCount++);
    const correlation = toHex(correlationData);
    const response = Promise.withResolvers<Message>();
    const abort = (): void => {
      const error = new TimeoutError(`no response to the request to ${topic} within ${timeoutMs} ms`);
      response.reject(timeout.aborted ? error : giveUp.reason);
    };
    giveUp.addEventListener("abort", abort);
    this.#waiterByCorrelation.set(correlation, response);
    try {
      const responseTopic = await Promise.race([this.#responseTopic(), response.promise]);
      if (typeof responseTopic !== "string") return responseTopic;
      const published = this.#client.publish(topic, payload, {
        ...rest,
        signal: giveUp,
        properties: { ...properties, responseTopic, correlationData },
      });
      // A response may overtake the acknowledgement; a refusal ends the wait.
      return await Promise.race([response.promise, published.then(() => response.promise)]);
    } finally {
      giveUp.removeEventListener("abort", abort);
      this.#waiterByCorrelation.delete(correlation);
    }
  }

  async #responseTopic(): Promise<string> {
    this.#responses ??= this.#subscribe();
    const [responseTopic = ""] = (await this.#responses).topicFilters;
    return responseTopic;
  }

  async #subscribe(): Promise<Subscription> {
    try {
      const { serverProperties, clientId } = this.#client;
      const prefix = serverProperties.responseInformation ?? "isthmus/response";
      const subscription = await this.#client.subscribe(`${prefix}/${clientId}`, { qos: 1 });
      void this.#dispatch(subscription);
      return subscription;
    } catch (error) {
      // The next request tries again.
      this.#responses = undefined;
      throw error;
    }
  }

  /** Hands responses to whom they are for, as long as the subscription lasts. */
  async #dispatch(subscription: Subscription): Promise<void> {
    let end: unknown = new Error("the client no longer listens for responses");
    try {
      for await (const message of subscription) {
        const { correlationData } = message.properties;
        if (correlationData) this.#waiterByCorrelation.get(toHex(correlationData))?.resolve(message);
      }
    } catch (error) {
      end = error;
    }
    this.#responses = undefined;
    for (const waiter of this.#waiterByCorrelation.values()) waiter.reject(end);
  }
}
