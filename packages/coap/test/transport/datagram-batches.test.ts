import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { Code } from "../../src/codec/index.js";
import { encodeDatagram, MessageType } from "../../src/codec/datagram.js";
import { Options } from "../../src/codec/options.js";
import type { RequestHandler } from "../../src/endpoint/index.js";
import { loadBatchCalls } from "../../src/transport/batch-calls.js";
import { openBatches } from "../../src/transport/datagram-batches.js";
import { SocketNames } from "../../src/transport/socket-names.js";
import { allCoapNodes, bindUdp, type UdpOptions, type UdpTransport } from "../../src/transport-node.js";

const calls = await loadBatchCalls();
if (calls === undefined && process.env["CI"] !== undefined) throw new Error("koffi is not installed");
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

/** Answers each request with its payload. */
const echo: RequestHandler = {
  handleRequest: (now, request) => request.respond(now, { code: Code.CONTENT, payload: request.payload }),
};

async function bind(options: UdpOptions): Promise<UdpTransport> {
  const transport = await bindUdp({ handler: echo, batchingThresholdPerSecond: 0, ...options });
  open.push(transport);
  return transport;
}

async function openClient(type: "udp4" | "udp6" = "udp4"): Promise<Socket> {
  const socket = createSocket(type);
  open.push(socket);
  socket.bind(0, type === "udp4" ? "127.0.0.1" : "::1");
  await once(socket, "listening");
  return socket;
}

function request(messageId: number, payload: Uint8Array, type: MessageType = MessageType.NON): Uint8Array {
  const token = Uint8Array.of(messageId >>> 8, messageId & 0xff);
  return encodeDatagram({ type, messageId, code: Code.POST, token, options: Options.of(), payload });
}

