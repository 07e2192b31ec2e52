import { request as httpRequest } from "node:http";
import { MemoryStore } from "@isthmus/exchange";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findErrors, type JsonSchema } from "../src/admin/json-schema.js";
import { createHub, type Hub, type HubOptions } from "../src/index.js";

let hub: Hub;
async function start(options: HubOptions = {}): Promise<void> {
  hub = await createHub({ http: { port: 0 }, sys: { intervalMs: 0 }, ...options });
}
beforeEach(() => start());
afterEach(() => hub.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // What each test knows of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

async function call(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(new URL(`/api/v1${path}`, hub.http?.url), { method, ...init });
  const text = await response.text();
  if (response.status < 300) await checkAnswer(method, path, response.status, text);
  return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return call("POST", path, { body: text, headers: { "content-type": "application/json", ...headers } });
}

interface Operation {
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: JsonSchema }> }>>;
}

/** Every answer of every test is what the OpenAPI document says that it is. */
async function checkAnswer(method: string, path: string, status: number, text: string): Promise<void> {
  const document = (await (await fetch(new URL("/api/openapi.json", hub.http?.url))).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const [pathname = ""] = path.split("?");
  const entry = Object.entries(document.paths).find(([template]) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(`/api/v1${pathname}`),
  );
  const response = entry?.[1][method.toLowerCase()]?.responses[status];
  expect(response, `${method} ${path} ${status} is described`).toBeDefined();
  const schema = response?.content?.["application/json"]?.schema;
  if (schema === undefined) expect(text).toBe("");
  else expect(findErrors(schema, JSON.parse(text))).toEqual([]);
}

/** A request as no browser's fetch would send it. */
function raw(path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(hub.http?.url ?? "");
    const sent = httpRequest({ hostname, port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject).end();
  });
}

describe("the document", () => {
  test("is OpenAPI 3.1, as others check it", async () => {
    const response = await fetch(new URL("/api/openapi.json", hub.http?.url));
    const document = (await response.json()) as Record<string, unknown>;
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    expect(document["openapi"]).toBe("3.1.0");
  });
});

describe("clients", () => {
  test("are listed by client identifier, page by page, and found", async () => {
    for (const clientId of ["c", "a", "b", "pump-1", "pump-2"]) await hub.connect({ clientId });
    const away = await hub.connect({ clientId: "away", cleanStart: false });
    await away.subscribe("t", { qos: 1 });
    await away.close();
    const names = ({ body }: Answer): string[] => body.items.map((client: { clientId: string }) => client.clientId);
    const first = await call("GET", "/clients?limit=4");
    expect(names(first)).toEqual(["a", "away", "b", "c"]);
    expect(first.body.next).toBe("c");
    const second = await call("GET", "/clients?limit=4&after=c");
    expect([names(second), second.body.next]).toEqual([["pump-1", "pump-2"], undefined]);
    expect(names(await call("GET", "/clients?state=away"))).toEqual(["away"]);
    expect(names(await call("GET", "/clients?contains=pump"))).toEqual(["pump-1", "pump-2"]);
    expect((await call("GET", "/clients/away")).body).toMatchObject({ state: "away", subscriptions: 1 });
    expect((await call("GET", "/clients/a")).body).toMatchObject({ state: "connected", protocolVersion: "5.0" });
    expect((await call("GET", "/clients/nobody")).status).toBe(404);
  });

  test("a client identifier may hold anything", async () => {
    await hub.connect({ clientId: "a/b c%ü" });
    const { body } = await call("GET", `/clients/${encodeURIComponent("a/b c%ü")}`);
    expect(body.clientId).toBe("a/b c%ü");
    expect((await call("GET", "/clients/%ff")).status).toBe(400);
  });

  test("their subscriptions, and what is on its way to them", async () => {
    const away = await hub.connect({ clientId: "away", cleanStart: false });
    await away.subscribe(["q/+", "$share/g/q/#"], { qos: 1 });
    await away.close();
    const publisher = await hub.connect({ clientId: "p" });
    await publisher.publish("q/1", "x", { qos: 1 });
    const subscriptions = (await call("GET", "/clients/away/subscriptions")).body.items;
    expect(subscriptions).toMatchObject([{ topicFilter: "$share/g/q/#" }, { topicFilter: "q/+", qos: 1 }]);
    const { body } = await call("GET", "/clients/away/messages?limit=1");
    expect(body).toMatchObject({ inFlight: 0, waiting: 2 });
    expect(body.items).toMatchObject([{ state: "waiting", message: { topic: "q/1", publisher: { name: "p" } } }]);
  });

  test("kick disconnects and leaves the session, DELETE ends both", async () => {
    const onDisconnect = vi.fn<() => void>();
    await hub.connect({ clientId: "k", cleanStart: false, reconnect: false, onDisconnect });
    expect((await call("DELETE", "/clients/k/connection")).status).toBe(204);
    await vi.waitFor(() => expect(onDisconnect).toHaveBeenCalled());
    expect(JSON.stringify(onDisconnect.mock.calls)).toContain("152");
    expect((await call("GET", "/clients/k")).body.state).toBe("away");
    expect((await call("DELETE", "/clients/k/connection")).status).toBe(409);
    expect((await call("DELETE", "/clients/k")).status).toBe(204);
    expect((await call("GET", "/clients/k")).status).toBe(404);
    await hub.connect({ clientId: "l", cleanStart: false, reconnect: false, onDisconnect });
    expect((await call("DELETE", "/clients/l")).status).toBe(204);
    await vi.waitFor(() => expect(onDisconnect).toHaveBeenCalledTimes(2));
    expect(hub.metrics.sessions).toBe(0);
  });
});

