import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { createClient } from "@isthmus/coap";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { Clock } from "../src/clock.js";
import { watchExpiry } from "../src/doors/requests/credentials-expiry.js";
import { createHub, type Hub, type HubOptions } from "../src/index.js";

const SECRET = "a secret of thirty-two bytes at least";
/** Long enough to open a stream with. */
const LIFETIME_S = 0.7;

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function token(expiresInS = LIFETIME_S): string {
  const claims = { sub: "anna", exp: Date.now() / 1000 + expiresInS };
  const data = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${data}.${createHmac("sha256", SECRET).update(data).digest("base64url")}`;
}

describe("when the token of a reader expires", () => {
  let hub: Hub;
  const start = async (options: HubOptions = {}): Promise<void> => {
    hub = await createHub({
      http: { port: 0 },
      coap: { port: 0 },
      access: { sources: [{ type: "jwt", keys: [{ secret: SECRET }], leewaySeconds: 0 }] },
      ...options,
    });
  };
  afterEach(() => hub.close());

  test("its event stream ends, and says why", async () => {
    await start();
    const response = await fetch(`${hub.http?.url}/topics/a?token=${token()}`, {
      headers: { accept: "text/event-stream" },
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('event: end\ndata: {"reason":"the credentials have expired"}\n\n');
  });

  test("its event stream ends although it does not read, and takes others' place no longer", async () => {
    await start({ httpLimits: { maxStreams: 1, streamKeepAliveMs: 50 } });
    const authorization = { authorization: `Bearer ${token(60)}` };
    const body = "x".repeat(2 ** 23);
    expect((await fetch(`${hub.http?.url}/topics/a`, { method: "PUT", body, headers: authorization })).status).toBe(
      201,
    );
    const { port } = new URL(hub.http?.url ?? "");
    const socket = connectTcp({ host: "127.0.0.1", port: Number(port) }).pause();
    socket.on("error", () => undefined);
    socket.write(`GET /topics/a?token=${token()} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`);
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(1);
    const open = async (): Promise<number> => {
      const leaving = new AbortController();
      const headers = { ...authorization, accept: "text/event-stream" };
      const { status } = await fetch(`${hub.http?.url}/topics/b`, { headers, signal: leaving.signal });
      leaving.abort();
      return status;
    };
    expect(await open()).toBe(503);
    await expect.poll(open, { timeout: 5000 }).toBe(200);
    socket.destroy();
  });

  test("its WebSocket is closed, and told why", async () => {
    await start();
    const socket = new WebSocket(`${hub.http?.url.replace("http", "ws")}/topics/a?token=${token()}`);
    const frames: string[] = [];
    socket.on("message", (data: Buffer) => frames.push(data.toString()));
    const [code] = (await once(socket, "close")) as [number];
    expect([code, frames.at(-1)]).toEqual([1000, '{"event":"end","reason":"the credentials have expired"}']);
  });

  test.each(["/t/a", "/t/%23"])("its observation of %s ends with 4.01", async (path) => {
    await start();
    const coap = createClient();
    const states: string[] = [];
    for await (const { status } of coap.observe(`${hub.coap?.url}${path}?token=${token()}`)) {
      states.push(status);
      if (status === "4.01") break;
    }
    expect(states).toEqual(["2.05", "4.01"]);
    expect(hub.exchange.subscriptionCount).toBe(0);
    await coap.close();
  });
});

describe("the watch", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("takes one timer, and waits for longer than a timer can", () => {
    const handleExpiry = vi.fn();
    const days = 24 * 60 * 60 * 1000;
    watchExpiry({ user: "anna", expiresAt: Date.now() + 60 * days }, new Clock(), handleExpiry);
    vi.advanceTimersByTime(60 * days - 1);
    expect([handleExpiry.mock.calls.length, vi.getTimerCount()]).toEqual([0, 1]);
    vi.advanceTimersByTime(1);
    expect([handleExpiry.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test("takes none for credentials that do not expire, nor once it is called off", () => {
    watchExpiry({ user: "anna" }, new Clock(), vi.fn());
    expect(vi.getTimerCount()).toBe(0);
    const stop = watchExpiry({ user: "anna", expiresAt: Date.now() + 1000 }, new Clock(), vi.fn());
    expect(vi.getTimerCount()).toBe(1);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
