import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runIsthmus } from "./run-cli.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const file = path.join(folder, `${text.length}.yaml`);
  writeFileSync(file, text);
  return file;
}

describe("isthmus config check", () => {
  test("says that all is well, and who will be let in", async () => {
    const { stdout, exitCode } = await runIsthmus(["config", "check", fileWith("log: {level: warn}")]);
    expect(stdout).toMatch(/yaml: all is well; .+\n$/);
    expect(exitCode).toBe(0);
  });

  test("tells each error with line and hint", async () => {
    const file = fileWith("log:\n  levl: warn\nprot: 1\n");
    const { stderr, exitCode } = await runIsthmus(["config", "check", file]);
    expect(stderr).toContain(`${file}:2:3: log.levl: there is no such setting\n  did you mean level?`);
    expect(stderr).toContain(`${file}:3:1: prot: there is no such setting`);
    expect(exitCode).toBe(1);
  });

  test("tells what the hub would refuse", async () => {
    const file = fileWith("listeners:\n  - {type: mqtt, host: 0.0.0.0}\n");
    const { stderr, exitCode } = await runIsthmus(["config", "check", file]);
    expect(stderr).toContain("other machines can reach the listener mqtt, and no users are configured");
    expect(exitCode).toBe(1);
  });
});

describe("isthmus config show", () => {
  const file = fileWith("limits: {max_in_flight: 5}\n");

  test("shows what was said", async () => {
    const { stdout } = await runIsthmus(["config", "show", file]);
    expect(parse(stdout)).toEqual({ limits: { max_in_flight: 5 } });
  });

  test("--effective shows what holds", async () => {
    const { stdout } = await runIsthmus(["config", "show", "--effective", file]);
    expect(parse(stdout)).toMatchObject({
      durability: "sync",
      limits: { max_in_flight: 5, max_connections: "unlimited" },
      listeners: [
        { type: "mqtt", port: 1883 },
        { type: "http", port: 8080 },
        { type: "coap", port: 5683 },
      ],
    });
  });
});

test("isthmus config schema prints a schema that knows every section", async () => {
  const { stdout } = await runIsthmus(["config", "schema"]);
  expect(Object.keys(JSON.parse(stdout).properties)).toContain("listeners");
});

describe("isthmus serve --config", () => {
  test("opens what the configuration says, and flags win", async () => {
    const file = fileWith("data: memory\nlisteners:\n  - {type: mqtt, port: 1}\nlog: {level: silent}\n");
    const run = runIsthmus(["serve", "--config", file, "--mqtt-port", "0"]);
    const printed = await run.printed(/ready\n/);
    expect(printed).toMatch(/^mqtt {4}mqtt:\/\/127\.0\.0\.1:\d+\ndata {4}in memory\naccess {2}.*\nready\n$/);
    run.stop();
    expect((await run).exitCode).toBe(0);
  });

  test("starts nothing when the configuration has errors", async () => {
    const file = fileWith("listeners: 3\n");
    const { stderr, exitCode } = await runIsthmus(["serve", "--config", file]);
    expect(stderr).toContain(`${file}:1:12: listeners: 3 is not a list`);
    expect(exitCode).toBe(1);
  });
});
