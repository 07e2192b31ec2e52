import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { encodePacket } from "@isthmus/mqtt/codec";
import { SeededRandom } from "@isthmus/machine";
import { afterEach, describe, expect, test } from "vitest";
import { AccessError, createHub, type HubOptions, ListenError } from "../src/index.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

let hub: TcpHub;
const sockets: Socket[] = [];

async function start(options: HubOptions = {}): Promise<void> {
  hub = await TcpHub.start(options);
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await hub.close();
});

async function openSocket(): Promise<Socket> {
  const { port, hostname } = new URL(hub.hub.mqtt?.url ?? "");
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

function connectBytes(clientId: string, rest = {}): Uint8Array {
  return encodePacket({ type: "connect", protocolVersion: 5, clientId, cleanStart: true, keepAlive: 0, ...rest }, 5);
}

async function isAlive(): Promise<void> {
  const client = await hub.connect();
  await client.subscribe("alive");
  await client.publish("alive", "yes");
  expect(await client.settledTexts()).toEqual(["yes"]);
  await client.break();
}

describe("bytes that are hard to digest", () => {
  test("a client that sends byte by byte is served", async () => {
    await start();
    const watcher = await hub.connect();
    await watcher.subscribe("a");
    const socket = await openSocket();
    socket.setNoDelay(true);
    for (const byte of [...connectBytes("c"), ...encodePacket(publishPacket("a", "slow"), 5)]) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(textOf(await watcher.expect("publish"))).toBe("slow");
  });

  test("garbage closes its connection and no other", async () => {
    await start({ limits: { connectTimeoutMs: 300 } });
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new SeededRandom(seed);
    const bystander = await hub.connect();
    const closed = Array.from({ length: 100 }, async (_, i) => {
      const socket = await openSocket();
      socket.resume();
      const end = once(socket, "close");
      // Half of them get in first.
      if (i % 2 === 0) socket.write(connectBytes(`c${i}`, { keepAlive: 1 }));
      socket.end(random.bytes(random.nextInteger(1, 5000)));
      await end;
    });
    await Promise.all(closed);
    expect(bystander.isClosed, `seed ${seed}`).toBe(false);
    await isAlive();
  });

  test("packets that claim to be large take no memory before they come", async () => {
    await start();
    const before = process.memoryUsage();
    const claims = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const socket = await openSocket();
        socket.resume();
        // Just below the maximum of 16 MiB: 200 of them would be 3 GiB.
        socket.write(
          Buffer.concat([connectBytes(`c${i}`), Uint8Array.of(0x30, 0xf0, 0xff, 0xff, 0x07, 0, 1, 0x61, 0)]),
        );
        return socket;
      }),
    );
    await isAlive();
    const after = process.memoryUsage();
    const grown = after.rss + after.arrayBuffers - before.rss - before.arrayBuffers;
    expect(grown).toBeLessThan(100 * 1024 * 1024);
    expect(hub.metrics.connectionsOpen).toBeGreaterThanOrEqual(200);
    for (const socket of claims) socket.destroy();
  });

  test("a claim of 256 MB is refused by its header", async () => {
    await start();
    const client = await hub.connect();
    client.sendBytes(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
    expect((await client.expect("disconnect")).reasonCode).toBe(0x95);
    await client.closed;
    const socket = await openSocket();
    socket.resume();
    socket.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f));
    await once(socket, "end");
  });
});

