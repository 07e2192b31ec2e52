import { z } from "zod";
import { PROXY_DEFAULTS } from "../../proxy/proxy-options.js";
import { port, sizeBytesOr } from "./values.js";

function targetRule(schemes: [string, ...string[]]) {
  return z.strictObject({
    scheme: z.enum(schemes).default(schemes[0]).describe("scheme of the servers"),
    host: z
      .string()
      .min(1)
      .describe("a name, `*.example.com` for all names below it, an address, a range as `fd00::/8`, or `*`"),
    port: port().optional().describe("default: any"),
    path: z.string().startsWith("/").optional().describe("what the path is or begins with; default: any"),
    allow_private: z.boolean().default(false).describe("whether names may lead to private addresses as well"),
  });
}

/** `proxy`: what can be reached through the hub. */
export const proxySection = z.strictObject({
  to_coap: z
    .array(targetRule(["coap", "coap+tcp"]))
    .default([])
    .describe("servers of CoAP, at `/hc/` and by Proxy-Uri"),
  to_http: z
    .array(targetRule(["http", "https"]))
    .default([])
    .describe("servers of HTTP, for CoAP clients by Proxy-Uri"),
  max_body_bytes: sizeBytesOr(PROXY_DEFAULTS.maxBodyBytes).describe("bytes of a body, each way"),
  timeout_ms: z.int().min(1).default(PROXY_DEFAULTS.timeoutMs).describe("milliseconds for a server of HTTP to answer"),
  max_exchanges: z.int().min(1).default(PROXY_DEFAULTS.maxExchanges).describe("requests under way at a time"),
});
