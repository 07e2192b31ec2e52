import type { QoS } from "@isthmus/exchange";
import type { ConnectionOptions } from "node:tls";

/** Topics that a bridge carries. */
export interface BridgeTopic {
  /** A topic filter, below the prefixes. Default `#`. */
  readonly filter?: string | undefined;
  /** `out` from here to the other broker, `in` from there to here, or `both`. Default `out`. */
  readonly direction?: "in" | "out" | "both" | undefined;
  /** The highest QoS that messages are carried with. Default 2: as they were published. */
  readonly qos?: QoS | undefined;
  /** What topics begin with here, as `plant/`, and there is {@link remotePrefix} instead. Default: nothing. */
  readonly localPrefix?: string | undefined;
  readonly remotePrefix?: string | undefined;
}

/** A bridge to another broker. */
export interface BridgeOptions {
  /** Of its own among the bridges of the hub: letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  readonly url: string;
  readonly topics: readonly BridgeTopic[];
  /**
   * 5, or 4 for a broker that has MQTT 3.1.1 alone. Default 5. With 4 only brokers that know mosquitto's bridges keep the
   * retain flag of live messages and send nothing back.
   */
  readonly protocolVersion?: 4 | 5 | undefined;
  /**
   * With MQTT 3.1.1: whether to say that this is a bridge, by the bit of the protocol level that mosquitto has for it.
   * Default true; a broker that does not know it turns the bridge away.
   */
  readonly marksAsBridge?: boolean | undefined;
  /** Default `isthmus-` and {@link name}. The other broker keeps a session under it. */
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Certificates and the like, for `mqtts` and `wss`. */
  readonly tls?: ConnectionOptions | undefined;
  /** Seconds. Default 60. */
  readonly keepAliveSeconds?: number | undefined;
  /** Milliseconds of the first wait before connecting again; it doubles each time. Default 1,000. */
  readonly minReconnectMs?: number | undefined;
  /** Milliseconds that it grows to. Default 30,000. */
  readonly maxReconnectMs?: number | undefined;
  /** Milliseconds for connecting and for each answer. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Hubs and brokers that a message may have passed before it is taken for one that goes in circles. Default 8. */
  readonly maxHops?: number | undefined;
}

/** See {@link BridgeOptions}. */
export const BRIDGE_DEFAULTS = {
  keepAliveSeconds: 60,
  minReconnectMs: 1000,
  maxReconnectMs: 30_000,
  timeoutMs: 30_000,
  maxHops: 8,
};
