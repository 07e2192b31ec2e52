import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { configJsonSchema, configReference, hubOptionsOf, loadConfig } from "../src/config/index.js";
import { type JsonSchema, variantsOf } from "../src/config/json-schema.js";
import { type HubOptions, type Limits, MQTT_DEFAULTS } from "../src/index.js";

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${name}`, import.meta.url)), "utf8");

const UPDATE = "npm run build && npm run config-reference";

test(`docs/configuration.md tells every setting (${UPDATE})`, () => {
  const page = read("docs/configuration.md");
  // The formatter lines tables up by the width of letters; what they say counts.
  const plain = (text: string): string => text.replaceAll(/[ \n]+|-{3,}/g, " ");
  expect(plain(page)).toContain(plain(configReference()).trim());
});

test(`the committed JSON schema is that of the sections (${UPDATE})`, () => {
  expect(JSON.parse(read("packages/isthmus/isthmus.schema.json"))).toEqual(configJsonSchema());
});

/** How the configuration says each option of a hub; undefined: only a program can. */
const SECTION_BY_OPTION = {
  mqtt: "listeners",
  http: "listeners",
  httpLimits: "http",
  coap: "listeners",
  listeners: "listeners",
  access: "access",
  allowAnonymous: "access",
  limits: "limits",
  announcements: "announcements",
  store: "data",
  bridges: "bridges",
  mirror: "mirror",
  pan: "pan",
  proxy: "proxy",
  history: "history",
  sys: "sys",
  metrics: "metrics",
  dashboard: "dashboard",
  admin: "admin",
  hooks: undefined,
  smqtt: "smqtt",
  log: "log",
} as const satisfies Record<keyof HubOptions, string | undefined>;

describe("every option of a hub can be configured", () => {
  const sections = Object.keys(configJsonSchema().properties ?? {});

  test.each(Object.entries(SECTION_BY_OPTION))("%s", (_, section) => {
    if (section !== undefined) expect(sections).toContain(section);
  });

  test("and every one is among those of a configuration, so that a reload forgets what is no longer there", () => {
    const beside = ["mqtt", "http", "allowAnonymous", "store", "hooks", "log"];
    const expected = Object.keys(SECTION_BY_OPTION).filter((name) => !beside.includes(name));
    expect(Object.keys(hubOptionsOf(loadConfig({}).config)).sort()).toEqual(expected.sort());
  });

  test("every limit, with the default of the option", () => {
    const { limits } = hubOptionsOf(loadConfig({}).config);
    expect(limits).toMatchObject(MQTT_DEFAULTS);
    const beside = [
      "maxRetainedMessages",
      "maxRetainedBytes",
      "retainedFullPolicy",
      "topicCacheSize",
    ] satisfies (keyof Limits)[];
    expect(Object.keys(limits ?? {}).sort()).toEqual([...Object.keys(MQTT_DEFAULTS), ...beside].sort());
  });
});

describe("what sections keep to", () => {
  const settings = allSettings(configJsonSchema());

  test.each(settings)("$path has a description", ({ schema }) => {
    expect(variantsOf(schema).some(({ description }) => description !== undefined)).toBe(true);
  });

  test.each(settings.filter(({ path }) => /(password|passphrase|secret|_key|\.key|token)$/.test(path)))(
    "$path is masked",
    ({ schema }) => {
      expect(variantsOf(schema).some(({ writeOnly, type }) => writeOnly === true || type !== "string")).toBe(true);
    },
  );

  test.each(settings.filter(({ path }) => path.endsWith("_file") || path.endsWith(".file")))(
    "$path starts from the folder of the file",
    ({ schema }) => {
      expect(variantsOf(schema).every(({ format }) => format === "path")).toBe(true);
    },
  );
});

interface Setting {
  readonly path: string;
  readonly schema: JsonSchema;
}

function allSettings(schema: JsonSchema, path = ""): Setting[] {
  return variantsOf(schema).flatMap(({ properties = {}, items }) => [
    ...Object.entries(properties).flatMap(([name, inner]) => [
      { path: `${path}.${name}`, schema: inner },
      ...allSettings(inner, `${path}.${name}`),
    ]),
    ...(items === undefined ? [] : allSettings(items, `${path}[]`)),
  ]);
}