describe("topics", () => {
  test("retained messages are listed, shown and deleted, in the store too", async () => {
    await hub.close();
    const store = new MemoryStore({ durability: "sync" });
    await start({ store });
    const client = await hub.connect({ clientId: "p" });
    for (const topic of ["b/2", "a/1", "b/1", "/x"])
      await client.publish(topic, `of ${topic}`, { qos: 1, retain: true });
    await client.publish("bytes", new Uint8Array([0xff, 0x00]), { qos: 1, retain: true });
    const topics = ({ body }: Answer): string[] => body.items.map((message: { topic: string }) => message.topic);
    expect(topics(await call("GET", "/retained?limit=2"))).toEqual(["/x", "a/1"]);
    expect(topics(await call("GET", "/retained?after=a/1&filter=b/%2B"))).toEqual(["b/1", "b/2"]);
    expect((await call("GET", "/retained?filter=a%23")).status).toBe(400);
    expect((await call("GET", "/retained/b%2F1")).body).toMatchObject({ payload: "of b/1", payloadBytes: 6, qos: 1 });
    expect((await call("GET", "/retained/bytes")).body).toMatchObject({ payloadBase64: "/wA=" });
    expect((await call("DELETE", "/retained/b%2F1")).status).toBe(204);
    expect((await call("GET", "/retained/b%2F1")).status).toBe(404);
    expect((await call("DELETE", "/retained/b%2F1")).status).toBe(404);
    expect([...store.range("retained", [])].map(([key]) => key)).not.toContainEqual(["b/1"]);
  });

  test("publish", async () => {
    const client = await hub.connect();
    const messages = (await client.subscribe("t/#", { qos: 2 }))[Symbol.asyncIterator]();
    const body = { topic: "t/1", payload: "hellö", qos: 2, retain: true, contentType: "text/plain" };
    const more = { expiresInSeconds: 60, userProperties: [["k", "v"]], responseTopic: "r" };
    expect((await post("/publish", { ...body, ...more })).body).toEqual({ receivers: 1 });
    const { value } = await messages.next();
    expect([value?.topic, value?.text(), value?.qos]).toEqual(["t/1", "hellö", 2]);
    expect(value?.properties).toMatchObject({ contentType: "text/plain", userProperties: [["k", "v"]] });
    expect((await call("GET", "/retained/t%2F1")).body.expiresAt).toBeDefined();
    await post("/publish", { topic: "t/2", payloadBase64: "AP8=" });
    expect(Buffer.from((await messages.next()).value?.payload ?? []).toString("hex")).toBe("00ff");
  });

  test.each<[unknown, number, RegExp]>([
    ["{", 400, /no JSON/],
    [[], 400, /an array, not an object/],
    [{}, 400, /lacks topic/],
    [{ topic: "t", qos: 3 }, 400, /qos is none of 0, 1, 2/],
    [{ topic: "t", retain: "yes" }, 400, /retain is a string, not a boolean/],
    [{ topic: "t", colour: "red" }, 400, /colour, which means nothing/],
    [{ topic: "t", payload: "", payloadBase64: "" }, 400, /exclude each other/],
    [{ topic: "t", payloadBase64: "?" }, 400, /not base64/],
    [{ topic: "a/#" }, 400, /#/],
    [{ topic: "t", userProperties: [["k"]] }, 400, /1 items, not 2 to 2/],
    [{ topic: "$SYS/broker/uptime" }, 403, /may not be published/],
  ])("publish of %j is refused with %d", async (body, status, detail) => {
    const answer = await post("/publish", body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ status, detail: expect.stringMatching(detail) });
  });

  test("bodies that are no JSON, or too large", async () => {
    expect((await post("/publish", "{}", { "content-type": "text/plain" })).status).toBe(415);
    await hub.close();
    await start({ admin: { maximumBodySize: 100 } });
    expect((await post("/publish", { topic: "t", payload: "x".repeat(100) })).status).toBe(413);
  });

  test("who would get it", async () => {
    const [a, b] = [await hub.connect({ clientId: "a" }), await hub.connect({ clientId: "b" })];
    await a.subscribe(["t/+", "t/1"], { qos: 1 });
    await b.subscribe("$share/g/t/#", { qos: 2 });
    expect((await call("GET", "/receivers?topic=t/1")).body).toEqual({
      receivers: [{ kind: "mqtt", clientId: "a", isOnline: true, qos: 1 }],
      shared: [{ name: "g", filter: "t/#", members: [{ kind: "mqtt", clientId: "b", isOnline: true, qos: 2 }] }],
    });
    expect((await call("GET", "/receivers")).body.detail).toBe("topic is missing");
    expect((await call("GET", "/receivers?topic=a/%2B")).status).toBe(400);
  });
});

