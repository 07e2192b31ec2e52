import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type Receiver, SubscriptionIndex } from "../src/index.js";
import { RecordingReceiver } from "./naive-exchange.js";

setFlagsFromString("--expose-gc");
// With the flag there is a global `gc`.
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const DEVICES = 100_000;
const OPTIONS = { qos: 0, noLocal: false, retainAsPublished: false } as const;

/** Ten filters for each device: seven exact ones, two with `+`, one with `#`. */
function* filters(): Generator<readonly [device: number, filter: string], void, undefined> {
  for (let device = 0; device < DEVICES; device++) {
    const base = `site${device % 100}/device${device}`;
    for (let channel = 0; channel < 7; channel++) yield [device, `${base}/channel${channel}`];
    yield [device, `${base}/+/alarm`];
    yield [device, `+/device${device}/state`];
    yield [device, `${base}/log/#`];
  }
}

function add(index: SubscriptionIndex, receivers: readonly Receiver[]): void {
  for (const [device, filter] of filters()) {
    const receiver = receivers[device];
    if (receiver !== undefined) index.add({ receiver, filter, ...OPTIONS });
  }
}

function remove(index: SubscriptionIndex, receivers: readonly Receiver[]): void {
  for (const [device, filter] of filters()) {
    const receiver = receivers[device];
    if (receiver !== undefined) index.remove(receiver, filter);
  }
}

test(
  "one million subscriptions fit, match by levels, and leave nothing behind when they go",
  { timeout: 60_000 },
  () => {
    const receivers = Array.from({ length: DEVICES }, (_, i) => new RecordingReceiver(`r${i}`));
    const index = new SubscriptionIndex();
    const before = heapBytes();
    const startedAt = performance.now();
    add(index, receivers);
    const addedAt = performance.now();
    expect(index.size).toBe(1_000_000);
    const bytesEach = (heapBytes() - before) / index.size;

    const matchingAt = performance.now();
    const topics = 20_000;
    for (let i = 0; i < topics; i++) {
      const device = (i * 7919) % DEVICES;
      const base = `site${device % 100}/device${device}`;
      for (const rest of ["channel3", "pump/alarm", "state", "log/a/b"]) {
        const { deliveries } = index.compile(`${base}/${rest}`);
        if (deliveries.length !== 1 || deliveries[0]?.receiver !== receivers[device]) {
          expect.fail(`${base}/${rest} has ${deliveries.length} receivers`);
        }
      }
      if (index.compile(`${base}/pump/else`).deliveries.length !== 0) expect.fail(`${base}/pump/else has receivers`);
    }
    const matchedAt = performance.now();
    remove(index, receivers);
    const removedAt = performance.now();
    expect(index.size).toBe(0);
    const leftOver = heapBytes() - before;
    expect(receivers).toHaveLength(DEVICES);

    console.log(
      `1,000,000 subscriptions: ${Math.round(bytesEach)} bytes each; ` +
        `added in ${Math.round(addedAt - startedAt)} ms, removed in ${Math.round(removedAt - matchedAt)} ms; ` +
        `${Math.round((topics * 5) / ((matchedAt - matchingAt) / 1000))} topics matched each second; ` +
        `${Math.round(leftOver / 1024)} KiB left over`,
    );
    // Filter text, subscription, interest and, with wildcards, two nodes: a leak of any of them is seen below.
    expect(bytesEach).toBeLessThan(600);
    expect(leftOver).toBeLessThan(2 * 1024 * 1024);
  },
);

test("a receiver whose subscriptions are gone is not held by the index", () => {
  const index = new SubscriptionIndex();
  const references = ["a/b", "a/+", "#", "a/b/c/#"].map((filter) => {
    const receiver = new RecordingReceiver(filter);
    index.add({ receiver, filter, ...OPTIONS });
    index.add({ receiver, filter, shareName: "s", ...OPTIONS });
    const group = index.compile("a/b").shared.find((each) => each.filter === filter);
    group?.pick();
    index.remove(receiver, filter);
    index.remove(receiver, filter, "s");
    return new WeakRef(receiver);
  });
  expect(index.size).toBe(0);
  return new Promise<void>((resolve) => {
    // A WeakRef keeps its target to the end of the job that made it.
    setImmediate(() => {
      collectGarbage();
      expect(references.map((reference) => reference.deref()?.name)).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      resolve();
    });
  });
});
