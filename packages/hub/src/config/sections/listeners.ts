import { z } from "zod";
import { port } from "./values.js";

const host = z
  .string()
  .min(1)
  .default("127.0.0.1")
  .describe("address to listen on; 127.0.0.1 is this machine alone, 0.0.0.0 every IPv4 address, `::` every address");

const mqttListener = z.strictObject({
  type: z.literal("mqtt").describe("MQTT over TCP"),
  host,
  port: port().default(1883).describe("port; 0 picks a free one"),
});

const httpListener = z.strictObject({
  type: z.literal("http").describe("HTTP, with MQTT over WebSocket at `/mqtt`"),
  host,
  port: port().default(8080).describe("port; 0 picks a free one"),
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe("origins of web pages that may connect, beside pages of this host; `*`: any"),
});

/** `listeners`: the doors, each with its address. */
export const listenersSection = z.array(z.discriminatedUnion("type", [mqttListener, httpListener])).default([
  { type: "mqtt", host: "127.0.0.1", port: 1883 },
  { type: "http", host: "127.0.0.1", port: 8080, allowed_origins: [] },
]);