/** The tokens of the next `count` datagrams, as numbers. */
async function receiveTokens(socket: Socket, count: number): Promise<number[]> {
  const tokens: number[] = [];
  const all = Promise.withResolvers<void>();
  socket.on("message", (bytes: Buffer) => {
    tokens.push(bytes.readUInt16BE(4));
    if (tokens.length === count) all.resolve();
  });
  await all.promise;
  return tokens;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe.skipIf(calls === undefined)("datagrams in batches", () => {
  test("a flood is answered whole, and in its order", async () => {
    const server = await bind({});
    const client = await openClient();
    const tokens = receiveTokens(client, 200);
    for (const id of range(200)) client.send(request(id, Uint8Array.of(1)), server.address.port, "127.0.0.1");
    expect(await tokens).toEqual(range(200));
  });

  test("those that fit no batch go between the others, in order", async () => {
    const server = await bind({ amplification: { isTrusted: () => true } });
    const client = await openClient();
    const tokens = receiveTokens(client, 30);
    for (const id of range(30)) {
      client.send(request(id, new Uint8Array(id % 3 === 0 ? 3_000 : 1)), server.address.port, "127.0.0.1");
    }
    expect(await tokens).toEqual(range(30));
  });

  test("the longest datagram that UDP has comes whole", async () => {
    const received = Promise.withResolvers<number>();
    const server = await bind({
      handler: { handleRequest: (_now, { payload }) => received.resolve(payload.length) },
    });
    const client = await openClient();
    const overhead = request(1, new Uint8Array(1)).length - 1;
    client.send(request(1, new Uint8Array(65_507 - overhead)), server.address.port, "127.0.0.1");
    expect(await received.promise).toBe(65_507 - overhead);
  });

  test("what an application keeps of a request stays as it was", async () => {
    const kept: Uint8Array[] = [];
    const all = Promise.withResolvers<void>();
    const server = await bind({
      handler: {
        handleRequest: (_now, { payload }) => {
          if (kept.push(payload) === 300) all.resolve();
        },
      },
    });
    const client = await openClient();
    for (const id of range(300)) {
      client.send(request(id, new Uint8Array(200).fill(id & 0xff)), server.address.port, "127.0.0.1");
    }
    await all.promise;
    expect(kept.map((payload) => new Set(payload))).toEqual(range(300).map((id) => new Set([id & 0xff])));
    // And holds no more memory than it takes.
    expect(Math.max(...kept.map(({ buffer }) => buffer.byteLength))).toBeLessThan(300);
  });

  test("each of many ports gets its own answers", async () => {
    const server = await bind({});
    const clients = await Promise.all(range(50).map(() => openClient()));
    const answers = clients.map((client) => receiveTokens(client, 10));
    for (const round of range(10)) {
      for (const [index, client] of clients.entries()) {
        client.send(request(index * 10 + round, Uint8Array.of(1)), server.address.port, "127.0.0.1");
      }
    }
    const expected = clients.map((_client, index) => range(10).map((round) => index * 10 + round));
    expect(await Promise.all(answers)).toEqual(expected);
  });

  test.skipIf(!hasIpv6)("a dual-stack socket answers IPv4 and IPv6", async () => {
    const server = await bind({ host: "::" });
    expect(server.isBatching).toBe(true);
    for (const [type, host] of [
      ["udp4", "127.0.0.1"],
      ["udp6", "::1"],
    ] as const) {
      const client = await openClient(type);
      const tokens = receiveTokens(client, 100);
      for (const id of range(100)) client.send(request(id, Uint8Array.of(1)), server.address.port, host);
      expect(await tokens).toEqual(range(100));
    }
  });

  test("a duplicate is one whichever way it came: by Node, or in a batch", async () => {
    let handled = 0;
    const server = await bind({
      handler: {
        handleRequest: (now, incoming) => {
          handled++;
          incoming.respond(now, { code: Code.CHANGED });
        },
      },
    });
    const client = await openClient();
    const tokens = receiveTokens(client, 200);
    const bytes = request(7, Uint8Array.of(1), MessageType.CON);
    for (let i = 0; i < 200; i++) client.send(bytes, server.address.port, "127.0.0.1");
    await tokens;
    expect(handled).toBe(1);
  });

  test("an endpoint that closes while a batch is being handled drops the rest of it", async () => {
    let handled = 0;
    let closed: Promise<void> | undefined;
    const server = await bind({
      handler: {
        handleRequest: () => {
          handled++;
          closed = server.close();
        },
      },
    });
    const client = await openClient();
    for (const id of range(64)) client.send(request(id, Uint8Array.of(1)), server.address.port, "127.0.0.1");
    await expect.poll(() => handled).toBe(1);
    await closed;
    expect(handled).toBe(1);
  });

  test("a handler that throws costs the other datagrams nothing, and the process hears of it", async () => {
    const caught: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => caught.push(error));
    try {
      const server = await bind({
        handler: {
          handleRequest: (now, incoming) => {
            if (incoming.payload[0] === 0) throw new Error("planted");
            incoming.respond(now, { code: Code.CONTENT });
          },
        },
      });
      const client = await openClient();
      const tokens = receiveTokens(client, 40);
      for (const id of range(60)) client.send(request(id, Uint8Array.of(id % 3)), server.address.port, "127.0.0.1");
      expect(await tokens).toEqual(range(60).filter((id) => id % 3 !== 0));
      await expect.poll(() => caught).toHaveLength(20);
      expect(String(caught[0])).toBe("Error: planted");
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });

  test("an endpoint that has to tell what was sent to a group from the rest goes without", async () => {
    const server = await bind({ host: "0.0.0.0", groups: [allCoapNodes.ipv4], groupInterface: "127.0.0.1" });
    expect(server.isBatching).toBe(false);
  });

  test("they begin when the load does", async () => {
    const server = await bind({ batchingThresholdPerSecond: 200 });
    const client = await openClient();
    expect(server.isBatching).toBe(false);
    for (let id = 1_000; !server.isBatching; id++) {
      const answered = once(client, "message");
      client.send(request(id, Uint8Array.of(1)), server.address.port, "127.0.0.1");
      await answered;
    }
    const tokens = receiveTokens(client, 100);
    for (const id of range(100)) client.send(request(id, Uint8Array.of(1)), server.address.port, "127.0.0.1");
    expect(await tokens).toEqual(range(100));
  });

  test("a socket that another one cannot be told from goes without", async () => {
    const first = createSocket({ type: "udp4", reuseAddr: true });
    const second = createSocket({ type: "udp4", reuseAddr: true });
    open.push(first, second);
    first.bind(0, "127.0.0.1");
    await once(first, "listening");
    expect(await openBatches(first, () => {})).toBeDefined();
    second.bind(first.address().port, "127.0.0.1");
    await once(second, "listening");
    expect(await openBatches(first, () => {})).toBeUndefined();
  });
});

describe.skipIf(calls === undefined)("socket names", () => {
  test.each([
    [false, "127.0.0.1"],
    [false, "255.0.10.99"],
    [true, "::1"],
    [true, "::"],
    [true, "::ffff:192.0.2.7"],
    [true, "2001:db8::1:0:0:1"],
    [true, "2001:db8:0:1:1:1:1:1"],
    [true, "fe80::1%lo"],
  ])("IPv6 %s: %s is the same after the way to the system and back", (isIpv6, address) => {
    if (calls === undefined) throw new Error("skipped");
    const names = new SocketNames(calls, isIpv6);
    const name = names.parse({ address, port: 5_683 });
    if (name === undefined) throw new Error("not parsed");
    const again = names.read(name.words, 0);
    expect([again.address, again.port]).toEqual([address, 5_683]);
    expect(names.read(name.words, 0)).toBe(again);
  });

  test.each([
    [false, "::1", 5_683],
    [false, "127.0.0", 5_683],
    [false, "127.0.0.1", 0],
    [false, "127.0.0.1", 65_536],
    [true, "127.0.0.1", 5_683],
    [true, "fe80::1%no-such-interface", 5_683],
  ])("IPv6 %s: there is none for %s, port %i", (isIpv6, address, port) => {
    if (calls === undefined) throw new Error("skipped");
    expect(new SocketNames(calls, isIpv6).parse({ address, port })).toBeUndefined();
  });
});
