import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Run, runIsthmus, runProgram } from "./run-cli.js";

const PROGRAM = fileURLToPath(new URL("../bin/isthmus.js", import.meta.url));
/** What others wrote (Debian: libcoap3-bin, mosquitto-clients). */
const PEERS = { get: "coap-client-notls", subscribe: "mosquitto_sub" };
const missing = Object.values(PEERS).filter((name) => spawnSync(name, ["--help"]).error !== undefined);

const HOUSE = `
report_every_s: 1
nodes:
  - { name: attic, at: [0, 0], resources: [temperature] }
  - { name: hall, at: [0, 0], resources: [light] }
`;
const CONFIG = `pan: { link: { zep: { listen: "[::1]:0" } } }`;

let directory = "";
const runs: Run[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "isthmus-zep-"));
  await writeFile(join(directory, "house.yaml"), HOUSE);
  await writeFile(join(directory, "hub.yaml"), CONFIG);
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.stop();
    await run;
  }
});
afterAll(() => rm(directory, { recursive: true }));

/** Isthmus in a process of its own. */
function start(...args: readonly string[]): Run {
  const run = runProgram(process.execPath, [PROGRAM, ...args]);
  runs.push(run);
  return run;
}

describe.skipIf(missing.length > 0)(`over ZEP, beside ${missing.join(" and ")}`, { timeout: 120_000 }, () => {
  test("nodes in one process are served by the border router of the hub in another, and read by other people's programs", async () => {
    const ports = ["--memory", "--mqtt-port", "0", "--coap-port", "0", "--http-port", "off"];
    const hub = start("serve", "--config", join(directory, "hub.yaml"), ...ports);
    const printed = await hub.printed(/ready\n/);
    const door = (name: string): URL =>
      new URL((new RegExp(`^${name} +\\w+(://\\S+)$`, "m").exec(printed)?.[1] ?? "").replace("://", "http://"));
    const [mqtt, coap, pan] = [door("mqtt"), door("coap"), door("pan")];

    const sniffer = runIsthmus(["pan", "sniff", "--zep", pan.host, "-C", "40", "-c", "0=fd69:7374:686d:1::/64"]);
    const nodes = start("pan", "simulate", "--zep", pan.host, join(directory, "house.yaml"));
    await nodes.printed(/attic registered at \/rd\/\d/);
    await nodes.printed(/hall registered at \/rd\/\d/);

    const subscriber = runProgram(PEERS.subscribe, ["-h", mqtt.hostname, "-p", mqtt.port, "-t", "devices/+/temperature", "-C", "3", "-v"]); // prettier-ignore
    const readings = (await subscriber).stdout.trimEnd().split("\n");
    expect(readings).toHaveLength(3);
    for (const reading of readings) expect(reading).toMatch(/^devices\/attic\/temperature \d\d\.\d$/);

    const uri = `coap://${coap.host}/hall/light`;
    const { stdout } = await runProgram(PEERS.get, ["-m", "get", "-B", "20", uri]);
    expect(stdout.trim()).toBe("off");
    await runProgram(PEERS.get, ["-m", "put", "-e", "on", "-B", "20", uri]);
    expect((await runProgram(PEERS.get, ["-m", "get", "-B", "20", uri])).stdout.trim()).toBe("on");

    const heard = (await sniffer).stdout;
    expect(heard.trimEnd().split("\n")).toHaveLength(40);
    expect(heard).toMatch(/UDP 5683 > 5683 {2}CoAP CON/);
  });
});
