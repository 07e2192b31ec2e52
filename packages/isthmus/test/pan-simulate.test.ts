import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@isthmus/coap";
import { connect } from "@isthmus/mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runIsthmus } from "./run-cli.js";

const PORTS = ["--mqtt-port", "0", "--coap-port", "0", "--http-port", "0"];
const HOUSE = `
radio: { range: 10, loss: 0.1 }
report_every_s: 10
nodes:
  - { name: hall, role: router, at: [8, 0], resources: [door] }
  - { name: attic, at: [16, 0], resources: [temperature, light] }
`;

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "isthmus-house-"));
  await writeFile(join(directory, "house.yaml"), HOUSE);
});
afterAll(() => rm(directory, { recursive: true }));

describe("isthmus pan simulate", { timeout: 120_000 }, () => {
  test("shows a house whose nodes join, register, appear as topics and are read and switched through the hub", async () => {
    const run = runIsthmus(["pan", "simulate", ...PORTS, "--speed", "10", join(directory, "house.yaml")]);
    const printed = await run.printed(/attic registered/);
    expect(printed).toMatch(/hall joined as fd69:7374:686d:1::1, 1 hop by way of border router/);
    expect(printed).toMatch(/attic joined as fd69:7374:686d:1::2, 2 hops by way of hall/);
    const url = (door: string): string => new RegExp(`^${door} +(\\S+)$`, "m").exec(printed)?.[1] ?? "";
    await using client = await connect(url("mqtt"));
    const temperatures = await client.subscribe("devices/attic/temperature");
    for await (const { payload } of temperatures) {
      expect(Number(new TextDecoder().decode(payload))).toBeGreaterThan(15);
      break;
    }
    await using coap = createClient();
    expect((await coap.request(`${url("coap")}/attic/light`)).text()).toBe("off");
    const lights = await client.subscribe("devices/attic/light", { noLocal: true });
    await client.publish("devices/attic/light", "on", { qos: 1 });
    // Not what was published, but what the light says itself.
    for await (const { payload } of lights) if (new TextDecoder().decode(payload) === "on") break;
    expect((await coap.request(`${url("coap")}/attic/light`)).text()).toBe("on");
    run.stop();
    const { stdout, exitCode } = await run;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^attic +host +2 +hall +\d+/m);
    expect(stdout).toMatch(/on the air: \d+ frames; of \d+ arrivals/);
  });

  test("writes what was on the air, for other programs and for pan decode", async () => {
    const file = join(directory, "house.pcapng");
    const { stdout } = await runIsthmus(["pan", "simulate", ...PORTS, "--speed", "100", "--duration", "60s", "--pcap", file, "--seed", "7", join(directory, "house.yaml")]); // prettier-ignore
    expect(stdout).toContain("00:01:00.00 in the house");
    const decoded = await runIsthmus(["pan", "decode", "--summary", file]);
    expect(decoded.stdout).toMatch(/ICMPv6: router advertisement/);
    expect(decoded.stdout).toMatch(/CoAP CON [0-9a-f]{4} POST/);
  });

  test.each([
    ["no-such.yaml", undefined, "no-such.yaml: there is no such file"],
    ["a.yaml", "nodes: [", "a.yaml:"],
    ["b.yaml", "nodes: []", "b.yaml: nodes"],
    ["c.yaml", "nodes: [{ name: a, at: [0] }]", "c.yaml: nodes[0].at"],
    ["d.yaml", "nodes: [{ name: a, at: [0, 0] }, { name: a, at: [0, 1] }]", "two nodes are called a"],
    ["e.yaml", "nodes: [{ name: a, at: [0, 0], rle: host }]", 'e.yaml: nodes[0]: Unrecognized key: "rle"'],
  ])("%s of %j is refused", async (name, source, message) => {
    const file = join(directory, name);
    if (source !== undefined) await writeFile(file, source);
    const { stderr, exitCode } = await runIsthmus(["pan", "simulate", ...PORTS, file]);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });

  test.each([
    [["--loss", "2"], "--loss 2: not a number from 0 to 0.99"],
    [["--duration", "ten"], "--duration ten: not a time"],
    [[], "which house?"],
  ])("%j is refused", async (args, message) => {
    const operands = args.length === 0 ? [] : [join(directory, "house.yaml")];
    const { stderr, exitCode } = await runIsthmus(["pan", "simulate", ...args, ...operands]);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });
});
