import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { encodePacket } from "@isthmus/mqtt/codec";
import { WebSocketTransport } from "@isthmus/mqtt/transport-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { publishPacket, ScriptedClient } from "./scripted-client.js";

let hub: Hub;
let url: URL;
const sockets: Socket[] = [];

async function open(http: Partial<HubOptions["http"]> = {}, others: HubOptions = {}): Promise<void> {
  hub = await createHub({ http: { port: 0, ...http }, ...others });
  url = new URL(hub.http?.url ?? "");
}

beforeEach(() => open());
afterEach(async () => {
  await hub.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Sends bytes and returns all that comes back until the hub closes, or falls silent behind a header. */
async function exchange(text: string): Promise<string> {
  const socket = await openSocket(text);
  let answer = "";
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes("\r\n\r\n")) break;
  }
  return answer;
}

async function openSocket(text: string): Promise<Socket> {
  const socket = connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: true });
  sockets.push(socket);
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

function get(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ Host: url.host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function upgrade(path: string, headers: Readonly<Record<string, string>> = {}): string {
  return get(path, {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "mqtt",
    ...headers,
  });
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

async function webSocket(protocols: string | string[] = "mqtt", headers = {}): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${url.host}/mqtt`, protocols, { headers });
  await once(socket, "open");
  return socket;
}

async function client(): Promise<ScriptedClient> {
  return new ScriptedClient(new WebSocketTransport(await webSocket(), "test"));
}

describe("requests", () => {
  test.each([
    ["/livez", 200],
    ["/readyz", 200],
    ["/", 200],
    ["/?a=b", 200],
    ["/livez?verbose", 200],
    ["/mqtt", 426],
    ["/nothing", 404],
    ["/mqtt/", 404],
    // URLs that are none: a hub must not fall over them.
    ["//", 404],
    ["///", 404],
    ["//[", 404],
    ["http://[::1", 404],
    ["http://example.com:99999/", 404],
    ["/%", 404],
    ["*", 404],
  ])("GET %s is answered with %i", async (path, status) => {
    expect(statusOf(await exchange(get(path)))).toBe(status);
    expect(statusOf(await exchange(get("/livez")))).toBe(200);
  });

  test("the start page tells where MQTT over WebSocket is", async () => {
    const answer = await fetch(url);
    expect(await answer.text()).toContain(`ws://${url.host}/mqtt`);
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s is not allowed", async (method) => {
    expect((await fetch(url, { method })).status).toBe(405);
  });
});

describe("a WebSocket [MQTT-6.0.0-3]", () => {
  // [MQTT-6.0.0-4] of MQTT 3.1.1
  test.each(["mqtt", "mqttv3.1"])("of sub-protocol %s is accepted, and told so [MQTT-6.0.0-4]", async (protocol) => {
    expect((await webSocket(["other", protocol])).protocol).toBe(protocol);
  });

  test("without a sub-protocol is accepted: the bytes will tell", async () => {
    expect((await webSocket([])).protocol).toBe("");
  });

  test.each(["/", "/other", "//", "/mqtt/", "http://["])("at %s is refused", async (path) => {
    expect(statusOf(await exchange(upgrade(path)))).toBe(404);
    expect(hub.metrics.connectionsRefused.total).toBe(1);
  });

  test("without a key is a bad request", async () => {
    expect(statusOf(await exchange(upgrade("/mqtt", { "Sec-WebSocket-Key": "short" })))).toBe(400);
  });

  test.each([
    ["/other", "mqtt"],
    ["/.well-known/coap", "mqtt"],
    ["/topics/", "isthmus"],
  ])("a client that is refused at %s and resets its connection harms nobody", async (path, protocol) => {
    await hub.close();
    await open({}, { coap: { port: 0 } });
    // Some are reset before the answer is there, some after.
    for (const delay of [0, 5, 50]) {
      const socket = await openSocket(upgrade(path, { "Sec-WebSocket-Protocol": protocol }));
      await setTimeout(delay);
      socket.resetAndDestroy();
    }
    expect(statusOf(await exchange(get("/livez")))).toBe(200);
  });

  test("a client that was refused and stays is closed", async () => {
    const socket = await openSocket(upgrade("/other"));
    socket.resume();
    await once(socket, "end");
    // Its own side is open still; a hub that waited for it could never close.
    await hub.close();
  });
});

