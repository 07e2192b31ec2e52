import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { SeededRandom } from "@isthmus/machine";
import { afterEach, describe, expect, it } from "vitest";
import { encodeZep } from "../src/links/index.js";
import { NodeDriver, REAL_TIME_OPTIONS, ZepDispatcher, ZepLink } from "../src/links-node/index.js";
import { LowpanNode, type LowpanNodeOptions } from "../src/stack/index.js";
import { acknowledgement, encodeFrame, formatAddress, isBroadcast, decodeFrame } from "../src/wire/index.js";
import { addressOf, PREFIX } from "./network.js";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const ANY_PORT = { address: "::1", port: 0 };

async function dispatcher(onDatagram?: (datagram: Uint8Array) => void): Promise<ZepDispatcher> {
  const opened = await ZepDispatcher.open({ local: ANY_PORT, ...(onDatagram === undefined ? {} : { onDatagram }) });
  closers.push(() => opened.close());
  return opened;
}

async function link(to: ZepDispatcher, index: number): Promise<ZepLink> {
  const opened = await ZepLink.open({ remote: to.local, hello: addressOf(index) });
  closers.push(() => opened.close());
  return opened;
}

async function node(
  to: ZepDispatcher,
  index: number,
  options: Partial<LowpanNodeOptions>,
): Promise<NodeDriver<LowpanNode>> {
  const driver = new NodeDriver(
    await link(to, index),
    (radio) =>
      new LowpanNode({
        radio,
        random: new SeededRandom(index),
        address: addressOf(index),
        role: "host",
        ...REAL_TIME_OPTIONS,
        ...options,
      }),
  );
  closers.push(() => driver.close());
  return driver;
}

/** Waits for something that others do in real time. @throws Error when it takes more than 10 s. */
async function until(what: string, isDone: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  while (!isDone()) {
    if (performance.now() > giveUpAt) throw new Error(`${what} took more than 10 s`);
    await delay(5);
  }
}

describe("a ZEP dispatcher", () => {
  it("passes each frame on, unchanged, to all but its sender", async () => {
    const seen: Uint8Array[] = [];
    const center = await dispatcher((datagram) => seen.push(datagram));
    const links = await Promise.all([0, 1, 2].map((index) => link(center, index)));
    await until("saying hello", () => center.nodeCount === 3);
    const heard = links.map((): Uint8Array[] => []);
    for (const [i, one] of links.entries()) one.onFrame = ({ psdu }) => heard[i]?.push(psdu);
    const psdu = encodeFrame(acknowledgement(7));
    links[0]?.send(psdu);
    await until("hearing", () => heard[1]?.length === 1 && heard[2]?.length === 1);
    expect(heard[0]).toEqual([]);
    expect(Buffer.from(heard[1]?.[0] ?? [])).toEqual(Buffer.from(psdu));
    expect(seen).toHaveLength(1);
  });

  it("takes no notice of what is not ZEP, and of frames of other channels its nodes take none", async () => {
    const center = await dispatcher();
    const listener = await link(center, 1);
    await until("saying hello", () => center.nodeCount === 1);
    let heard = 0;
    listener.onFrame = () => heard++;
    const stranger = createSocket("udp6");
    stranger.bind(0, "::1");
    await once(stranger, "listening");
    const psdu = encodeFrame(acknowledgement(7));
    const data = { type: "data", deviceId: 0, isLqiMode: true, lqi: 1, ntpTime: 0n, sequenceNumber: 0, psdu } as const;
    stranger.send(Buffer.from("hello"), center.local.port, "::1");
    stranger.send(encodeZep({ ...data, channel: 11 }), center.local.port, "::1");
    stranger.send(encodeZep({ ...data, channel: 26 }), center.local.port, "::1");
    await until("hearing", () => heard === 1);
    expect(listener.counters).toMatchObject({ received: 1, dropped: 1 });
    stranger.close();
  });
});

describe("nodes over ZEP, in real time", () => {
  it("join, and carry what is said in fragments and acknowledges", { timeout: 30_000 }, async () => {
    let datagrams = 0;
    let broadcasts = 0;
    const center = await dispatcher((datagram) => {
      const { destination } = decodeFrame(datagram.subarray(32));
      datagrams++;
      if (destination !== undefined && isBroadcast(destination)) broadcasts++;
    });
    const router = await node(center, 1, { role: "border-router", borderRouter: { prefix: PREFIX }, rpl: false });
    const host = await node(center, 2, {});
    router.act((machine, now) => machine.start(now));
    host.act((machine, now) => machine.start(now));
    await until("joining", () => host.machine.addresses.length > 0);
    expect(host.machine.addresses.map((address) => formatAddress(address))).toEqual(["2001:db8:1::2"]);

    let replies = 0;
    router.onActivity = (machine) => {
      for (const { type } of machine.takeEvents()) if (type === "echo-reply") replies++;
    };
    const [address] = host.machine.addresses;
    if (address === undefined) throw new Error("the host has no address");
    for (let i = 1; i <= 50; i++) {
      router.act((machine, now) => machine.sendEcho(now, address, 1, i, new Uint8Array(i * 20)));
      await until(`echo ${i}`, () => replies === i);
    }
    const { mac } = host.machine.counters;
    // Each acknowledgement found its sender listening: hardly a frame came twice.
    expect(mac.duplicates).toBeLessThan(mac.framesReceived / 10);
    expect(broadcasts).toBeLessThan(10);
    expect(datagrams).toBeGreaterThan(400);
  });
});