describe("why was this not delivered to that client?", () => {
  async function why(clientId: string, topic: string): Promise<Answer["body"]> {
    return (await call("GET", `/delivery?clientId=${clientId}&topic=${topic}`)).body;
  }

  test("there is no such session", async () => {
    expect((await why("nobody", "t")).reasons).toEqual([
      "nobody is not connected and has no session: nothing waits for it",
    ]);
  });

  test("no subscription matches", async () => {
    await (await hub.connect({ clientId: "c" })).subscribe("house/+");
    const { reasons, subscriptions } = await why("c", "house/a/b");
    expect(reasons).toEqual(["none of its 1 subscriptions matches the topic"]);
    expect(subscriptions).toMatchObject([{ topicFilter: "house/+", matches: false }]);
  });

  test("nothing stands in the way", async () => {
    await (await hub.connect({ clientId: "c" })).subscribe("house/+");
    expect((await why("c", "house/a")).reasons).toEqual([
      "nothing stands in the way: messages on this topic are sent to it",
    ]);
  });

  test("it is away and has QoS 0; another shares with it; it wants nothing of its own", async () => {
    const away = await hub.connect({ clientId: "c", cleanStart: false });
    await away.subscribe("$share/g/t", { qos: 0 });
    await away.close();
    expect((await why("c", "t")).reasons).toEqual([
      "it shares the subscription: another member may have got the message",
      "it is away, and has subscribed with QoS 0: nothing is kept for it",
    ]);
    await (await hub.connect({ clientId: "d" })).subscribe("t", { noLocal: true });
    expect((await why("d", "t")).reasons).toEqual([
      "it has asked for no local: what d publishes itself it does not get",
    ]);
  });

  test("it was dropped: when, how often and why", async () => {
    await hub.close();
    await start({ limits: { maxQueuedMessages: 1 } });
    const away = await hub.connect({ clientId: "c", cleanStart: false });
    await away.subscribe("t/#", { qos: 1 });
    await away.close();
    const publisher = await hub.connect();
    for (const topic of ["t/1", "t/2", "t/2", "t/1", "t/1"]) await publisher.publish(topic, "x", { qos: 1 });
    const { reasons, dropped } = await why("c", "t/1");
    expect(reasons).toContain("messages on this topic were dropped: see dropped");
    expect(dropped).toMatchObject([{ topic: "t/1", reason: "queue-full", count: 2 }]);
    expect((await call("GET", "/clients/c/losses")).body.items).toMatchObject([
      { topic: "t/1", count: 2 },
      { topic: "t/2", count: 2 },
    ]);
  });

  test("it was never taken from its publisher", async () => {
    await hub.close();
    await start({ hooks: { authorizePublish: () => false } });
    await (await hub.connect({ clientId: "c" })).subscribe("t");
    await expect((await hub.connect({ clientId: "p" })).publish("t", "x", { qos: 1 })).rejects.toThrow();
    const { reasons, refused } = await why("c", "t");
    expect(reasons).toEqual(["messages on this topic were not taken from their publishers: see refused"]);
    expect(refused).toMatchObject([{ reason: "not-authorized", publisher: "p", count: 1 }]);
  });
});

