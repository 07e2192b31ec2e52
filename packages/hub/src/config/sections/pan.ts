import { z } from "zod";
import { PAN_DEFAULTS } from "../../pan/pan-options.js";
import { secret } from "./values.js";

const zep = z.strictObject({
  remote: z
    .string()
    .optional()
    .describe("a peer or a dispatcher, as `[::1]:17754`; default: the hub is the dispatcher"),
  listen: z.string().optional().describe("where the hub listens as the dispatcher; default `[::1]:17754`"),
  channel: z.int().min(11).max(26).optional().describe("the radio channel; default 26"),
});

const serial = z.strictObject({
  path: z.string().min(1).describe("as `/dev/ttyACM0`; the package `serialport` must be installed"),
  baud_rate: z.int().min(1).optional().describe("default 115200"),
});

const context = z.strictObject({
  id: z.int().min(1).max(15).describe("identifier of the context"),
  prefix: z.string().describe("a prefix, as `2001:db8:2::/64`"),
});

const tun = z.strictObject({
  name: z
    .string()
    .regex(/^[\w-]{1,15}$/)
    .default(PAN_DEFAULTS.tun.name)
    .describe("name of the device"),
  address: z.ipv6().default(PAN_DEFAULTS.tun.address).describe("the host's own address on it, outside of `prefix`"),
  is_ready: z
    .boolean()
    .default(false)
    .describe("whether the device exists, with its address and routes, for a hub without CAP_NET_ADMIN"),
});

/** `pan`: a network of constrained nodes that the hub is the border router of. */
export const panSection = z.strictObject({
  link: z
    .union([
      z.strictObject({ zep: zep.describe("frames in ZEP over UDP, as RIOT's native nodes speak it") }),
      z.strictObject({ serial: serial.describe("frames in SLIP over a serial line") }),
    ])
    .describe("how frames come and go"),
  prefix: z.string().default(PAN_DEFAULTS.prefix).describe("the /64 of the network"),
  pan_id: z.int().min(0).max(0xfffe).default(PAN_DEFAULTS.panId).describe("identifier of the network"),
  address: z.string().default(PAN_DEFAULTS.address).describe("the border router's extended address"),
  contexts: z.array(context).default([]).describe("further prefixes that are worth a context"),
  lifetime_minutes: z
    .int()
    .min(1)
    .default(PAN_DEFAULTS.lifetimeMinutes)
    .describe("for how long prefix and contexts hold"),
  max_nodes: z.int().min(1).default(PAN_DEFAULTS.maxNodes).describe("nodes that may register"),
  key: secret()
    .regex(/^[0-9a-fA-F]{32}$/)
    .optional()
    .describe("key of the network, 32 hexadecimal digits; default: frames are not secured"),
  is_lenient: z.boolean().default(false).describe("whether check sequences may be wrong, as of RIOT before 2026.07"),
  block_size_bytes: z
    .literal([16, 32, 64, 128, 256, 512, 1024])
    .default(PAN_DEFAULTS.blockSizeBytes)
    .describe("bytes of a block of CoAP's: 64 fit one frame"),
  outbound: z.array(z.string()).default([]).describe("addresses and ranges outside that nodes may send datagrams to"),
  max_outbound: z.int().min(1).default(PAN_DEFAULTS.maxOutbound).describe("conversations with the outside at a time"),
  tun: tun.optional().describe("a TUN device, by which the host's programs reach nodes; needs `socat`; default: none"),
});
