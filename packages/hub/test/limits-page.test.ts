import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MQTT_DEFAULTS } from "../src/index.js";

const page = readFileSync(fileURLToPath(new URL("../../../docs/limits.md", import.meta.url)), "utf8");

test.each(Object.entries(MQTT_DEFAULTS))("docs/limits.md tells the default of %s", (name, value) => {
  const row = new RegExp(`^\\| \`${name}\` +\\| (\\S+) +\\|`, "m").exec(page);
  expect(row?.[1]).toBe(String(value));
});
