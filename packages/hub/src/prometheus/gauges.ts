import type { Exchange } from "@isthmus/exchange";
import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";

/** What is there at this moment: counted when somebody asks, so that it costs nothing until then. */
export interface Gauges {
  readonly connectedClients: number;
  /** Sessions whose client is away. */
  readonly awayClients: number;
  /** QoS 1 and 2 messages that wait for a client, beside those in flight. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** QoS 1 and 2 messages that were sent and not acknowledged. */
  readonly inFlightMessages: number;
  /** QoS 2 messages that came in and were not released. */
  readonly unreleasedMessages: number;
  readonly subscriptions: number;
  readonly sharedSubscriptions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

/** Looks at every session once. */
export function readGauges(exchange: Exchange, door: Pick<MqttDoor, "sessions">): Gauges {
  let [connectedClients, awayClients] = [0, 0];
  let [queuedMessages, queuedBytes, inFlightMessages, unreleasedMessages] = [0, 0, 0, 0];
  for (const { connection, flow } of door.sessions) {
    if (connection === undefined) awayClients++;
    else connectedClients++;
    queuedMessages += flow.waitingCount;
    queuedBytes += flow.waitingBytes;
    inFlightMessages += flow.inFlightCount;
    unreleasedMessages += flow.inboundCount;
  }
  return {
    connectedClients,
    awayClients,
    queuedMessages,
    queuedBytes,
    inFlightMessages,
    unreleasedMessages,
    subscriptions: exchange.subscriptionCount,
    sharedSubscriptions: exchange.sharedSubscriptionCount,
    retainedMessages: exchange.retained.size,
    retainedBytes: exchange.retained.sizeBytes,
  };
}
