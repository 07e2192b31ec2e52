import { once } from "node:events";
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { setTimeout } from "node:timers/promises";
import { decodeUtf8 } from "@isthmus/bytes";
import { MemoryStore } from "@isthmus/exchange";
import { connect } from "@isthmus/mqtt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createHub, type Hub, type HubOptions } from "../src/index.js";

// fetch and ws over real sockets on loopback; curl is in doors-matrix.test.ts.
let hub: Hub;
const streams: AbortController[] = [];

async function start(options: HubOptions = {}): Promise<void> {
  hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 }, ...options });
}

async function restart(options: HubOptions): Promise<void> {
  await hub.close();
  await start(options);
}

beforeEach(() => start());
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.abort();
  await hub.close();
});

function ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${hub.http?.url}${path}`, { method, ...init });
}

async function put(path: string, body: string, contentType = "text/plain"): Promise<number> {
  return (await ask("PUT", path, { body, headers: { "content-type": contentType } })).status;
}

/** The problem that a response tells, as "404 Not Found: ...". */
async function problemOf(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const { status, title, detail } = (await response.json()) as Record<string, string | number>;
  expect(status).toBe(response.status);
  return `${status} ${title}: ${detail}`;
}

describe("a topic as a URL", () => {
  test("a PUT creates its value, another changes it, a GET gives it, a DELETE clears it", async () => {
    expect((await ask("GET", "/topics/house/kitchen/temperature")).status).toBe(404);
    const created = await ask("PUT", "/topics/house/kitchen/temperature", { body: "21.5" });
    expect([created.status, created.headers.get("location")]).toEqual([201, "/topics/house/kitchen/temperature"]);
    expect(await put("/topics/house/kitchen/temperature", "22")).toBe(204);
    const value = await ask("GET", "/topics/house/kitchen/temperature");
    expect([value.status, value.headers.get("content-type"), await value.text()]).toEqual([200, "text/plain", "22"]);
    expect((await ask("DELETE", "/topics/house/kitchen/temperature")).status).toBe(204);
    expect((await ask("GET", "/topics/house/kitchen/temperature")).status).toBe(404);
  });

  test("a POST is an event: it is published and leaves the value as it is, unless it says otherwise", async () => {
    await put("/topics/door", "closed");
    expect((await ask("POST", "/topics/door", { body: "knock" })).status).toBe(204);
    expect(await (await ask("GET", "/topics/door")).text()).toBe("closed");
    expect((await ask("POST", "/topics/door?retain", { body: "open" })).status).toBe(204);
    expect(await (await ask("GET", "/topics/door")).text()).toBe("open");
  });

  test("HEAD tells what GET would, without the value", async () => {
    await put("/topics/a", "12345");
    const head = await ask("HEAD", "/topics/a");
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "5", ""]);
    expect((await ask("HEAD", "/topics/b")).status).toBe(404);
  });

  test("properties are headers, both ways", async () => {
    const headers = new Headers({
      "content-type": "application/cbor",
      "response-topic": "r/%C3%A9",
      "correlation-data": "AQID",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "user-property": "room=living%20room",
    });
    const client = await connect(hub.mqtt?.url ?? "");
    const received = await client.subscribe("a", { qos: 2 });
    await ask("PUT", "/topics/a?qos=2&expiry=60", { body: Uint8Array.of(0xa0), headers });
    for await (const message of received) {
      expect(message).toMatchObject({
        qos: 2,
        properties: {
          contentType: "application/cbor",
          responseTopic: "r/é",
          userProperties: [
            ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
            ["room", "living room"],
          ],
        },
      });
      break;
    }
    await client.close();
    const value = await ask("GET", "/topics/a");
    for (const [name, text] of headers) expect(value.headers.get(name)).toBe(text);
    expect(value.headers.get("cache-control")).toMatch(/^max-age=(59|60)$/);
    expect(new Uint8Array(await value.arrayBuffer())).toEqual(Uint8Array.of(0xa0));
  });

  test("what curl -d says of anything is no content type", async () => {
    await put("/topics/a", "1", "application/x-www-form-urlencoded");
    expect((await ask("GET", "/topics/a")).headers.get("content-type")).toBeNull();
  });

  test("what somebody published is no page of the hub's", async () => {
    await put("/topics/a", "<script>alert(1)</script>", "text/html");
    const { headers } = await ask("GET", "/topics/a");
    expect([headers.get("x-content-type-options"), headers.get("content-security-policy")]).toEqual([
      "nosniff",
      "default-src 'none'; sandbox",
    ]);
  });

  test("conditional requests: 304 when it is the same, 412 when it is another", async () => {
    await put("/topics/a", "1");
    const { headers } = await ask("GET", "/topics/a");
    const etag = headers.get("etag") ?? "";
    const modified = headers.get("last-modified") ?? "";
    expect((await ask("GET", "/topics/a", { headers: { "if-none-match": `"x", ${etag}` } })).status).toBe(304);
    expect((await ask("GET", "/topics/a", { headers: { "if-modified-since": modified } })).status).toBe(304);
    expect((await ask("PUT", "/topics/a", { body: "2", headers: { "if-match": etag } })).status).toBe(204);
    expect((await ask("PUT", "/topics/a", { body: "3", headers: { "if-match": etag } })).status).toBe(412);
    expect((await ask("DELETE", "/topics/a", { headers: { "if-match": etag } })).status).toBe(412);
    expect((await ask("PUT", "/topics/a", { body: "3", headers: { "if-none-match": "*" } })).status).toBe(412);
    expect((await ask("PUT", "/topics/b", { body: "3", headers: { "if-none-match": "*" } })).status).toBe(201);
    expect((await ask("PUT", "/topics/c", { body: "3", headers: { "if-match": "*" } })).status).toBe(412);
  });

  test.each([
    ["no value", "GET", "/topics/x", {}, "404 Not Found: x has no value"],
    ["a filter", "PUT", "/topics/a/%23", { body: "1" }, "400 Bad Request: a/# is a filter"],
    ["half a filter", "PUT", "/topics/a%2B", { body: "1" }, '400 Bad Request: the topic name "a+" holds a wildcard'],
    ["a slash within a level", "PUT", "/topics/a%2Fb", { body: "1" }, "400 Bad Request: a level of a topic holds"],
    ["a bad escape", "GET", "/topics/%ff", {}, '400 Bad Request: "%ff" is not percent-encoded UTF-8'],
    ["the hub's own topics", "PUT", "/topics/$SYS/x", { body: "1" }, "403 Forbidden: $SYS/x may not be published to"],
    ["an unknown argument", "PUT", "/topics/a?retian", { body: "1" }, '400 Bad Request: there is no argument "retian"'],
    ["a QoS of 3", "PUT", "/topics/a?qos=3", { body: "1" }, '400 Bad Request: qos is 0, 1 or 2, not "3"'],
    ["another method", "PATCH", "/topics/a", { body: "1" }, "405 Method Not Allowed: PATCH is not allowed here"],
    [
      "a coding",
      "PUT",
      "/topics/a",
      { body: "1", headers: { "content-type": "text/plain", "content-encoding": "gzip" } },
      "415 Unsupported Media Type: Content-Encoding gzip is not taken",
    ],
    ["a batch of another type", "POST", "/topics", { body: "1" }, "415 Unsupported Media Type: a batch is"],
    [
      "a broken header",
      "PUT",
      "/topics/a",
      { body: "1", headers: { "user-property": "x" } },
      '400 Bad Request: User-Property is NAME=VALUE, not "x"',
    ],
    [
      "a response topic that is a filter",
      "PUT",
      "/topics/a",
      { body: "1", headers: { "response-topic": "%23" } },
      '400 Bad Request: the topic name "#" holds a wildcard',
    ],
    [
      "a user property that MQTT cannot carry",
      "PUT",
      "/topics/a",
      { body: "1", headers: { "user-property": "a=%00" } },
      "400 Bad Request: userProperties holds U+0000",
    ],
  ] as const)("%s is a problem", async (_what, method, path, init, problem) => {
    expect(await problemOf(await ask(method, path, init))).toContain(problem);
  });

  test("2xx leaves only after the message is stored", async () => {
    const store = new MemoryStore({ durability: "sync" });
    await restart({ store });
    expect(await put("/topics/a", "1")).toBe(201);
    expect([...store.crash().range("retained", [])]).toHaveLength(1);
  });

  test("a megabyte goes both ways; a body beyond the limit is refused on its header, and the limit told", async () => {
    const body = new Uint8Array(2 ** 20).map((_, index) => index * 7);
    expect((await ask("PUT", "/topics/large", { body })).status).toBe(201);
    expect(new Uint8Array(await (await ask("GET", "/topics/large")).arrayBuffer())).toEqual(body);
    await restart({ httpLimits: { maximumBodySize: 1000 } });
    const refused = await ask("PUT", "/topics/large", { body: new Uint8Array(1001) });
    expect(refused.headers.get("message-size-limit")).toBe("1000");
    expect(await problemOf(refused)).toContain("413 Content Too Large");
    const chunked = await ask("PUT", "/topics/large", { body: endless(), duplex: "half" } as RequestInit);
    expect(await problemOf(chunked)).toContain("413 Content Too Large");
  });

  test("a client that asks too often is told so", async () => {
    await restart({ httpLimits: { requestRate: { perSecond: 0.001, burst: 2 } } });
    expect(await put("/topics/a", "1")).toBe(201);
    expect(await put("/topics/a", "2")).toBe(204);
    const refused = await ask("GET", "/topics/a");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await problemOf(refused)).toContain("429 Too Many Requests");
  });

  test("lists: all topics, and the last values of a filter, up to a limit", async () => {
    await restart({ httpLimits: { maxListedValues: 2 } });
    await put("/topics/a/1", "1");
    await ask("PUT", "/topics/a/2", { body: Uint8Array.of(0xff) });
    const topics = (await (await ask("GET", "/topics")).json()) as unknown[];
    expect(topics).toMatchObject([
      { topic: "a/1", payloadBytes: 1, contentType: "text/plain" },
      { topic: "a/2", payloadBytes: 1 },
    ]);
    const values = (await (await ask("GET", "/topics/a/+")).json()) as unknown[];
    expect(values).toMatchObject([
      { topic: "a/1", payload: "1", door: "http", qos: 1, retain: true },
      { topic: "a/2", payloadBase64: "/w==" },
    ]);
    await put("/topics/a/3", "1");
    expect(await problemOf(await ask("GET", "/topics/a/+"))).toContain("400 Bad Request: a/+ has more values");
  });
});

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(100)) });
}

describe("a batch", () => {
  test("is published in its order, and each line answered for itself", async () => {
    const client = await connect(hub.mqtt?.url ?? "");
    const received = await client.subscribe("b/#", { qos: 1 });
    const lines = [
      '{"topic":"b/1","payload":"one"}',
      '{"topic":"b/#","payload":"no"}',
      "",
      "not json",
      '{"topic":"b/2","payloadBase64":"/w==","qos":0,"retain":true,"contentType":"image/png"}',
      '{"topic":"b/3","value":{"x":1},"userProperties":[["k","v"]]}',
      '{"topic":"b/4"}',
      `{"topic":"b/5","payload":"","contentType":"text/${"x".repeat(65_536)}"}`,
      String.raw`{"topic":"b/5","payload":"","userProperties":[["k","\ud800"]]}`,
      String.raw`{"topic":"b/5","payload":"\ud800"}`,
    ];
    const response = await ask("POST", "/topics", {
      body: lines.join("\n"),
      headers: { "content-type": "application/x-ndjson" },
    });
    const results = (await response.text()).trim().split("\n");
    expect(results.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      { line: 1, status: 204 },
      { line: 2, status: 400, detail: 'the topic name "b/#" holds a wildcard' },
      { line: 4, status: 400, detail: "the line is not JSON" },
      { line: 5, status: 204 },
      { line: 6, status: 204 },
      { line: 7, status: 400, detail: "there is one of payload, payloadBase64 and value" },
      { line: 8, status: 400, detail: "contentType has 65541 bytes, more than 65535" },
      { line: 9, status: 400, detail: "userProperties holds half of a surrogate pair" },
      { line: 10, status: 400, detail: "payload has no halves of surrogate pairs" },
    ]);
    const topics: string[] = [];
    for await (const { topic } of received) if (topics.push(topic) === 3) break;
    expect(topics).toEqual(["b/1", "b/2", "b/3"]);
    expect(hub.exchange.retained.get("b/2")?.properties?.contentType).toBe("image/png");
    await client.close();
  });
});

interface ServerEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** The events of a stream, one by one; comments are left out. */
async function* events(path: string, headers: Record<string, string> = {}): AsyncGenerator<ServerEvent, void> {
  const ending = new AbortController();
  streams.push(ending);
  const response = await ask("GET", path, {
    headers: { accept: "text/event-stream", ...headers },
    signal: ending.signal,
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      text += decodeUtf8(chunk);
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks.filter((each) => each !== ":")) {
        yield Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      }
    }
  } finally {
    ending.abort();
  }
}

async function nextEvent(stream: AsyncGenerator<ServerEvent, void>): Promise<ServerEvent> {
  const { value } = await stream.next();
  if (value === undefined) throw new Error("the stream is over");
  return value;
}

async function nextMessage(stream: AsyncGenerator<ServerEvent, void>): Promise<Record<string, unknown>> {
  const { data } = await nextEvent(stream);
  return JSON.parse(data ?? "null") as Record<string, unknown>;
}

describe("an event stream", () => {
  test("tells the last values, then each message of the filter, from whatever door", async () => {
    await put("/topics/house/hall/temperature", "20");
    const stream = events("/topics/house/+/temperature");
    expect(await nextMessage(stream)).toMatchObject({ topic: "house/hall/temperature", payload: "20", retain: true });
    expect(await nextEvent(stream)).toEqual({ id: expect.stringMatching(/-0$/) as string });
    const client = await connect(hub.mqtt?.url ?? "");
    await client.publish("house/attic/temperature", "30", { qos: 1 });
    const event = await nextEvent(stream);
    expect(event.id).toMatch(/-1$/);
    expect(JSON.parse(event.data ?? "")).toMatchObject({
      topic: "house/attic/temperature",
      payload: "30",
      door: "mqtt",
    });
    await ask("POST", "/topics/house/attic/temperature", { body: Uint8Array.of(0xff, 0) });
    expect(await nextMessage(stream)).toMatchObject({ payloadBase64: "/wA=", door: "http" });
    await client.close();
  });

  test("goes on where it broke off, for a client that comes back with Last-Event-ID", async () => {
    const first = events("/topics/a/%23");
    await nextEvent(first);
    await put("/topics/a/1", "1");
    const { id = "" } = await nextEvent(first);
    await first.return();
    await put("/topics/a/2", "2");
    await put("/topics/a/3", "3");
    const again = events("/topics/a/%23", { "last-event-id": id });
    expect([await nextMessage(again), await nextMessage(again)]).toMatchObject([{ topic: "a/2" }, { topic: "a/3" }]);
    await put("/topics/a/4", "4");
    expect(await nextMessage(again)).toMatchObject({ topic: "a/4" });
  });

  test("says that it cannot when the events are no longer kept, and begins anew", async () => {
    await put("/topics/a", "1");
    const stream = events("/topics/a", { "last-event-id": "before-17" });
    const reset = await nextEvent(stream);
    expect([reset.event, JSON.parse(reset.data ?? "")]).toMatchObject(["reset", { lastEventId: "before-17" }]);
    expect(await nextMessage(stream)).toMatchObject({ topic: "a", payload: "1" });
  });

  test("is forgotten with its filter when nobody comes back in time", async () => {
    await restart({ httpLimits: { resumeWindowMs: 1 } });
    const stream = events("/topics/a/%23?retained=false");
    const waiting = nextEvent(stream);
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(1);
    for (const ending of streams) ending.abort();
    await waiting.catch(() => undefined);
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(0);
  });

  test("tells a reader that is too slow how many events it lost, and costs no more than the ring", async () => {
    await restart({ httpLimits: { maxKeptEvents: 4, maxStreamBufferBytes: 1000 } });
    const { hostname, port } = new URL(hub.http?.url ?? "");
    const socket = connectTcp({ host: hostname, port: Number(port) });
    socket.pause();
    socket.write("GET /topics/big HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(1);
    // Far more than what the sockets' own buffers hold.
    const body = "x".repeat(2 ** 20);
    for (let count = 0; count < 40; count++) await ask("POST", "/topics/big", { body });
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    socket.resume();
    await expect.poll(() => /event: lost\ndata: \{"events":(\d+)\}/.exec(text)?.[1], { timeout: 20_000 }).toBeDefined();
    await expect.poll(() => text.match(/"topic":"big"/g)?.length, { timeout: 20_000 }).toBeGreaterThan(4);
    expect(hub.metrics.messagesDropped["slow-receiver"]).toBeGreaterThan(0);
    socket.destroy();
  });

  test("all filters together keep so many bytes: the oldest messages make room, whatever filter keeps them", async () => {
    await restart({ httpLimits: { maxTotalEventBytes: 10_000 } });
    const quiet = events("/topics/quiet");
    const busy = [events("/topics/busy/+"), events("/topics/busy/%23")];
    const [{ id = "" }] = [await nextEvent(quiet), ...(await Promise.all(busy.map(nextEvent)))];
    await put("/topics/quiet", "x".repeat(3000));
    await nextEvent(quiet);
    await quiet.return();
    // Two messages are kept, though there are two filters that match them.
    for (let count = 0; count < 4; count++) await put("/topics/busy/1", `${count}${"x".repeat(3000)}`);
    const told = await Promise.all(busy.map(async (stream) => [await nextEvent(stream), await nextEvent(stream)]));
    for (const stream of busy) await stream.return();
    const reset = await nextEvent(events("/topics/quiet", { "last-event-id": id }));
    expect(reset).toMatchObject({ event: "reset" });
    const again = events("/topics/busy/+", { "last-event-id": told[0]?.[1]?.id ?? "" });
    expect(await nextMessage(again)).toMatchObject({ payload: expect.stringMatching(/^2x/) as string });
  });

  test("a message that takes more than all filters may keep is lost to streams, which are told so", async () => {
    await restart({ httpLimits: { maxTotalEventBytes: 4000 } });
    const stream = events("/topics/a");
    await nextEvent(stream);
    await put("/topics/a", "\u0001".repeat(1000));
    expect(await nextEvent(stream)).toEqual({ event: "lost", data: '{"events":1}' });
    await put("/topics/a", "2");
    expect(await nextMessage(stream)).toMatchObject({ payload: "2" });
  });

  test("a long message is the same as a short one", async () => {
    const payload = "é\n".repeat(50_000);
    const stream = events("/topics/a");
    const socket = new WebSocket(`${hub.http?.url.replace("http", "ws")}/topics/a`);
    await Promise.all([nextEvent(stream), once(socket, "message")]);
    const frame = once(socket, "message") as Promise<[Buffer, boolean]>;
    await put("/topics/a", payload);
    expect(await nextMessage(stream)).toMatchObject({ topic: "a", payload });
    const [data, isBinary] = await frame;
    expect(isBinary).toBe(false);
    expect(JSON.parse(data.toString())).toMatchObject({ id: expect.stringMatching(/-1$/) as string, payload });
    socket.close();
    // As a last value, too.
    expect(await nextMessage(events("/topics/a"))).toMatchObject({ payload });
  });

  test("is not opened for a client that has left while it was asked who it is", async () => {
    const answers: (() => void)[] = [];
    const server = createServer((request, response) => {
      request.resume();
      response.setHeader("content-type", "application/json");
      answers.push(() => response.end('{"result":"allow"}'));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    await restart({ access: { sources: [{ type: "http", url, cacheSeconds: 0 }] } });
    const answer = async (): Promise<void> => {
      await expect.poll(() => answers.length).toBe(1);
      answers.pop()?.();
    };
    const basic = { authorization: "Basic YTpi" };
    const { port: hubPort } = new URL(hub.http?.url ?? "");
    const socket = connectTcp({ host: "127.0.0.1", port: Number(hubPort) });
    socket.write(
      `GET /topics/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: ${basic.authorization}\r\n\r\n`,
    );
    await expect.poll(() => answers.length).toBe(1);
    socket.destroy();
    await setTimeout(100);
    await answer();
    // What comes later is answered later.
    const later = ask("GET", "/topics/a", { headers: basic });
    await answer();
    expect((await later).status).toBe(404);
    expect(hub.exchange.subscriptionCount).toBe(0);
    server.close();
  });

  test("a client has so many and no more", async () => {
    await restart({ httpLimits: { maxStreamsPerClient: 1 } });
    const stream = events("/topics/a");
    const waiting = nextEvent(stream);
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(1);
    const refused = await ask("GET", "/topics/a", { headers: { accept: "text/event-stream" } });
    expect(await problemOf(refused)).toContain("429 Too Many Requests: a client has 1 streams at the most");
    await waiting;
  });
});

describe("a WebSocket", () => {
  async function open(path: string): Promise<{ socket: WebSocket; frames: Record<string, unknown>[] }> {
    const socket = new WebSocket(`${hub.http?.url.replace("http", "ws")}${path}`);
    const frames: Record<string, unknown>[] = [];
    socket.on("message", (data: Buffer) => frames.push(JSON.parse(data.toString()) as Record<string, unknown>));
    await once(socket, "open");
    return { socket, frames };
  }

  test("is told the same as an event stream, and goes on where it broke off", async () => {
    await put("/topics/a/1", "1");
    const { socket, frames } = await open("/topics/a/+");
    await expect.poll(() => frames.length).toBe(2);
    await put("/topics/a/2", "2");
    await expect.poll(() => frames.length).toBe(3);
    expect(frames).toMatchObject([
      { topic: "a/1" },
      { event: "position" },
      { topic: "a/2", id: expect.any(String) as string },
    ]);
    socket.close();
    await once(socket, "close");
    await put("/topics/a/3", "3");
    const again = await open(`/topics/a/+?lastEventId=${String(frames[2]?.["id"])}`);
    await expect.poll(() => again.frames).toMatchObject([{ topic: "a/3" }]);
    again.socket.close();
  });

  test("that talks is closed", async () => {
    const { socket } = await open("/topics/a");
    socket.send("hello");
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1003);
  });

  test("is refused where there is nothing to tell", async () => {
    const socket = new WebSocket(`${hub.http?.url.replace("http", "ws")}/topics/a/%23/b`);
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toContain("400");
  });
});

describe("web pages", () => {
  const page = "https://page.example";

  test("of other origins can neither ask nor read, unless they are listed", async () => {
    const refused = await ask("POST", "/topics/a", { body: "1", headers: { origin: page } });
    expect(await problemOf(refused)).toContain(`403 Forbidden: web pages of ${page} may not ask here`);
    await restart({ http: { port: 0, allowedOrigins: [page] } });
    const allowed = await ask("POST", "/topics/a", { body: "1", headers: { origin: page } });
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, page]);
    const preflight = await ask("OPTIONS", "/topics/a", {
      headers: { origin: page, "access-control-request-method": "PUT" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
      204,
      "GET, HEAD, PUT, POST, DELETE",
    ]);
  });

  /** Of a request that names `host`, as a browser does that takes that for the page's own: without Origin. */
  async function statusAt(path: string, host: string, headers: OutgoingHttpHeaders = {}): Promise<number | undefined> {
    const asked = request(`${hub.http?.url}${path}`, { headers: { host, ...headers } }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.destroy();
    return response.statusCode;
  }

  const OPEN_ACCESS = ["/topics", "/topics/a", "/history/a", "/hc"];

  test.each(OPEN_ACCESS)("whose host name was pointed at this machine cannot read %s", async (path) => {
    await restart({ history: { rules: [{ filter: "#" }] }, proxy: { toCoap: [{ host: "127.0.0.1" }] } });
    await put("/topics/a", "1");
    for (const host of ["evil.example", "evil.example:1883", "localhost.evil.example", "127.0.0.1.evil.example"]) {
      expect(await statusAt(path, host)).toBe(421);
      expect(await statusAt(path, host, { accept: "text/event-stream" })).toBe(421);
    }
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:80", "10.0.0.7", "[fe80::1]"]) {
      expect(await statusAt(path, host)).not.toBe(421);
    }
  });

  test("under another name of the operator's may ask", async () => {
    await restart({ http: { port: 0, allowedOrigins: ["https://desk.example:8443"] } });
    await put("/topics/a", "1");
    expect(await statusAt("/topics/a", "desk.example:8443")).toBe(200);
    expect(await statusAt("/topics/a", "desk.example")).toBe(421);
    await restart({ http: { port: 0, allowedOrigins: ["*"] } });
    expect(await statusAt("/topics/a", "desk.example")).toBe(404);
  });

  test("name whatever host they like where other machines get in, or who asks says who they are", async () => {
    await restart({ http: { port: 0, host: "0.0.0.0" }, access: { allowAnonymous: true } });
    expect(await statusAt("/topics/a", "evil.example")).toBe(404);
    await restart({ hooks: { authenticate: ({ user }) => (user === undefined ? undefined : { user }) } });
    const authorization = `Basic ${Buffer.from("anna:x").toString("base64")}`;
    expect(await statusAt("/topics/a", "hub.example", { authorization })).toBe(404);
  });

  test("of this machine may ask, and not read what they are not listed for", async () => {
    const response = await ask("POST", "/topics/a", { body: "1", headers: { origin: "http://localhost:3000" } });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([204, null]);
  });
});

test("a hub with an open stream can be closed", async () => {
  const stream = events("/topics/a");
  await nextEvent(stream);
  await hub.close();
  await expect(nextEvent(stream)).rejects.toThrow();
});
