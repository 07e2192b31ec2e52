import { protocolError } from "../codec/errors.js";
import type { SubackPacket, SubscribePacket, UnsubackPacket, UnsubscribePacket } from "../codec/packets.js";
import { parseSharedFilter } from "../topics/shared-filter.js";
import { parseTopicFilter } from "../topics/topic-filter.js";
import type { SessionPort } from "./client-session-types.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import type { ServerLimits } from "./server-limits.js";

/** A SUBSCRIBE or UNSUBSCRIBE without its packet identifier. */
export type ClientRequest = Omit<SubscribePacket, "packetIdentifier"> | Omit<UnsubscribePacket, "packetIdentifier">;

/** What {@link ClientRequests.cancel} takes. */
export interface PendingRequest<C> {
  readonly request: ClientRequest;
  readonly context: C;
}

/**
 * The SUBSCRIBE and UNSUBSCRIBE packets of a client session that wait for their answer. They are no part of the
 * session state (4.1): one that a broken connection leaves open is sent as a new packet on the next.
 */
export class ClientRequests<C> {
  readonly #port: SessionPort<C>;
  readonly #identifiers: PacketIdentifiers;
  readonly #inFlightById = new Map<number, PendingRequest<C>>();
  #waiting: PendingRequest<C>[] = [];
  /** Undefined while there is no connection. */
  #limits: ServerLimits | undefined;

  constructor(port: SessionPort<C>, identifiers: PacketIdentifiers) {
    this.#port = port;
    this.#identifiers = identifiers;
  }

  get pendingCount(): number {
    return this.#inFlightById.size + this.#waiting.length;
  }

  /** The connection is accepted: sends what waits. */
  open(limits: ServerLimits): void {
    this.#limits = limits;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pending of waiting) {
      try {
        this.#send(pending);
      } catch (error) {
        // Encoding has been tried before, so it is the server that does not take so large a packet.
        this.#port.emit({ type: "failed", context: pending.context, error: error as Error });
      }
    }
  }

  /** The connection is gone: what has no answer waits for the next one, in order. */
  close(): void {
    this.#limits = undefined;
    this.#waiting = [...this.#inFlightById.values(), ...this.#waiting];
    for (const packetIdentifier of this.#inFlightById.keys()) this.#identifiers.release(packetIdentifier);
    this.#inFlightById.clear();
  }

  /**
   * Sends a request now or on the next connection.
   *
   * @throws RefusedError when the server does not take so large a packet.
   * @throws RangeError, TypeError, TopicSyntaxError when it cannot be encoded.
   */
  request(request: ClientRequest, context: C): PendingRequest<C> {
    for (const text of topicFilters(request)) {
      parseTopicFilter(text);
      parseSharedFilter(text);
    }
    const pending = { request, context };
    if (this.#limits) this.#send(pending);
    else {
      this.#port.sizeOf({ ...request, packetIdentifier: 1 });
      this.#waiting.push(pending);
    }
    return pending;
  }

  /** Takes back a request that was not sent yet: no event follows. @returns false when it is too late. */
  cancel(pending: PendingRequest<C>): boolean {
    const at = this.#waiting.indexOf(pending);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  /** @throws MqttProtocolError when the packet answers nothing, or not all. */
  receive(packet: SubackPacket | UnsubackPacket, hasReasonCodes: boolean): void {
    const { type, packetIdentifier, reasonCodes } = packet;
    const pending = this.#inFlightById.get(packetIdentifier);
    if (!pending || (pending.request.type === "subscribe") !== (type === "suback")) {
      throw protocolError(
        `${type.toUpperCase()} for packet identifier ${packetIdentifier}, which is not waiting for it`,
      );
    }
    const expectedCount = topicFilters(pending.request).length;
    if (hasReasonCodes && reasonCodes.length !== expectedCount) {
      // [MQTT-3.8.4-6] [MQTT-3.10.4-5]
      throw protocolError(`${type.toUpperCase()} has ${reasonCodes.length} reason codes for ${expectedCount} filters`);
    }
    this.#inFlightById.delete(packetIdentifier);
    this.#identifiers.release(packetIdentifier);
    this.#port.emit({ type: "completed", context: pending.context, packet });
    const next = this.#waiting.shift();
    if (next) this.#send(next);
  }

  /** Nothing will be sent any more: fails all that has no answer. */
  abandon(error: Error): void {
    this.close();
    for (const { context } of this.#waiting) this.#port.emit({ type: "failed", context, error });
    this.#waiting = [];
  }

  #send(pending: PendingRequest<C>): void {
    const packetIdentifier = this.#identifiers.take();
    if (packetIdentifier === undefined) {
      // All 65,535 are in flight: an answer makes room.
      this.#waiting.push(pending);
      return;
    }
    try {
      this.#port.send({ ...this.#allowed(pending.request), packetIdentifier });
    } catch (error) {
      this.#identifiers.release(packetIdentifier);
      throw error;
    }
    this.#inFlightById.set(packetIdentifier, pending);
  }

  /** Without the subscription identifier, where the server does not support it (3.2.2.3.12). */
  #allowed(request: ClientRequest): ClientRequest {
    if (request.type !== "subscribe" || this.#limits?.areSubscriptionIdentifiersAvailable !== false) return request;
    return { ...request, properties: { ...request.properties, subscriptionIdentifiers: undefined } };
  }
}

function topicFilters(request: ClientRequest): readonly string[] {
  if (request.type === "unsubscribe") return request.topicFilters;
  return request.subscriptions.map(({ topicFilter }) => topicFilter);
}
