import { describe, expect, test } from "vitest";
import type { HubOptions } from "../src/index.js";
import { takeLive } from "../src/live-options.js";
import { TcpHub } from "./test-hub.js";

describe("what a running hub takes over", () => {
  const current: HubOptions = { limits: { maxConnections: 5, pollMs: 1 }, sys: { intervalMs: 10 } };

  test("access and live limits; what else differs waits, and keeps being told", () => {
    const wanted: HubOptions = { access: { allowAnonymous: true }, limits: { maxConnections: 7, pollMs: 2 }, sys: {} };
    const { options, waiting } = takeLive(current, wanted);
    expect(options).toMatchObject({ access: { allowAnonymous: true }, limits: { maxConnections: 7, pollMs: 1 } });
    expect(options.sys).toEqual({ intervalMs: 10 });
    expect(waiting).toEqual(["sys", "limits.pollMs"]);
    expect(takeLive(options, wanted).waiting).toEqual(waiting);
  });

  test("a default that is spelled out is no difference", () => {
    expect(takeLive({}, { limits: { pollMs: 0.1, maxTopicLevels: 128 } }).waiting).toEqual([]);
  });
});

describe("Hub.reload", () => {
  test("what is left out stays as it is", async () => {
    const hub = await TcpHub.start({ limits: { maxConnections: 1 } });
    const client = await hub.connect();
    expect(await hub.hub.reload()).toEqual([]);
    expect(hub.hub.listeners).toHaveLength(1);
    expect(await client.settle()).toEqual([]);
    await hub.close();
  });

  test("several at once come one after the other, and one that fails stands in nobody's way", async () => {
    const hub = await TcpHub.start();
    const [failed, renamed] = await Promise.allSettled([
      hub.hub.reload({ access: { rules: [{ allow: "read", topics: ["#/a"] }] } }),
      hub.hub.reload({ mqtt: { port: 0, name: "other" } }),
    ]);
    expect(failed?.status).toBe("rejected");
    expect(renamed).toMatchObject({ status: "fulfilled", value: ["listeners.mqtt"] });
    await hub.close();
  });

  test("a listener with rules of its own has them from its first connection on", async () => {
    const hub = await TcpHub.start();
    await hub.hub.reload({
      listeners: [{ type: "mqtt", port: 0, host: "127.0.0.2", access: { allowAnonymous: false } }],
    });
    const [, closed] = hub.hub.listeners;
    expect(closed?.name).toBe("mqtt-2");
    const other = new TcpHub(hub.hub);
    expect((await (await hub.open()).connect()).reasonCode).toBe(0);
    const { ScriptedClient } = await import("./scripted-client.js");
    const stranger = await ScriptedClient.overTcp(closed?.url ?? "", 5);
    expect((await stranger.connect()).reasonCode).toBe(0x87);
    stranger.transport.destroy();
    await other.close();
  });
});
