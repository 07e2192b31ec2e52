import { z } from "zod";
import type { JsonSchema } from "./json-schema.js";
import { accessSection } from "./sections/access.js";
import { adminSection } from "./sections/admin.js";
import { announcementsSection } from "./sections/announcements.js";
import { bridgesSection } from "./sections/bridges.js";
import { coapSection } from "./sections/coap.js";
import { historySection } from "./sections/history.js";
import { httpSection } from "./sections/http.js";
import { limitsSection } from "./sections/limits.js";
import { listenersSection } from "./sections/listeners.js";
import { logSection } from "./sections/log.js";
import { metricsSection } from "./sections/metrics.js";
import { mirrorSection } from "./sections/mirror.js";
import { panSection } from "./sections/pan.js";
import { proxySection } from "./sections/proxy.js";
import { smqttSection } from "./sections/smqtt.js";
import { storeSection } from "./sections/store.js";
import { sysSection } from "./sections/sys.js";

/**
 * The configuration file, composed of one schema a part of the hub (`sections/`).
 *
 * What a section keeps to:
 * - keys are the option's name in snake case: `max_queued_bytes` becomes `maxQueuedBytes` by {@link camelCased}, so that
 *   a section says nothing twice. Hence no keys that users make up: a list of objects with a `name` does that.
 * - objects are strict, and every key has a `.describe()`, which the schema, the errors and docs/configuration.md show;
 * - every key has a default or is optional, but for those without which an entry of a list means nothing;
 * - passwords, tokens and the like are `secret()`: they are masked where the configuration is shown;
 * - files and folders are `filePath()`: a relative one starts from the configuration file's folder.
 */
export const configSchema = z.strictObject({
  ...storeSection,
  listeners: listenersSection.describe("where clients come in"),
  access: accessSection.prefault({}).describe("who may connect, publish and subscribe"),
  limits: limitsSection.prefault({}).describe("bounds, see docs/limits.md"),
  announcements: announcementsSection.prefault({}).describe("what clients of MQTT 5.0 are told besides"),
  bridges: bridgesSection.describe("other brokers that topics are shared with"),
  coap: coapSection.prefault({}).describe("limits of CoAP"),
  http: httpSection.prefault({}).describe("limits of `/topics` over HTTP"),
  dashboard: z.boolean().default(true).describe("whether there is a web page at `/` of the HTTP door"),
  mirror: z
    .union([z.literal(false), mirrorSection])
    .prefault({})
    .describe("topics of devices that register over CoAP; false: none"),
  pan: panSection.optional().describe("radio network that the hub is the border router of; default: none"),
  proxy: proxySection.prefault({}).describe("what can be reached through the hub, from HTTP to CoAP and back"),
  history: historySection.optional().describe("messages kept to be read later; default: none"),
  metrics: metricsSection.prefault({}).describe("`/metrics` of the HTTP door, for Prometheus"),
  smqtt: smqttSection.optional().describe("Secure MQTT beyond carrying it; default: nothing"),
  admin: z
    .union([z.literal(false), adminSection])
    .prefault({})
    .describe("management API at `/api` of the HTTP door; false: none"),
  sys: sysSection.prefault({}).describe("status topics below `$SYS/broker/`"),
  log: logSection.prefault({}).describe("the log, on standard error"),
});

/** A checked configuration with its defaults, in the words of the file. */
export type Config = z.output<typeof configSchema>;

/** The schema as editors read it, from which errors, masks and the reference are derived as well. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    // Numbers that are only safe integers have no bounds worth telling.
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const { $schema, ...rest } = schema;
  // zod writes sub-schemas as objects, none as `true` or `false`.
  return { $schema, title: "isthmus configuration", ...rest } as JsonSchema;
}
