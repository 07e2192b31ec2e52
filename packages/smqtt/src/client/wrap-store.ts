import type { PlainClient, PlainSubscription } from "./plain-client.js";

/** Where wraps are retained, by topic: a broker, whatever the protocol that it is reached by. */
export interface WrapStore {
  /** Retains a wrap in place of the one before; empty bytes clear it. Resolves when it is kept. */
  put(topic: string, wrap: Uint8Array): Promise<unknown>;
  /** What is retained there; undefined when there is nothing. */
  get(topic: string): Promise<Uint8Array | undefined>;
  /** What is retained under a filter, and what comes: for a publisher to find the wraps of its earlier runs. */
  watch?(filter: string): Promise<PlainSubscription>;
}

/** The wraps at an MQTT broker. @param timeoutMs how long to wait for one; nothing tells that there is none. */
export function brokerWrapStore(client: PlainClient, timeoutMs: number): WrapStore {
  return {
    put: async (topic, wrap) => client.publish(topic, wrap, { qos: 1, retain: true }),
    get: async (topic) => {
      const subscription = await client.subscribe(topic, { qos: 1 });
      const timer = setTimeout(() => void subscription.close(), timeoutMs);
      try {
        for await (const { payload } of subscription) if (payload.length > 0) return payload;
        return undefined;
      } finally {
        clearTimeout(timer);
        await subscription.close();
      }
    },
    watch: async (filter) => client.subscribe(filter, { qos: 1 }),
  };
}
