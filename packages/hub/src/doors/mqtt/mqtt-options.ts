import type { QueueFullPolicy } from "@isthmus/mqtt/session";
/** Limits and times of the MQTT door. Every one has a default. */
export interface MqttDoorOptions {
  /** The largest packet taken, in bytes. Default 16 MiB; a client is told at CONNACK. */
  readonly maximumPacketSize: number;
  /** The largest CONNECT taken, in bytes. Default 256 KiB: it may hold a will of some size. */
  readonly maximumConnectSize: number;
  /** The largest SUBSCRIBE or UNSUBSCRIBE taken, in bytes. Default 1 MiB: some ten thousand filters. */
  readonly maximumSubscribeSize: number;
  /** From the opening of a connection to its CONNECT, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs: number;
  /** The longest keep alive, in seconds: it replaces a longer one, or none. Default Infinity: the client decides. */
  readonly maxKeepAlive: number;
  /** QoS 2 messages that a client may leave unreleased. Default 1,024. */
  readonly receiveMaximum: number;
  /** Topic aliases that a client may set on a connection. Default 1,024. */
  readonly topicAliasMaximum: number;
  /** Topic aliases that the hub sets on a connection, for topics that are sent much, if the client takes any. Default 64. */
  readonly maxOutboundTopicAliases: number;
  /** Messages in flight to one client at the most. Default 1,024. */
  readonly maxInFlight: number;
  /** QoS 1 and 2 messages that wait for one client, beside those in flight. Default 10,000. */
  readonly maxQueuedMessages: number;
  /** Bytes of topics, payloads and properties that wait for one client. Default 64 MiB. */
  readonly maxQueuedBytes: number;
  /** What is dropped then: the message that comes (`drop-newest`, the default), or those that have waited for longest. */
  readonly queueFullPolicy: QueueFullPolicy;
  /** Unsent bytes at which publishers wait for a client. Default 256 KiB. */
  readonly congestionBytes: number;
  /** Unsent bytes at which a client loses QoS 0 messages. Default 4 MiB. */
  readonly maxOutboundBytes: number;
  /** How long publishers wait for a client that is behind, in milliseconds. Default 500. */
  readonly slowReceiverGraceMs: number;
  /** How long to look for the next packet before sleeping, while a client plays ping-pong, in ms. Default 0.1; 0: never. */
  readonly pollMs: number;
  /** The longest session expiry, in seconds. Default 4,294,967,295: for ever. */
  readonly maxSessionExpiry: number;
  /** Connections at the same time. Default Infinity. */
  readonly maxConnections: number;
  /** Connections of one user at the same time. Default Infinity. */
  readonly maxConnectionsPerUser: number;
  /** Filters that one client may be subscribed to. Default 1,000,000. */
  readonly maxSubscriptionsPerClient: number;
  /** Levels of a topic or a filter. Default 128. */
  readonly maxTopicLevels: number;
  /** Bytes of a client identifier. Default 65,535: all that MQTT can express. */
  readonly maxClientIdBytes: number;
}

export const MQTT_DEFAULTS: MqttDoorOptions = {
  maximumPacketSize: 16 * 1024 * 1024,
  maximumConnectSize: 256 * 1024,
  maximumSubscribeSize: 1024 * 1024,
  connectTimeoutMs: 10_000,
  maxKeepAlive: Number.POSITIVE_INFINITY,
  receiveMaximum: 1024,
  topicAliasMaximum: 1024,
  maxOutboundTopicAliases: 64,
  maxInFlight: 1024,
  maxQueuedMessages: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  queueFullPolicy: "drop-newest",
  congestionBytes: 256 * 1024,
  maxOutboundBytes: 4 * 1024 * 1024,
  slowReceiverGraceMs: 500,
  pollMs: 0.1,
  maxSessionExpiry: 0xffff_ffff,
  maxConnections: Number.POSITIVE_INFINITY,
  maxConnectionsPerUser: Number.POSITIVE_INFINITY,
  maxSubscriptionsPerClient: 1_000_000,
  maxTopicLevels: 128,
  maxClientIdBytes: 65_535,
};
