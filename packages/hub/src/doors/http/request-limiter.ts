import { type RequestRate, TokenBucket } from "@isthmus/coap";
import { RequestRefusedError } from "../requests/request-refusal.js";

/** Clients whose requests are counted; beyond it the one that was counted first starts anew. */
const MAX_CLIENTS = 10_000;

/** Keeps each client to so many requests a second. */
export class RequestLimiter {
  readonly #rate: RequestRate | undefined;
  readonly #bucketByClient = new Map<string, TokenBucket>();

  /** @param rate undefined: any number. */
  constructor(rate: RequestRate | undefined) {
    this.#rate = rate;
  }

  /** Counts a request of `client`. @throws RequestRefusedError too-many */
  admit(client: string, now: number): void {
    if (this.#rate === undefined) return;
    const bucket = this.#bucketByClient.get(client) ?? new TokenBucket(now, this.#rate);
    this.#bucketByClient.set(client, bucket);
    if (this.#bucketByClient.size > MAX_CLIENTS) this.#forgetOne();
    if (bucket.take(now) === 0) return;
    const { perSecond, burst } = this.#rate;
    throw new RequestRefusedError("too-many", `more than ${burst} requests at once, or ${perSecond} a second`);
  }

  #forgetOne(): void {
    for (const client of this.#bucketByClient.keys()) {
      this.#bucketByClient.delete(client);
      return;
    }
  }
}
