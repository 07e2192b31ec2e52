import { z } from "zod";
import { secret } from "./values.js";

const topic = z.strictObject({
  filter: z.string().min(1).default("#").describe("topics, as a topic filter below the prefixes"),
  direction: z
    .enum(["in", "out", "both"])
    .default("out")
    .describe("`out` from here to the other broker, `in` from there to here"),
  qos: z.literal([0, 1, 2]).default(2).describe("highest QoS that messages are carried with"),
  local_prefix: z.string().min(1).optional().describe("what topics begin with here, as `plant/`"),
  remote_prefix: z.string().min(1).optional().describe("what they begin with there in its place"),
});

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe("authorities in PEM: `${file:ca.crt}`; default: those of the system"),
  cert: z.string().min(1).optional().describe("certificate of the hub as a client, in PEM: `${file:bridge.crt}`"),
  key: secret().optional().describe("its key: `${file:bridge.key}`"),
  passphrase: secret().optional().describe("opens an encrypted key"),
  servername: z.string().min(1).optional().describe("name that the certificate of the broker has to be for"),
  reject_unauthorized: z.boolean().default(true).describe("whether the certificate of the broker has to be good"),
});

const bridge = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]+$/)
    .meta({ examples: ["cloud-1"] })
    .describe("its name, of its own: letters, digits, `-`, `_` and `.`"),
  url: z.url({ protocol: /^(mqtts?|wss?)$/ }).describe("the other broker: `mqtt://`, `mqtts://`, `ws://` or `wss://`"),
  topics: z.array(topic).min(1).describe("what is carried"),
  protocol_version: z.literal([4, 5]).default(5).describe("4 for a broker that has MQTT 3.1.1 alone"),
  marks_as_bridge: z
    .boolean()
    .default(true)
    .describe("with version 4: whether to say by mosquitto's bit of the protocol level that this is a bridge"),
  client_id: z.string().min(1).optional().describe("client identifier there; default: `isthmus-` and the name"),
  username: z.string().min(1).optional().describe("user name there"),
  password: secret().optional().describe("password there"),
  tls: tls.optional().describe("certificates, for `mqtts` and `wss`"),
  keep_alive_seconds: z.int().min(1).max(65_535).default(60).describe("seconds between signs of life"),
  min_reconnect_ms: z.int().min(1).default(1000).describe("milliseconds of the first wait; it doubles each time"),
  max_reconnect_ms: z.int().min(1).default(30_000).describe("milliseconds that it grows to"),
  timeout_ms: z.int().min(1).default(30_000).describe("milliseconds for connecting and for each answer"),
  max_hops: z.int().min(1).default(8).describe("brokers that a message may have passed before it goes in circles"),
});

/** `bridges`: other brokers that topics are shared with. */
export const bridgesSection = z.array(bridge).default([]);
