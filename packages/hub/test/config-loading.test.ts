import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, loadConfig, type LoadedConfig, showConfig } from "../src/config/index.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-config-"));
const file = path.join(folder, "isthmus.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

type Environment = Readonly<Record<string, string>>;

function load(text: string, environment: Environment = {}): LoadedConfig {
  writeFileSync(file, text);
  return loadConfig({ file, environment });
}

/** The problems of a configuration, with `FILE` for its name. */
function problemsOf(text: string, environment: Environment = {}): string {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(file, "FILE");
    throw error;
  }
  throw new Error("the configuration was accepted");
}

describe("a problem is told with its place, what was found, what is allowed and a hint", () => {
  test.each<readonly [text: string, problem: string]>([
    ["durability: synk", 'FILE:1:13: durability: "synk" is not one of sync, interval, none\n  did you mean sync?'],
    ["limts: {}", "FILE:1:1: limts: there is no such setting\n  did you mean limits?"],
    [
      "limits:\n  maxInFlight: 3",
      "FILE:2:3: limits.maxInFlight: there is no such setting\n  did you mean max_in_flight?",
    ],
    [
      "max_in_flight: 3",
      "FILE:1:1: max_in_flight: there is no such setting\n  max_in_flight stands in limits.max_in_flight",
    ],
    ["limits:\n  receive_maximum: 0", "FILE:2:20: limits.receive_maximum: 0 is not a whole number from 1 to 65535"],
    [
      "limits:\n  max_queued_bytes: 64KB",
      'FILE:2:21: limits.max_queued_bytes: "64KB" is not a whole number of 0 or more or a text like 64KiB',
    ],
    ["limits: [1]", "FILE:1:9: limits: a list is not a mapping of settings"],
    ["durability:", "FILE:1:12: durability: nothing is not one of sync, interval, none"],
    ["listeners:\n  - type: mqtt\n  - type: htpp\n    port: 1", 'FILE:3:11: listeners[1].type: "htpp" is not one of'],
    ["listeners:\n  - port: 1", "FILE:2:5: listeners[0].type is missing: one of"],
    [
      "listeners:\n  - type: http\n    alowed_origins: []",
      "FILE:3:5: listeners[0].alowed_origins: there is no such setting\n  did you mean allowed_origins?",
    ],
    [
      "access:\n  allow_anonymous: yes",
      'FILE:2:20: access.allow_anonymous: "yes" is not true or false\n  did you mean true?',
    ],
    ["log: {level: info}\nlog: {}", "FILE:2:1: Map keys must be unique\n  a key may stand once in a mapping"],
    ["log:\n\tlevel: info", "FILE:2:1: Tabs are not allowed as indentation\n  indent with spaces"],
    [
      "listener 1883\nallow_anonymous true",
      "FILE:1:1: no settings, but a text\n  this looks like mosquitto's format: isthmus config import FILE converts it",
    ],
    ["- 1", "FILE:1:1: the configuration: a list is not a mapping of settings"],
    ['data: "${NOWHERE}"', "FILE:1:7: data: ${NOWHERE}: there is no such variable\n  set NOWHERE"],
    ['data: "${file:gone}"', "FILE:1:7: data: cannot read"],
  ])("%s", (text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  test("all at once, in the order of the file", () => {
    const lines = problemsOf("data: 3\nprot: 1\ndurability: x\n").split("\n");
    expect(lines.filter((line) => line.startsWith("FILE")).map((line) => line.split(" ")[0])).toEqual([
      "FILE:1:7:",
      "FILE:2:1:",
      "FILE:3:13:",
    ]);
  });

  test("a file that is not there", () => {
    expect(() => loadConfig({ file: path.join(folder, "none.yaml") })).toThrow(/none\.yaml: cannot be read/);
  });

  test("through an anchor and a merge, at what can be found", () => {
    expect(problemsOf("x: &x {level: loud}\nlog: *x\n")).toMatch(/FILE:1:15: log\.level: "loud" is not one of/);
  });
});

describe("the file", () => {
  test("an empty one is all defaults", () => {
    const { config } = load("# nothing\n");
    expect(config).toMatchObject({ durability: "sync", log: { level: "info" }, limits: { max_in_flight: 1024 } });
    expect(config.limits.max_connections).toBe(Number.POSITIVE_INFINITY);
  });

  test("a section whose lines are all commented out says nothing", () => {
    expect(load("limits:\n  # max_in_flight: 5\nlog:\n").config).toEqual(load("").config);
  });

  test("sizes may have a unit", () => {
    const { limits } = load("limits:\n  max_queued_bytes: 3MiB\n  congestion_bytes: 1000").config;
    expect(limits).toMatchObject({ max_queued_bytes: 3 * 1024 * 1024, congestion_bytes: 1000 });
  });

  test("relative paths start from its folder; words that are no paths stay", () => {
    expect(load("data: var").config.data).toBe(path.join(folder, "var"));
    expect(load("data: /srv/x").config.data).toBe("/srv/x");
    expect(load("data: memory").config.data).toBe("memory");
  });

  test("${NAME} is from the environment, ${file:...} from a file, in the type that belongs there", () => {
    writeFileSync(path.join(folder, "level"), "warn\n");
    const text = 'log:\n  level: ${file:level}\nlimits:\n  max_in_flight: ${N}\ndata: "/x/$${N}-${N}"';
    const { config } = load(text, { N: "17" });
    expect(config).toMatchObject({ log: { level: "warn" }, limits: { max_in_flight: 17 }, data: "/x/${N}-17" });
  });
});

describe("the environment", () => {
  test("goes over the file, by key and by index", () => {
    const text = "listeners:\n  - {type: mqtt, port: 1}\n  - {type: http, port: 2}\nlimits: {max_in_flight: 5}";
    const { config, given } = load(text, {
      ISTHMUS_LISTENERS__1__PORT: "3",
      ISTHMUS_LISTENERS__1__ALLOWED_ORIGINS: "https://a.example,https://b.example",
      ISTHMUS_LIMITS__MAX_QUEUED_MESSAGES: "7",
      ISTHMUS_ACCESS__ALLOW_ANONYMOUS: "true",
    });
    expect(config.listeners).toMatchObject([
      { type: "mqtt", port: 1 },
      { type: "http", port: 3, allowed_origins: ["https://a.example", "https://b.example"] },
    ]);
    expect(config).toMatchObject({
      limits: { max_in_flight: 5, max_queued_messages: 7 },
      access: { allow_anonymous: true },
    });
    expect(given).toMatchObject({ limits: { max_in_flight: 5, max_queued_messages: 7 } });
  });

  test("may give a whole list as YAML", () => {
    const { config } = loadConfig({ environment: { ISTHMUS_LISTENERS: "[{type: mqtt, port: 0}]" } });
    expect(config.listeners).toMatchObject([{ type: "mqtt", port: 0 }]);
  });

  test("a word that is no setting of a section is an error, a section that there is not is ignored", () => {
    expect(problemsOf("", { ISTHMUS_LOG__LEVL: "info" })).toBe(
      'ISTHMUS_LOG__LEVL: there is no setting "LEVL"\n  did you mean ISTHMUS_LOG__LEVEL?',
    );
    // What a cluster sets for a service of this name.
    expect(load("", { ISTHMUS_PORT: "tcp://10.0.0.1:1883", ISTHMUS_SERVICE_HOST: "10.0.0.1" }).ignored).toEqual([
      "ISTHMUS_PORT",
      "ISTHMUS_SERVICE_HOST",
    ]);
  });

  test("a wrong value is told by the variable's name", () => {
    expect(problemsOf("log: {level: info}", { ISTHMUS_LOG__LEVEL: "loud" })).toMatch(
      /^ISTHMUS_LOG__LEVEL: log\.level: "loud" is not one of/,
    );
  });
});

describe("what is shown", () => {
  test("is YAML that gives the same configuration again", () => {
    const { config } = load("limits: {max_connections: 10, max_queued_bytes: 1MiB}\ndata: /srv/x");
    expect(load(showConfig(config)).config).toEqual(config);
  });
});