describe("who may", () => {
  const basic = (user: string, password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
  });

  test("where users are known, an administrator: others get 401 or 403", async () => {
    await hub.close();
    await start({
      hooks: {
        authenticate: ({ user, password }) =>
          user === undefined || Buffer.from(password ?? []).toString() !== "pw"
            ? { reasonCode: 0x86, reason: "wrong" }
            : { user, groups: user === "root" ? ["admin"] : [] },
      },
    });
    const stranger = await call("GET", "/status");
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringMatching(/^Basic /),
    ]);
    expect((await call("GET", "/status", { headers: basic("root", "x") })).status).toBe(401);
    expect((await call("GET", "/status", { headers: basic("ada", "pw") })).status).toBe(403);
    expect((await call("GET", "/status", { headers: basic("root", "pw") })).status).toBe(200);
    const scrape = (headers: Record<string, string>): Promise<Response> =>
      fetch(new URL("/metrics", hub.http?.url), { headers });
    expect([(await scrape({})).status, (await scrape(basic("root", "pw"))).status]).toEqual([401, 200]);
    await hub.close();
    await start({ hooks: { authenticate: () => undefined }, metrics: { isPublic: true } });
    expect((await scrape({})).status).toBe(200);
  });

  test("no page of another site, be it by its origin or by a host name that was pointed here", async () => {
    const host = new URL(hub.http?.url ?? "").host;
    expect(await raw("/api/v1/status", { host })).toBe(200);
    expect(await raw("/api/v1/status", { host: "localhost:1" })).toBe(200);
    expect(await raw("/api/v1/status", { host: "evil.example" })).toBe(421);
    expect(await raw("/metrics", { host: "evil.example" })).toBe(421);
    expect(await raw("/api/v1/status", { host, origin: "http://evil.example" })).toBe(403);
    expect(await raw("/api/v1/status", { host, "sec-fetch-site": "cross-site" })).toBe(403);
    await hub.close();
    await start({ http: { port: 0, allowedOrigins: ["https://desk.example"] } });
    expect(await raw("/api/v1/status", { host: "desk.example", origin: "https://desk.example" })).toBe(200);
    const headers = { origin: "https://desk.example" };
    const preflight = await fetch(new URL("/api/v1/status", hub.http?.url), { method: "OPTIONS", headers });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, headers.origin]);
  });

  test("nothing there, wrong method, unknown query, no API at all", async () => {
    expect((await call("GET", "/nothing")).status).toBe(404);
    const wrong = await call("POST", "/clients");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await call("GET", "/clients?limit=0&limt=1")).body.errors).toEqual([
      "limt means nothing here",
      "limit is 0, below 1",
    ]);
    expect((await call("GET", "/status")).body).toMatchObject({ connections: 0 });
    await hub.close();
    await start({ admin: false });
    expect((await fetch(new URL("/api/v1/status", hub.http?.url))).status).toBe(404);
  });
});
