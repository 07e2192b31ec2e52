import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ADMIN_DEFAULTS } from "../src/admin/admin-mount.js";
import { BRIDGE_DEFAULTS } from "../src/bridge/bridge-options.js";
import { HOOK_DEFAULTS } from "../src/hooks/hook-runner.js";
import { COAP_DEFAULTS, HTTP_DEFAULTS, MQTT_DEFAULTS } from "../src/index.js";
import { SMQTT_DEFAULTS } from "../src/smqtt/smqtt-options.js";

const page = readFileSync(fileURLToPath(new URL("../../../docs/limits.md", import.meta.url)), "utf8");

test.each(Object.entries(MQTT_DEFAULTS))("docs/limits.md tells the default of %s", (name, value) => {
  const row = new RegExp(`^\\| \`${name}\` +\\| (\\S+) +\\|`, "m").exec(page);
  expect(row?.[1]).toBe(String(value));
});

const OPERATIONS = [
  ...Object.entries(HOOK_DEFAULTS).map(([name, value]) => [`hooks.${name}`, value] as const),
  ...Object.entries(ADMIN_DEFAULTS).map(([name, value]) => [`admin.${name}`, value] as const),
  ...Object.entries(COAP_DEFAULTS)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => [`coap.${name}`, value] as const),
  ...Object.entries(HTTP_DEFAULTS)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => [`http.${name}`, value] as const),
  ...Object.entries(SMQTT_DEFAULTS).flatMap(([part, limits]) =>
    Object.entries(limits).map(([name, value]) => [`smqtt.${part}.${name}`, value] as const),
  ),
  ...Object.entries(BRIDGE_DEFAULTS).map(([name, value]) => [`bridges[].${name}`, value] as const),
];

test.each(OPERATIONS)("docs/limits.md tells the default of %s", (name, value) => {
  const [, , told] =
    page
      .split("\n")
      .find((line) => line.startsWith(`| \`${name}\` `))
      ?.split("|") ?? [];
  expect(told?.trim()).toBe(String(value));
});
