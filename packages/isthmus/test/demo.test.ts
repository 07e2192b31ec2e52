import { createClient } from "@isthmus/coap";
import { connect } from "@isthmus/mqtt";
import { describe, expect, test } from "vitest";
import { runIsthmus } from "./run-cli.js";

describe("isthmus demo", { timeout: 60_000 }, () => {
  test("shows all doors move: what comes in by MQTT and CoAP goes out by HTTP, and is there for everybody", async () => {
    const ports = ["--mqtt-port", "0", "--coap-port", "0", "--http-port", "0"];
    const run = runIsthmus(["demo", ...ports, "--every", "0.2"]);
    const printed = await run.printed(/coap > http {2}devices\/nest_bedroom\/temp/);
    await run.printed(/mqtt > http {2}house\/living-room\/temperature +\d\d\.\d\n/);
    const url = (door: string): string => new RegExp(`^${door} +(\\S+)`, "m").exec(printed)?.[1] ?? "";

    // The examples of the introduction.
    await using coap = createClient();
    expect((await coap.request(`${url("coap")}/nest_bedroom/temp`)).text()).toMatch(/^\d\d\.\d$/);
    await using client = await connect(url("mqtt"));
    await client.publish("devices/garden/lamp", "on", { qos: 1 });
    await run.printed(/coap > http {2}devices\/garden\/lamp +on\n/);
    const value = await fetch(`${url("http")}/topics/house/living-room/temperature`);
    expect(await value.text()).toMatch(/^\d\d\.\d$/);
    await fetch(`${url("http")}/topics/house/door/bell`, { method: "PUT", body: "hello" });
    await run.printed(/http > http {2}house\/door\/bell +hello\n/);

    run.stop();
    expect((await run).exitCode).toBe(0);
  });

  test.each([
    [["demo", "now"], 'nothing to do with "now"'],
    [["demo", "--every", "0"], "--every 0: not a number of 0.05 or more"],
  ])("%j is refused", async (args, message) => {
    const { stderr, exitCode } = await runIsthmus(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });
});
