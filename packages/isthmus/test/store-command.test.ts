import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createHub } from "@isthmus/hub";
import { openStore } from "@isthmus/hub/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runIsthmus } from "./run-cli.js";

const root = mkdtempSync(path.join(tmpdir(), "isthmus-store-command-"));
const data = path.join(root, "data");
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A session with two messages that wait, and a retained message. */
beforeAll(async () => {
  const hub = await createHub({ store: await openStore(data, { durability: "interval" }) });
  const subscriber = await hub.connect({ clientId: "panel", cleanStart: false, reconnect: false });
  await subscriber.subscribe("house/#", { qos: 2 });
  await subscriber.close();
  const publisher = await hub.connect();
  await publisher.publish("house/door", "open", { qos: 1, retain: true });
  await publisher.publish("house/ü", Uint8Array.of(0, 255), { qos: 2 });
  await publisher.close();
  await hub.close();
});

describe("isthmus store", () => {
  test("info counts what is there", async () => {
    const { stdout, exitCode } = await runIsthmus(["store", "info", "--data", data]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`store         ${data}\nformat        1\ndurability    interval\n`);
    expect(stdout).toMatch(/^messages +2 records/m);
    expect(stdout).toMatch(/^retained +1 records/m);
    const json: unknown = JSON.parse((await runIsthmus(["store", "info", "--data", data, "--json"])).stdout);
    expect(json).toMatchObject({ format: 1, durability: "interval", directory: data });
  });

  test("export and import make an equal store, and a hub goes on with it", async () => {
    const file = path.join(root, "export.jsonl");
    const copy = path.join(root, "copy");
    expect(await runIsthmus(["store", "export", "--data", data, file])).toMatchObject({ exitCode: 0, stdout: "" });
    const imported = await runIsthmus(["store", "import", "--data", copy, file]);
    expect(imported).toMatchObject({ exitCode: 0, stderr: "" });
    expect(imported.stdout).toMatch(/^\d+ records are in .*copy now\n$/);
    const again = await runIsthmus(["store", "export", "--data", copy]);
    expect(again.stdout).toBe(readFileSync(file, "latin1"));

    const hub = await createHub({ store: await openStore(copy) });
    const back = await hub.connect({ clientId: "panel", cleanStart: false, reconnect: false });
    const heard: string[] = [];
    for await (const { topic, payload } of back.messages()) {
      if (heard.push(`${topic} ${Buffer.from(payload).toString("hex")}`) === 2) break;
    }
    expect(heard).toEqual(["house/door 6f70656e", "house/ü 00ff"]);
    await hub.close();
  });

  test("import reads standard input, into a directory that is empty", async () => {
    const copy = path.join(root, "from-input");
    mkdirSync(copy);
    const lines = (await runIsthmus(["store", "export", "--data", data])).stdout;
    expect((await runIsthmus(["store", "import", "--data", copy], lines)).exitCode).toBe(0);
    expect((await runIsthmus(["store", "export", "--data", copy])).stdout).toBe(lines);
  });
});

describe("isthmus store says what cannot be done", () => {
  const fresh = path.join(root, "fresh");

  test("without a store", async () => {
    for (const verb of ["info", "export"]) {
      const { stderr, exitCode } = await runIsthmus(["store", verb, "--data", fresh]);
      expect(stderr).toContain(`there is no store in ${fresh}: a hub that was told to keep its data there makes one`);
      expect(exitCode).toBe(1);
    }
    expect(readdirSync(root)).not.toContain("fresh");
  });

  test("while a hub has it", async () => {
    const store = await openStore(data);
    const { stderr, exitCode } = await runIsthmus(["store", "export", "--data", data]);
    await store.close();
    expect(stderr).toContain(`${data} is in use by this process: stop that hub`);
    expect(exitCode).toBe(1);
  });

  test("where there is a store already", async () => {
    const { stderr } = await runIsthmus(["store", "import", "--data", data], "");
    expect(stderr).toContain(`${data} is not empty`);
  });

  test("with a file that is not there", async () => {
    const { stderr } = await runIsthmus(["store", "import", "--data", fresh, path.join(root, "nothing")]);
    expect(stderr).toContain("no such file or directory");
  });

  test.each([
    ["nothing", (): string => "", 'it ends after line 0: the last line of an export says "end"'],
    ["something else", (): string => "hello\n", "line 1: not a JSON object"],
    ["another export", (): string => "{}\n", "line 1: this is no export of a store"],
    ["one of a later form", (all: string): string => all.replace('"form":1', '"form":2'), "form 2, this version reads"],
    ["one that was cut", (all: string): string => all.slice(0, -60), /line \d+: not a JSON object|it ends after line/],
    ["one without an end", (all: string): string => all.replace(/\{"end.*\n/, ""), "it ends after line"],
    ["one that lacks a record", (all: string): string => all.replace(/\{"table":"retained.*\n/, ""), "records, "],
    [
      "a value that is none",
      (all: string): string => all.replace(/"value":"../, '"value":"?!'),
      "the value is not Base64",
    ],
    ["a table that is none", (all: string): string => all.replace('"retained"', '"forgotten"'), 'no table "forgotten"'],
    ["a key that is none", (all: string): string => all.replace('["house/door"]', "[-1]"), "[-1] is no key"],
  ])("with %s: nothing is imported", async (_name, change, message) => {
    const whole = (await runIsthmus(["store", "export", "--data", data])).stdout;
    const file = path.join(root, "damaged.jsonl");
    writeFileSync(file, change(whole));
    const { stderr, exitCode } = await runIsthmus(["store", "import", "--data", fresh, file]);
    expect(stderr).toMatch(message);
    expect(stderr).toContain("nothing was imported");
    expect(exitCode).toBe(1);
    expect(readdirSync(root).filter((name) => name.startsWith("fresh"))).toEqual([]);
  });
});
