import { z } from "zod";
import { MQTT_DEFAULTS } from "../../doors/mqtt/mqtt-options.js";
import { countOrUnlimited, sizeBytesOr } from "./values.js";

const mqtt = MQTT_DEFAULTS;

/** `limits`: every bound of docs/limits.md that is the hub's own, by the name of its option. */
export const limitsSection = z.strictObject({
  maximum_packet_size: sizeBytesOr(mqtt.maximumPacketSize).describe("largest MQTT packet taken"),
  maximum_connect_size: sizeBytesOr(mqtt.maximumConnectSize).describe("largest CONNECT taken, will included"),
  maximum_subscribe_size: sizeBytesOr(mqtt.maximumSubscribeSize).describe("largest SUBSCRIBE or UNSUBSCRIBE taken"),
  connect_timeout_ms: z
    .int()
    .min(1)
    .default(mqtt.connectTimeoutMs)
    .describe("milliseconds from the opening of a connection to its CONNECT"),
  max_keep_alive: countOrUnlimited().describe("longest keep alive, in seconds: it replaces a longer one, or none"),
  receive_maximum: z
    .int()
    .min(1)
    .max(65_535)
    .default(mqtt.receiveMaximum)
    .describe("QoS 2 messages that a client may leave unreleased"),
  topic_alias_maximum: z
    .int()
    .min(0)
    .max(65_535)
    .default(mqtt.topicAliasMaximum)
    .describe("topic aliases that a client may set on a connection"),
  max_outbound_topic_aliases: z
    .int()
    .min(0)
    .max(65_535)
    .default(mqtt.maxOutboundTopicAliases)
    .describe("topic aliases that the hub sets on a connection, if the client takes any"),
  max_in_flight: z
    .int()
    .min(1)
    .max(65_535)
    .default(mqtt.maxInFlight)
    .describe("unacknowledged messages on their way to a client"),
  max_queued_messages: z
    .int()
    .min(0)
    .default(mqtt.maxQueuedMessages)
    .describe("QoS 1 and 2 messages that wait for a client"),
  max_queued_bytes: sizeBytesOr(mqtt.maxQueuedBytes).describe("the same in bytes"),
  queue_full_policy: z
    .enum(["drop-newest", "drop-oldest"])
    .default(mqtt.queueFullPolicy)
    .describe("what is dropped when more wait: the message that comes, or those that have waited for longest"),
  congestion_bytes: sizeBytesOr(mqtt.congestionBytes).describe("unsent bytes at which publishers wait for a client"),
  max_outbound_bytes: sizeBytesOr(mqtt.maxOutboundBytes).describe(
    "unsent bytes at which a client loses QoS 0 messages",
  ),
  slow_receiver_grace_ms: z
    .int()
    .min(0)
    .default(mqtt.slowReceiverGraceMs)
    .describe("milliseconds that publishers wait for a client that is behind"),
  poll_ms: z
    .number()
    .min(0)
    .max(10)
    .default(mqtt.pollMs)
    .describe("milliseconds to look for the next packet before sleeping; 0: never"),
  max_session_expiry: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .default(mqtt.maxSessionExpiry)
    .describe("longest session expiry, in seconds; 4294967295: for ever"),
  max_connections: countOrUnlimited().describe("MQTT connections at the same time"),
  max_connections_per_user: countOrUnlimited().describe("MQTT connections of one user at the same time"),
  max_subscriptions_per_client: z
    .int()
    .min(1)
    .default(mqtt.maxSubscriptionsPerClient)
    .describe("filters that one client may be subscribed to"),
  max_topic_levels: z.int().min(1).default(mqtt.maxTopicLevels).describe("levels of a topic or a filter"),
  max_client_id_bytes: z
    .int()
    .min(23)
    .max(65_535)
    .default(mqtt.maxClientIdBytes)
    .describe("bytes of a client identifier"),
  max_retained_messages: z.int().min(0).default(1_000_000).describe("retained messages"),
  max_retained_bytes: sizeBytesOr(256 * 1024 * 1024).describe("bytes of retained messages, topics included"),
  retained_full_policy: z
    .enum(["drop-newest", "drop-oldest"])
    .default("drop-newest")
    .describe("what goes when there are more: the one that comes, or those that were set longest ago"),
  topic_cache_size: z.int().min(1).default(32_768).describe("topics whose routes are remembered"),
});
