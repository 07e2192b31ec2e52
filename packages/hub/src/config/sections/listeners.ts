import { z } from "zod";
import { listenerAccess } from "./access.js";
import { countOrUnlimited, filePath, port, secret, sizeBytes } from "./values.js";

const tlsSettings = z.strictObject({
  cert_file: filePath().describe("certificate of the server in PEM, and behind it those that lead to an authority"),
  key_file: filePath().describe("its key"),
  key_passphrase: secret().optional().describe("opens an encrypted key"),
  ca_file: filePath().optional().describe("authorities whose client certificates are accepted"),
  client_certificate: z
    .enum(["none", "optional", "required"])
    .optional()
    .describe("whether a client has to show a certificate; default: `required` with `ca_file`, else `none`"),
  crl_file: filePath().optional().describe("client certificates that are revoked"),
  min_version: z.enum(["1.2", "1.3"]).default("1.2").describe("oldest version of TLS that is spoken"),
  ciphers: z.string().min(1).optional().describe("cipher suites in OpenSSL's notation"),
});
const TLS = "TLS; files are read again on reload";

const proxyProtocol = z.strictObject({
  from: z
    .array(z.string().min(1))
    .min(1)
    .describe("addresses of the proxies, or networks like 10.0.0.0/8; nobody else may connect"),
});

const connectionLimits = z.strictObject({
  max_connections: countOrUnlimited().describe("connections at the same time"),
  max_connections_per_address: countOrUnlimited().describe("the same from one address"),
  max_connection_rate: countOrUnlimited().describe("new connections a second from one address"),
});

const limits = connectionLimits.extend({
  max_packet_rate: countOrUnlimited().describe("MQTT packets of a client a second, and as many at once"),
  max_byte_rate: sizeBytes()
    .optional()
    .describe("bytes of a client a second, and as many at once; default: any number"),
});

const common = {
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("address to listen on; 127.0.0.1: this machine alone, 0.0.0.0: every IPv4 address, `::` every address"),
  name: z
    .string()
    .min(1)
    .optional()
    .describe(
      "name in logs; default: `mqtt`, `mqtts`, `http`, `https`, `coaps`, with a number from the second of a kind on",
    ),
  tls: tlsSettings.optional().describe(TLS),
  proxy_protocol: proxyProtocol
    .optional()
    .describe("for a listener behind a proxy that tells who its clients are (PROXY protocol)"),
  limits: limits.optional().describe("bounds of this listener, beside those of `limits`"),
  access: listenerAccess.optional().describe("settings that replace those of `access`, each by itself"),
};

const mqttListener = z.strictObject({
  type: z.literal("mqtt").describe("MQTT over TCP or TLS"),
  port: port().default(1883).describe("0 picks a free one; MQTT over TLS is commonly on 8883"),
  ...common,
});

const httpListener = z.strictObject({
  type: z.literal("http").describe("HTTP or HTTPS, with MQTT over WebSocket at `/mqtt`"),
  port: port().default(8080).describe("0 picks a free one"),
  ...common,
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe("origins of web pages that may connect, beside pages of this host; `*`: any"),
});

const coapListener = z.strictObject({
  type: z.literal("coap").describe("CoAP over UDP, and over TCP at the same port; one at most"),
  port: port().default(5683).describe("0 picks a free one"),
  host: common.host,
  access: common.access,
});

const coapsListener = z.strictObject({
  type: z.literal("coaps").describe("CoAP over TLS (`coaps+tcp://`), as many as you like"),
  port: port().default(5684).describe("0 picks a free one"),
  ...common,
  tls: tlsSettings.describe(TLS),
  limits: connectionLimits.optional().describe("bounds of this listener"),
});

/** `listeners`: the doors, each with its address. */
export const listenersSection = z
  .array(z.discriminatedUnion("type", [mqttListener, httpListener, coapListener, coapsListener]))
  .superRefine((listeners, context) => {
    const names = listeners.map((listener) => ("name" in listener ? listener.name : undefined));
    for (const [index, name] of names.entries()) {
      if (name === undefined || (name !== "coap" && names.indexOf(name) === index)) continue;
      const params = { hint: "leave it out, or choose another one" };
      const message = name === "coap" ? "this is the name of CoAP's own listener" : "another listener has this name";
      context.addIssue({ code: "custom", path: [index, "name"], message, params });
    }
    const second = listeners.findLastIndex(({ type }) => type === "coap");
    if (second !== listeners.findIndex(({ type }) => type === "coap")) {
      const params = { hint: "one address serves CoAP; 0.0.0.0 or :: are every address" };
      context.addIssue({ code: "custom", path: [second], message: "there is a listener for CoAP already", params });
    }
  })
  .prefault([{ type: "mqtt" }, { type: "http" }, { type: "coap" }]);
