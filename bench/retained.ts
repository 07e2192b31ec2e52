// How long a hub takes to start with many retained messages, and what they weigh: `node bench/retained.ts [COUNT]`.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createMessage, encodeMessage } from "@isthmus/exchange";
import { openStore } from "@isthmus/hub/store";
import { ISTHMUS } from "./brokers.ts";
import { Child } from "./processes.ts";

const PAYLOAD_BYTES = 64;
const BATCH = 10_000;
const STARTS = 3;
const READY_MS = 120_000;
const REST_MS = 3000;

const count = Number(process.argv[2] ?? 1_000_000);
const directory = mkdtempSync(path.join(process.env["ISTHMUS_BENCH_DIRECTORY"] ?? tmpdir(), "isthmus-retained-"));
const signal = new AbortController().signal;

try {
  const empty = await start("empty");
  const filledMs = await fill(path.join(directory, "full"));
  const sizeBytes = sizeOf(path.join(directory, "full"));
  process.stdout.write(`${count} retained messages of ${PAYLOAD_BYTES} bytes: ${mebibytes(sizeBytes)} on the disk\n`);
  process.stdout.write(`written in ${Math.round(filledMs)} ms\n`);
  process.stdout.write(
    `an empty store: ready after ${Math.round(empty.readyMs)} ms, ${mebibytes(empty.residentBytes)}\n`,
  );
  for (let i = 0; i < STARTS; i++) {
    const { readyMs, residentBytes } = await start("full");
    process.stdout.write(
      `ready after ${Math.round(readyMs)} ms, ${mebibytes(residentBytes)}, ` +
        `${Math.round((residentBytes - empty.residentBytes) / count)} bytes a message\n`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Topics as a house with many rooms has them. */
async function fill(target: string): Promise<number> {
  const startedAt = performance.now();
  const store = await openStore(target, { durability: "interval" });
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(0x20);
  for (let i = 0; i < count; i++) {
    const topic = `site/${i % 100}/room/${Math.floor(i / 100) % 1000}/sensor/${Math.floor(i / 100_000)}`;
    const message = createMessage({ topic, payload, retain: true, publishedAt: Date.now() });
    store.put("retained", [topic], encodeMessage(message));
    if (i % BATCH === 0) await store.commit();
  }
  await store.close();
  return performance.now() - startedAt;
}

async function start(name: string): Promise<{ readyMs: number; residentBytes: number }> {
  const data = path.join(directory, name);
  const flags = ["--data", data, "--mqtt-port", "0", "--http-port", "off", "--log-level", "warn"];
  const hub = new Child(0, process.execPath, [ISTHMUS, "serve", ...flags]);
  try {
    await hub.waitFor(/^ready$/m, READY_MS, signal);
    const readyMs = performance.now() - hub.startedAt;
    await delay(REST_MS);
    const residentBytes =
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${hub.pid}/status`, "utf8"))?.[1]) * 1024;
    return { readyMs, residentBytes };
  } finally {
    await hub.stop();
  }
}

function sizeOf(target: string): number {
  return readdirSync(target).reduce((sum, file) => sum + statSync(path.join(target, file)).size, 0);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
