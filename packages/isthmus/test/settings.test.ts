import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseServeFlags } from "../src/config/serve-flags.js";
import { readSettings } from "../src/config/settings.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-settings-"));
const file = path.join(folder, "isthmus.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(
  file,
  `
data: /srv/hub
durability: interval
listeners:
  - { type: mqtt, port: 11883, host: 127.0.0.2 }
log: { level: warn }
limits: { max_in_flight: 5 }
`,
);

const settingsOf = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  readSettings(parseServeFlags(args), { HOME: "/home/someone", XDG_STATE_HOME: "/state", ...environment });

describe("defaults < file < environment < flags", () => {
  test("without a file", async () => {
    expect(await settingsOf([])).toMatchObject({
      hub: {
        listeners: [
          { type: "mqtt", port: 1883 },
          { type: "http", port: 8080 },
        ],
        coap: { port: 5683 },
        access: undefined,
      },
      data: { directory: "/state/isthmus", durability: "sync" },
      log: { level: "info", format: "auto" },
    });
  });

  test("an empty file and no file are the same", async () => {
    const empty = path.join(folder, "empty.yaml");
    writeFileSync(empty, "");
    expect(await settingsOf(["--config", empty])).toMatchObject({ ...(await settingsOf([])), hub: {} });
    expect((await settingsOf(["--config", empty])).hub.listeners).toMatchObject(
      (await settingsOf([])).hub.listeners ?? [],
    );
  });

  test("the file, named by flag or variable", async () => {
    const fromFile = {
      hub: { listeners: [{ type: "mqtt", port: 11_883, host: "127.0.0.2" }], limits: { maxInFlight: 5 } },
      data: { directory: "/srv/hub", durability: "interval" },
      log: { level: "warn" },
    };
    expect(await settingsOf(["--config", file])).toMatchObject(fromFile);
    expect(await settingsOf([], { ISTHMUS_CONFIG: file })).toMatchObject(fromFile);
  });

  test("the environment over the file", async () => {
    const { hub, log, data } = await settingsOf(["--config", file], {
      ISTHMUS_LISTENERS__0__PORT: "21883",
      ISTHMUS_LOG__LEVEL: "error",
      ISTHMUS_DATA: "memory",
    });
    expect(hub.listeners).toMatchObject([{ port: 21_883, host: "127.0.0.2" }]);
    expect(log.level).toBe("error");
    expect(data).toBeUndefined();
  });

  test("flags over all", async () => {
    const args = ["--mqtt-port", "0", "--http-port=off", "--log-level", "debug", "--durability", "none"];
    const { hub, log, data } = await settingsOf(["--config", file, ...args, "--allow-anonymous"], {
      ISTHMUS_LISTENERS__0__PORT: "21883",
      ISTHMUS_LOG__LEVEL: "error",
    });
    expect(hub.listeners).toMatchObject([{ type: "mqtt", port: 0, host: "127.0.0.2" }]);
    expect(hub.access).toMatchObject({ allowAnonymous: true });
    expect(log.level).toBe("debug");
    expect(data).toEqual({ directory: "/srv/hub", durability: "none" });
    expect((await settingsOf(["--config", file, "--memory"])).data).toBeUndefined();
    expect((await settingsOf(["--config", file, "--http-port", "0"])).hub.listeners).toMatchObject([
      { type: "mqtt", port: 11_883 },
      { type: "http", port: 0 },
    ]);
    expect((await settingsOf(["--coap-port", "0", "--host", "::1"])).hub.coap).toMatchObject({ port: 0, host: "::1" });
    expect((await settingsOf(["--coap-port", "off"])).hub.coap).toBeUndefined();
    expect((await settingsOf(["--config", file])).hub.coap).toBeUndefined();
    expect((await settingsOf(["--config", file, "--coap-port", "0"])).hub.coap).toMatchObject({ port: 0 });
    expect((await settingsOf(["--host", "::1"])).hub.listeners).toMatchObject([{ host: "::1" }, { host: "::1" }]);
  });
});

test("variables that are no settings are told", async () => {
  const { notices } = await settingsOf([], { ISTHMUS_PORT: "tcp://10.0.0.1:1883" });
  expect(notices).toEqual(["ISTHMUS_PORT is no setting: ignored"]);
});

test.each([
  [["--mqtt-port", "70000"], "--mqtt-port 70000 is not a port"],
  [["--durability", "perhaps"], "--durability perhaps: there is no such how"],
  [["--data", "x", "--memory"], "--data and --memory exclude each other"],
  [["--prot"], 'unknown option "--prot"'],
])("%j is refused", (args, message) => {
  expect(() => parseServeFlags(args)).toThrow(message);
});
