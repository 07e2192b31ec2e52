import { z } from "zod";
import { MIRROR_DEFAULTS } from "../../mirror/mirror-options.js";
import { sizeBytesOr } from "./values.js";

const rule = z.strictObject({
  endpoint: z.string().optional().describe("endpoint names, `*` stands for any characters; default: any"),
  path: z.string().optional().describe("paths as `/sensors/temp`, with `*` likewise; default: any"),
  topic: z
    .union([z.literal(false), z.string().min(1)])
    .describe("the topic, with `{endpoint}` and `{path}`; false leaves the resources out"),
});

/** `mirror`: how devices of CoAP that register become topics. */
export const mirrorSection = z.strictObject({
  rules: z.array(rule).default([]).describe("which resource is which topic; the first rule that is about one decides"),
  prefix: z.string().min(1).default(MIRROR_DEFAULTS.prefix).describe("what all other topics of devices begin with"),
  max_devices: z.int().min(1).default(MIRROR_DEFAULTS.maxDevices).describe("devices at a time"),
  max_resources: z
    .int()
    .min(1)
    .default(MIRROR_DEFAULTS.maxResources)
    .describe("resources of one device that are topics"),
  max_value_bytes: sizeBytesOr(MIRROR_DEFAULTS.maxValueBytes).describe("bytes of a value of a device"),
  allowed_bases: z
    .array(z.string())
    .default([])
    .describe("addresses and ranges where a device may be said to be by another than itself"),
});
