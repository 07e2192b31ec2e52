import { matchesTopic } from "../topics.js";
import { MessageQueue } from "./message-queue.js";
import type { PlainClient, PlainMessage, PlainSubscription, QoS } from "./plain-client.js";

/** The part of an MQTT.js client (5.x) that is used: the result of its `connect` fits. */
export interface MqttJsClient {
  publishAsync(topic: string, payload: Buffer, options: { qos: QoS; retain: boolean }): Promise<unknown>;
  subscribeAsync(filters: string[], options: { qos: QoS }): Promise<unknown>;
  unsubscribeAsync(filters: string[]): Promise<unknown>;
  on(event: "message", listener: MqttJsListener): unknown;
  off(event: "message", listener: MqttJsListener): unknown;
}

type MqttJsListener = (topic: string, payload: Uint8Array, packet: { retain: boolean; qos: QoS }) => void;

/** Messages that wait for a slow reader of one subscription. MQTT.js cannot be paused: beyond it they are dropped. */
const DEFAULT_LIMIT = 10_000;

/**
 * An MQTT.js client as a {@link PlainClient}.
 *
 * @example
 * const secured = secure(fromMqttJs(await mqtt.connectAsync(url)), { membership, suites, suite: "kp-abe" });
 */
export function fromMqttJs(client: MqttJsClient, limit: number = DEFAULT_LIMIT): PlainClient {
  /** Filter to subscriptions that hold it: the broker is told of the first and after the last. */
  const holders = new Map<string, number>();

  return {
    publish: async (topic, payload, { qos = 0, retain = false } = {}) =>
      client.publishAsync(topic, Buffer.from(payload.buffer, payload.byteOffset, payload.length), { qos, retain }),

    subscribe: async (filters, { qos = 0 } = {}): Promise<PlainSubscription> => {
      const wanted = typeof filters === "string" ? [filters] : [...filters];
      const queue = new MessageQueue<PlainMessage>(limit);
      const listener: MqttJsListener = (topic, payload, { retain, qos }) => {
        const isWanted = queue.size < limit && wanted.some((filter) => matchesTopic(filter, topic));
        if (isWanted) void queue.push({ topic, payload, retain, qos });
      };
      client.on("message", listener);
      for (const filter of wanted) holders.set(filter, (holders.get(filter) ?? 0) + 1);
      await client.subscribeAsync(wanted, { qos });
      return {
        [Symbol.asyncIterator]: () => queue,
        close: async () => {
          if (queue.isEnded) return;
          queue.end();
          client.off("message", listener);
          const released = wanted.filter((filter) => release(holders, filter));
          if (released.length > 0) await client.unsubscribeAsync(released);
        },
      };
    },
  };
}

/** Whether nobody holds the filter any more. */
function release(holders: Map<string, number>, filter: string): boolean {
  const left = (holders.get(filter) ?? 1) - 1;
  if (left > 0) holders.set(filter, left);
  else holders.delete(filter);
  return left <= 0;
}