describe("connections that end badly", () => {
  test("a reset is the end of a connection, in the midst of sending as well", async () => {
    await start();
    const watcher = await hub.connect();
    await watcher.subscribe("will");
    for (let i = 0; i < 20; i++) {
      const socket = await openSocket();
      const will = { topic: "will", payload: new Uint8Array(1), qos: 0, retain: false };
      socket.write(connectBytes("c", { will }));
      socket.write(
        encodePacket(
          {
            type: "subscribe",
            packetIdentifier: 1,
            subscriptions: [{ topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
          },
          5,
        ),
      );
      for (let n = 0; n < 50; n++) socket.write(encodePacket(publishPacket("a", "x".repeat(10_000)), 5));
      await once(socket, "readable");
      socket.resetAndDestroy();
      expect((await watcher.expect("publish")).topic).toBe("will");
    }
    await isAlive();
  });

  test("a client that closes its side is gone", async () => {
    await start();
    const watcher = await hub.connect();
    await watcher.subscribe("will");
    const socket = await openSocket();
    socket.write(connectBytes("c", { will: { topic: "will", payload: new Uint8Array(1), qos: 0, retain: false } }));
    await once(socket, "readable");
    socket.end();
    expect((await watcher.expect("publish")).topic).toBe("will");
  });

  test("a client that does not let go does not hold up the hub's end", async () => {
    await start();
    const socket = await openSocket();
    socket.write(connectBytes("c"));
    await once(socket, "readable");
    const startedAt = performance.now();
    await hub.hub.close();
    // A grace of one second.
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(hub.metrics.connectionsOpen).toBe(0);
  });
});

describe("many clients", () => {
  test("ten publishers to one subscriber: each message once, in each publisher's order", async () => {
    await start();
    const subscriber = await hub.connect({ properties: { receiveMaximum: 65_535 } });
    await subscriber.subscribe("in/+", { qos: 1 });
    const count = 1000;
    const publishers = await Promise.all(Array.from({ length: 10 }, () => hub.connect()));
    for (const [i, publisher] of publishers.entries()) {
      for (let n = 0; n < count; n++) {
        publisher.send(publishPacket(`in/${i}`, String(n), { qos: 1, packetIdentifier: n + 1 }));
      }
    }
    const heard = new Map<string, number[]>();
    for (let n = 0; n < 10 * count; n++) {
      const packet = await subscriber.expect("publish");
      subscriber.send({ type: "puback", packetIdentifier: packet.packetIdentifier ?? 0, reasonCode: 0 });
      const own = heard.get(packet.topic) ?? [];
      heard.set(packet.topic, own);
      own.push(Number(textOf(packet)));
    }
    expect(heard.size).toBe(10);
    for (const own of heard.values()) expect(own).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const publisher of publishers) {
      for (let n = 1; n <= count; n++) expect((await publisher.expect("puback")).packetIdentifier).toBe(n);
    }
  });

  /** A long run: `ISTHMUS_CONNECTIONS=10000 npx vitest run packages/hub/test/network.test.ts`; see `ulimit -n`. */
  const CONNECTIONS = Number(process.env["ISTHMUS_CONNECTIONS"] ?? 1000);

  test(
    `${CONNECTIONS} connections at once, each with its own subscription and a common one`,
    { timeout: 120_000 },
    async () => {
      await start();
      const clients: ScriptedClient[] = [];
      while (clients.length < CONNECTIONS) {
        const next = Array.from({ length: 100 }, (_, i) => hub.connect({ clientId: `c${clients.length + i}` }));
        clients.push(...(await Promise.all(next)));
      }
      expect(hub.metrics.connectionsOpen).toBe(CONNECTIONS);
      await Promise.all(clients.map((client, i) => client.subscribe([`own/${i}`, "all"])));
      const publisher = await hub.connect();
      await publisher.publish("all", "hello");
      await publisher.publish(`own/${CONNECTIONS - 1}`, "you");
      for (const client of clients) expect(textOf(await client.expect("publish"))).toBe("hello");
      expect(await clients.at(-1)?.settledTexts()).toEqual(["you"]);
      await hub.hub.close();
      await Promise.all(clients.map((client) => client.closed));
      expect(hub.metrics.connectionsOpen).toBe(0);
    },
  );
});

describe("a subscriber that does not read", () => {
  const PAYLOAD_BYTES = 10_000;
  const text = (i: number): string => `${i}:`.padEnd(PAYLOAD_BYTES, "x");

  test("loses QoS 0 messages beyond its limit, is counted, and holds up the others for its grace alone", async () => {
    await start({ limits: { maxOutboundBytes: 1_000_000, congestionBytes: 100_000, slowReceiverGraceMs: 300 } });
    const [slow, fast, publisher] = [await hub.connect(), await hub.connect(), await hub.connect()];
    for (const client of [slow, fast]) await client.subscribe("a");
    slow.transport.pause();
    const count = 5000;
    for (let i = 0; i < count; i++) publisher.send(publishPacket("a", text(i)));
    for (let i = 0; i < count; i++) expect(textOf(await fast.expect("publish")).startsWith(`${i}:`)).toBe(true);
    const dropped = hub.metrics.messagesDropped["slow-receiver"];
    expect(dropped).toBeGreaterThan(0);
    expect(hub.metrics.publishersPaused).toBeGreaterThan(0);

    slow.transport.resume();
    const heard: number[] = [];
    while (heard.length < count - dropped) heard.push(Number(textOf(await slow.expect("publish")).split(":")[0]));
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    // What was kept for it: the hub's limit, and the buffers of two sockets.
    expect(heard.length * PAYLOAD_BYTES).toBeLessThan(1_000_000 + 16 * 1024 * 1024);
    // It has caught up, and is a subscriber like any other.
    await publisher.publish("a", "later");
    expect(textOf(await slow.expect("publish"))).toBe("later");
    expect(hub.metrics.messagesDropped["slow-receiver"]).toBe(dropped);
  });

  test("keeps QoS 1 messages up to its limits, and what comes beyond is counted", async () => {
    const limits = { maxQueuedMessages: 100, congestionBytes: 100_000, slowReceiverGraceMs: 100, maxInFlight: 50 };
    await start({ limits });
    const [slow, publisher] = [await hub.connect(), await hub.connect()];
    await slow.subscribe("a", { qos: 1 });
    slow.transport.pause();
    const count = 2000;
    for (let i = 0; i < count; i++) publisher.send(publishPacket("a", text(i), { qos: 1, packetIdentifier: i + 1 }));
    for (let i = 0; i < count; i++) await publisher.expect("puback");
    slow.transport.resume();
    const dropped = hub.metrics.messagesDropped["queue-full"];
    expect(count - dropped).toBeLessThanOrEqual(150);
    for (let i = 0; i < count - dropped; i++) {
      const packet = await slow.expect("publish");
      expect(textOf(packet).startsWith(`${i}:`)).toBe(true);
      slow.send({ type: "puback", packetIdentifier: packet.packetIdentifier ?? 0, reasonCode: 0 });
    }
    await publisher.publish("a", "later", { qos: 1 });
    expect(textOf(await slow.expect("publish"))).toBe("later");
  });

  test("does not lose QoS 1 messages that its publisher can wait with", async () => {
    await start({ limits: { maxQueuedBytes: 2_000_000, congestionBytes: 100_000, slowReceiverGraceMs: 10_000 } });
    const [slow, publisher] = [await hub.connect(), await hub.connect()];
    await slow.subscribe("a", { qos: 1 });
    const count = 1000;
    for (let i = 0; i < count; i++) publisher.send(publishPacket("a", text(i), { qos: 1, packetIdentifier: i + 1 }));
    for (let i = 0; i < count; i++) {
      const packet = await slow.expect("publish");
      expect(textOf(packet).startsWith(`${i}:`)).toBe(true);
      slow.send({ type: "puback", packetIdentifier: packet.packetIdentifier ?? 0, reasonCode: 0 });
    }
    expect(hub.metrics.messagesDropped["queue-full"]).toBe(0);
  });
});

test("a flood of small messages leaves room for others", async () => {
  await start();
  const [flooder, other] = [await hub.connect(), await hub.connect()];
  await other.subscribe("calm");
  const frames = Buffer.concat(Array.from({ length: 10_000 }, () => encodePacket(publishPacket("flood", "x"), 5)));
  for (let i = 0; i < 20; i++) flooder.sendBytes(frames);
  for (let i = 0; i < 10; i++) {
    await other.publish("calm", String(i));
    expect(await other.settledTexts()).toEqual([String(i)]);
  }
  await flooder.settle();
  expect(hub.metrics.messagesReceived).toBe(200_010);
});

describe("a hub", () => {
  /** What keeps a process alive: sockets, servers and timers. */
  async function openHandles(): Promise<string[]> {
    // Closing takes some turns of the event loop.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP") || name === "Timeout");
  }

  test("is ready in milliseconds, and leaves no handle when it has closed", async () => {
    await start();
    await hub.close();
    const before = await openHandles();
    const startedAt = performance.now();
    hub = await TcpHub.start({ http: { port: 0 } });
    const readyMs = performance.now() - startedAt;
    const properties = { sessionExpiryInterval: 60 };
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, i) => hub.connect({ clientId: `c${i}`, keepAlive: 60, properties })),
    );
    await clients[0]?.break();
    await (await fetch(`${hub.hub.http?.url}/livez`, { headers: { connection: "close" } })).text();
    expect((await openHandles()).length).toBeGreaterThan(before.length);
    await hub.close();
    const after = await openHandles();
    expect(after.filter((name) => name.startsWith("TCP"))).toEqual([]);
    expect(after.length).toBeLessThanOrEqual(before.length);
    console.log(`a hub is ready in ${readyMs.toFixed(1)} ms`);
    expect(readyMs).toBeLessThan(250);
  });

  test("closes once, however often it is asked", async () => {
    await start();
    await Promise.all([hub.hub.close(), hub.hub.close()]);
    await hub.hub.close();
  });

  test("without doors serves its own process, and needs nothing", async () => {
    await start();
    const inner = await createHub();
    expect([inner.mqtt, inner.http]).toEqual([undefined, undefined]);
    await inner.close();
  });

  test("says which port is taken, and closes the door that it had opened", async () => {
    await start();
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, "127.0.0.1", resolve);
    });
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const failure = await createHub({ mqtt: { port: 0 }, http: { port } }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ListenError);
    expect(String(failure)).toContain(`port ${port} on 127.0.0.1 is taken`);
    await new Promise((resolve) => {
      taken.close(resolve);
    });
  });

  test("is open to other machines on the operator's word alone", async () => {
    await start();
    await expect(createHub({ mqtt: { port: 0, host: "0.0.0.0" } })).rejects.toThrow(AccessError);
    const open = await createHub({ mqtt: { port: 0, host: "0.0.0.0" }, allowAnonymous: true });
    expect(open.accessSummary).toContain("anyone who reaches these addresses");
    await open.close();
    expect(hub.hub.accessSummary).toContain("this machine");
  });

  test("lets nobody in when anonymous clients are not allowed", async () => {
    await start({ allowAnonymous: false });
    const client = await hub.open();
    expect((await client.connect()).reasonCode).toBe(0x87);
    const older = await hub.open(4);
    expect((await older.connect()).reasonCode).toBe(5);
    await older.closed;
  });
});
