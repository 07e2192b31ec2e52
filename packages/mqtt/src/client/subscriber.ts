import type { SubscriptionRequest } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { reasonText, RefusedError } from "../session/client-errors.js";
import type { ClientRequest } from "../session/client-requests.js";
import type { CompletingPacket } from "../session/client-session-types.js";
import type { Inbox } from "./inbox.js";
import type { SubscribeOptions, UnsubscribeOptions } from "./operation-options.js";
import { Subscription } from "./subscription.js";
import type { SubscriptionRecord } from "./subscription-table.js";

/** Sends a SUBSCRIBE or UNSUBSCRIBE and resolves to its answer. */
export type SendRequest = (request: ClientRequest, signal?: AbortSignal) => Promise<CompletingPacket>;

/** The subscriptions of a client: makes them, ends them, and makes them again on a server that has lost them. */
export class Subscriber {
  readonly #inbox: Inbox;
  readonly #send: SendRequest;
  readonly #usesIdentifiers: boolean;
  #lastIdentifier = 0;

  constructor(inbox: Inbox, usesIdentifiers: boolean, send: SendRequest) {
    this.#inbox = inbox;
    this.#usesIdentifiers = usesIdentifiers;
    this.#send = send;
  }

  async subscribe(topicFilters: readonly string[], options: SubscribeOptions): Promise<Subscription> {
    const subscription: Subscription = new Subscription(topicFilters, {
      addBuffered: (bytes) => this.#inbox.addBuffered(bytes),
      close: () => this.#leave(subscription),
    });
    try {
      const records = this.#enter(subscription, options);
      const reasonCodes = await this.#subscribe(records, options.signal);
      subscription.setReasonCodes(reasonCodes);
      // What is refused needs no UNSUBSCRIBE.
      for (const record of records) if (!record.isGranted) this.#remove(record, subscription);
      if (reasonCodes.every((code) => code >= 0x80)) throw refusal(topicFilters, reasonCodes);
    } catch (error) {
      subscription.end();
      void this.#leave(subscription);
      throw error;
    }
    return subscription;
  }

  async unsubscribe(topicFilters: readonly string[], { signal, properties }: UnsubscribeOptions): Promise<void> {
    const table = this.#inbox.subscriptions;
    const records = topicFilters.flatMap((topicFilter) => table.get(topicFilter) ?? []);
    for (const record of records) record.isGranted = false;
    const packet = await this.#send({ type: "unsubscribe", topicFilters, properties }, signal);
    // Not before: what was on its way belongs to the streams still.
    for (const record of records) this.#end(record);
    const reasonCodes = "reasonCodes" in packet ? packet.reasonCodes : [];
    if (reasonCodes.some((code) => code >= 0x80)) throw refusal(topicFilters, reasonCodes);
  }

  /** The server has lost the session: makes again what it had granted, packet by packet as it was made. */
  resubscribe(): void {
    const recordsByPacket = new Map<Properties, SubscriptionRecord[]>();
    for (const record of this.#inbox.subscriptions.records()) {
      if (!record.isGranted) continue;
      recordsByPacket.set(record.properties, [...(recordsByPacket.get(record.properties) ?? []), record]);
    }
    for (const records of recordsByPacket.values()) {
      // Until it is granted again, the session sees to it that it is asked for.
      for (const record of records) record.isGranted = false;
      this.#subscribe(records).then(
        (reasonCodes) => this.#endRefused(records, reasonCodes),
        // The client is closed, and has told so.
        () => undefined,
      );
    }
  }

  #enter(subscription: Subscription, options: SubscribeOptions): SubscriptionRecord[] {
    const { qos = 0, noLocal = false, retainAsPublished = false, retainHandling = 0 } = options;
    // It wraps before its four bytes end; nobody has so many subscriptions at a time.
    this.#lastIdentifier = (this.#lastIdentifier % 0xfff_ffff) + 1;
    const identifier = this.#usesIdentifiers ? { subscriptionIdentifiers: [this.#lastIdentifier] } : {};
    const properties = { ...options.properties, ...identifier };
    return subscription.topicFilters.map((topicFilter) => {
      const request: SubscriptionRequest = { topicFilter, qos, noLocal, retainAsPublished, retainHandling };
      return this.#inbox.subscriptions.add(request, properties, subscription);
    });
  }

  async #subscribe(records: readonly SubscriptionRecord[], signal?: AbortSignal): Promise<readonly number[]> {
    const subscriptions = records.map(({ request }) => request);
    const packet = await this.#send({ type: "subscribe", subscriptions, properties: records[0]?.properties }, signal);
    const reasonCodes = "reasonCodes" in packet ? packet.reasonCodes : [];
    for (const [index, record] of records.entries()) record.isGranted = (reasonCodes[index] ?? 0x80) < 0x80;
    return reasonCodes;
  }

  /** Ends what the server, asked again, does not grant any more. */
  #endRefused(records: readonly SubscriptionRecord[], reasonCodes: readonly number[]): void {
    for (const record of records) {
      if (record.isGranted) continue;
      this.#inbox.subscriptions.remove(record);
      for (const subscription of record.subscribers)
        subscription.end(refusal([record.request.topicFilter], reasonCodes));
    }
  }

  /** Nothing more comes for `record`: ends the streams that have no other topic filter. */
  #end(record: SubscriptionRecord): void {
    const table = this.#inbox.subscriptions;
    // It may have been subscribed to anew.
    if (table.get(record.request.topicFilter) !== record) return;
    table.remove(record);
    for (const subscription of record.subscribers) {
      const isFed = subscription.topicFilters.some((filter) => table.get(filter)?.subscribers.has(subscription));
      if (!isFed) subscription.end();
    }
  }

  /** `subscription` reads no more: unsubscribes from the filters that nobody else reads. */
  async #leave(subscription: Subscription): Promise<void> {
    const unread = subscription.topicFilters.filter((topicFilter) => {
      const record = this.#inbox.subscriptions.get(topicFilter);
      return record !== undefined && this.#remove(record, subscription);
    });
    if (unread.length === 0) return;
    try {
      await this.#send({ type: "unsubscribe", topicFilters: unread, properties: undefined });
    } catch {
      // The client is closed: so is the subscription, as far as anybody here can tell.
    }
  }

  /** Takes a reader off a filter. @returns whether it was the last one. */
  #remove(record: SubscriptionRecord, subscription: Subscription): boolean {
    if (!record.subscribers.delete(subscription) || record.subscribers.size > 0) return false;
    this.#inbox.subscriptions.remove(record);
    return true;
  }
}

function refusal(topicFilters: readonly string[], reasonCodes: readonly number[]): RefusedError {
  const code = reasonCodes.find((reasonCode) => reasonCode >= 0x80) ?? 0x80;
  return new RefusedError(`the server refused ${topicFilters.join(", ")}: ${reasonText(code, "suback")}`, code);
}
