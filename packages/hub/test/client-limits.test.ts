import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeUtf8 } from "@isthmus/bytes";
import { afterEach, expect, test } from "vitest";
import { hashPassword } from "../src/access/passwords/password-secret.js";
import type { ListenerOptions } from "../src/index.js";
import { publishPacket } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

let hub: TcpHub;
afterEach(() => hub.close());

async function start(limits: ListenerOptions["limits"]): Promise<void> {
  hub = await TcpHub.start({ mqtt: { port: 0, limits } });
}

test("a client that sends too many packets is read more slowly, and loses none", async () => {
  await start({ maxPacketRate: 100 });
  const client = await hub.connect({ keepAlive: 1 });
  const begin = performance.now();
  client.send(...Array.from({ length: 150 }, (_, i) => publishPacket("a", String(i))));
  await client.settle();
  // What comes behind them is not read before its time.
  await client.settle();
  expect(performance.now() - begin).toBeGreaterThan(450);
  expect(hub.metrics.messagesReceived).toBe(150);
});

test("a client that sends too many bytes is read more slowly; its keep alive does not run out meanwhile", async () => {
  await start({ maxByteRate: 20_000 });
  const client = await hub.connect({ keepAlive: 1 });
  const begin = performance.now();
  client.send(publishPacket("a", "x".repeat(60_000)));
  await client.settle();
  await client.settle();
  expect(performance.now() - begin).toBeGreaterThan(1900);
  expect(client.isClosed).toBe(false);
});

test("a listener holds as many connections as it may", async () => {
  await start({ maxConnections: 1 });
  const first = await hub.connect();
  const second = await hub.open();
  await second.closed;
  expect(hub.metrics.connectionsRefused.get("too-many-connections")).toBe(1);
  await first.disconnect();
  let code: number | undefined;
  // The hub learns of the end in its own time.
  while (code === undefined) {
    const next = await hub.open();
    next.send({ type: "connect", protocolVersion: 5, clientId: "", cleanStart: true, keepAlive: 0 });
    const packet = await next.next();
    if (packet?.type === "connack") code = packet.reasonCode;
  }
  expect(code).toBe(0);
});

test("a user has as many connections as they may, and can come back for a session of theirs", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "isthmus-limits-"));
  const file = path.join(folder, "users");
  writeFileSync(file, `anna:${await hashPassword("x", 10)}\nben:${await hashPassword("x", 10)}\n`);
  hub = await TcpHub.start({
    access: { sources: [{ type: "passwords", file }] },
    limits: { maxConnectionsPerUser: 2 },
  });
  const codes: number[] = [];
  for (const [username, clientId] of [
    ["anna", "1"],
    ["anna", "2"],
    ["anna", "3"],
    ["ben", "4"],
    ["anna", "1"],
  ] as const) {
    codes.push((await (await hub.open()).connect({ username, clientId, password: encodeUtf8("x") })).reasonCode);
  }
  expect(codes).toEqual([0, 0, 0x97, 0, 0]);
  rmSync(folder, { recursive: true });
});

test("who tries passwords waits, also when the next one is right, and the others do not", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "isthmus-delay-"));
  const file = path.join(folder, "users");
  writeFileSync(file, `anna:${await hashPassword("x", 10)}\nben:${await hashPassword("x", 10)}\n`);
  const signInDelay = { freeFailures: 1, maxDelayMs: 300 };
  hub = await TcpHub.start({ access: { sources: [{ type: "passwords", file }], signInDelay } });
  const tryOnce = async (username: string, password: string): Promise<[number, number]> => {
    const client = await hub.open();
    const begin = performance.now();
    const { reasonCode } = await client.connect({ username, password: encodeUtf8(password) });
    return [reasonCode, performance.now() - begin];
  };
  expect((await tryOnce("anna", "wrong"))[0]).toBe(0x86);
  const [[wrong, wrongMs], [many]] = [await tryOnce("anna", "wrong"), await tryOnce("ben", "x")];
  expect([wrong, many]).toEqual([0x86, 0]);
  expect(wrongMs).toBeGreaterThan(245);
  const [right, rightMs] = await tryOnce("anna", "x");
  expect(right).toBe(0);
  expect(rightMs).toBeGreaterThan(295);
  rmSync(folder, { recursive: true });
});