describe("the origin of a web page", () => {
  test.each([
    ["its own by name", "http://localhost:3000", 101],
    ["its own by address", "http://127.0.0.1:8080", 101],
    ["its own by IPv6 address", "http://[::1]", 101],
    ["another host's", "http://example.com", 403],
    ["another host's that begins alike", "http://localhost.example.com", 403],
    ["a file's or a sandbox's", "null", 403],
    ["no origin at all", "nonsense", 403],
  ])("%s", async (_name, origin, status) => {
    expect(statusOf(await exchange(upgrade("/mqtt", { Origin: origin })))).toBe(status);
  });

  test("a page whose host name was pointed at this machine is another host's all the same", async () => {
    const headers = { Host: `rebound.example:${url.port}`, Origin: `http://rebound.example:${url.port}` };
    expect(statusOf(await exchange(upgrade("/mqtt", headers)))).toBe(403);
  });

  test("one that the operator allows is let in", async () => {
    await hub.close();
    await open({ allowedOrigins: ["https://page.example"] });
    expect(statusOf(await exchange(upgrade("/mqtt", { Origin: "https://page.example" })))).toBe(101);
    expect(statusOf(await exchange(upgrade("/mqtt", { Origin: "https://page.example.com" })))).toBe(403);
  });

  test("a star lets in all", async () => {
    await hub.close();
    await open({ allowedOrigins: ["*"] });
    expect(statusOf(await exchange(upgrade("/mqtt", { Origin: "https://any.example" })))).toBe(101);
  });
});

describe("MQTT over a WebSocket", () => {
  // [MQTT-6.0.0-2] of MQTT 3.1.1
  test("packets may be cut and gathered by frames at will [MQTT-6.0.0-2]", async () => {
    const subscriber = await client();
    await subscriber.connect();
    await subscriber.subscribe("#");
    const bytes = Buffer.concat([
      encodePacket({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 }, 5),
      encodePacket(publishPacket("a", "1"), 5),
      encodePacket(publishPacket("a", "2"), 5),
    ]);
    for (const size of [1, 7, bytes.length]) {
      const socket = await webSocket();
      for (let at = 0; at < bytes.length; at += size) socket.send(bytes.subarray(at, at + size));
      expect((await subscriber.expect("publish")).payload).toEqual(Uint8Array.of(0x31));
      expect((await subscriber.expect("publish")).payload).toEqual(Uint8Array.of(0x32));
      socket.terminate();
    }
  });

  // [MQTT-6.0.0-1] of MQTT 3.1.1
  test("a text frame closes the connection [MQTT-6.0.0-1]", async () => {
    const socket = await webSocket();
    socket.send("not binary");
    const [code] = await once(socket, "close");
    expect(code).toBe(1003);
  });

  test("a message above the maximum packet size closes the connection", async () => {
    await hub.close();
    hub = await createHub({ http: { port: 0 }, limits: { maximumPacketSize: 1000 } });
    url = new URL(hub.http?.url ?? "");
    const socket = await webSocket();
    socket.on("error", () => {});
    socket.send(new Uint8Array(2000));
    const [code] = await once(socket, "close");
    expect(code).toBe(1009);
  });

  test("closing the hub says DISCONNECT, and waits until all are gone", async () => {
    const clients = await Promise.all([client(), client(), client()]);
    for (const each of clients) await each.connect();
    const closed = hub.close();
    for (const each of clients) {
      expect((await each.expect("disconnect")).reasonCode).toBe(0x8b);
      await each.closed;
    }
    await closed;
  });
});
