import { createServer } from "node:net";

import { expect, it, vi } from "vitest";

import { runScenario } from "../src/bench/run-scenario.js";
import { findScenario, type ScenarioName } from "../src/bench/scenarios.js";
import { ScriptedBroker } from "./bench-scripted-broker.js";

// In a file of its own: it looks at all that keeps the process alive.

/** Sockets and timers of the process; vi.waitFor has a timer of its own while it asks. */
function countOf(kind: "TCPSocketWrap" | "Timeout"): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === kind).length;
}

it.each<ScenarioName>(["1:1", "10:10-qos2", "latency-qos1", "connect-storm", "idle", "subscriptions"])(
  "%s leaves no socket and no timer behind when it is interrupted, whether the broker answers or not",
  async (name) => {
    const broker = new ScriptedBroker();
    const silent = createServer((socket) => void socket.on("error", () => socket.destroy()).resume());
    await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
    const timersBefore = countOf("Timeout");

    const interrupt = new AbortController();
    const options = { warmupMs: 60_000, windowMs: 60_000, repeat: 1, brokerPid: process.pid, signal: interrupt.signal };
    const ports = [(await broker.listen()).port, address.port];
    const runs = ports.map((port) => runScenario({ host: "127.0.0.1", port }, name, findScenario(name), options));
    const outcomes = Promise.allSettled(runs);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort();

    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await broker.close();
    await new Promise((resolve) => void silent.close(resolve));
    await vi.waitFor(() => expect(countOf("TCPSocketWrap")).toBe(0));
    expect(countOf("Timeout")).toBeLessThanOrEqual(timersBefore);
  },
);
