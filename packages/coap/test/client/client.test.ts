import { createServer as createHttpServer } from "node:http";
import { encodeUtf8, equalBytes } from "@isthmus/bytes";
import { afterEach, describe, expect, it } from "vitest";
import { CoapClient, connectorOf, createClient, discover, observe, ping, request } from "../../src/client/index.js";
import { Code, CoapUriError, Option } from "../../src/codec/index.js";
import { RequestError } from "../../src/endpoint/index.js";
import { Format, linkAttribute } from "../../src/media/index.js";
import { changed, CoapError, content, createServer, type Resource } from "../../src/server/index.js";
import { bindUdp, listenTcp, listenWebSocket, openWebSocketDoor } from "../../src/transport-node.js";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).toReversed()) await item.close();
});

function keep<T extends { close(): Promise<void> }>(item: T): T {
  open.push(item);
  return item;
}

interface House {
  readonly uri: string;
  readonly temperature: Resource;
  readonly setCelsius: (value: number) => void;
}

type Scheme = "coap" | "coap+tcp" | "coap+ws";

async function serveHouse(scheme: Scheme): Promise<House> {
  let celsius = 20;
  const server = createServer();
  server.get("/hello", () => "world");
  server.put("/echo", (request) => changed(request.payload));
  server.post("/items", () => content("made", { location: "/items/7?new", maxAge: 3 }));
  server.get("/slow", () => new Promise(() => {}));
  server.get("/error", () => {
    throw new CoapError(Code.FORBIDDEN, "not for you");
  });
  server.resource("/doc", { get: () => ({ a: 1 }), put: () => undefined, hasContentEtag: true });
  const temperature = server.resource("/temp", {
    get: () => celsius,
    isObservable: true,
    attributes: { rt: "temperature-c" },
  });
  const listen = { coap: bindUdp, "coap+tcp": listenTcp, "coap+ws": listenWebSocket }[scheme];
  const { address } = keep(await listen({ handler: server }));
  return {
    uri: `${scheme}://127.0.0.1:${address.port}`,
    temperature,
    setCelsius: (value) => {
      celsius = value;
    },
  };
}

describe.each<Scheme>(["coap", "coap+tcp", "coap+ws"])("request over %s", (scheme) => {
  it("asks, and reads the answer", async () => {
    const { uri } = await serveHouse(scheme);
    const response = await request(`${uri}/hello`);
    expect([response.ok, response.status, response.statusText, response.text()]).toEqual([
      true,
      "2.05",
      "Content",
      "world",
    ]);
    expect(response.body()).toBe("world");
    expect(response.maxAge).toBe(60);
  });

  it("takes an error for a response", async () => {
    const { uri } = await serveHouse(scheme);
    const response = await request(`${uri}/error`);
    expect([response.ok, String(response)]).toEqual([false, "4.03 Forbidden: not for you"]);
  });

  it("moves large bodies both ways, and tells how far it is", async () => {
    const { uri } = await serveHouse(scheme);
    const body = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
    const progress: string[] = [];
    const response = await request(`${uri}/echo`, {
      method: "PUT",
      body,
      handleProgress: ({ direction }) => progress.push(direction),
    });
    expect(equalBytes(response.payload, body)).toBe(true);
    // Connections move a body of this size in one message.
    expect(new Set(progress)).toEqual(new Set(scheme === "coap" ? ["upload", "download"] : []));
  });

  it("observes until the loop is left", async () => {
    const { uri, temperature, setCelsius } = await serveHouse(scheme);
    const seen: unknown[] = [];
    for await (const response of observe(`${uri}/temp`)) {
      seen.push(response.text());
      if (seen.length === 3) break;
      setCelsius(20 + seen.length);
      temperature.notify();
    }
    expect(seen).toEqual(["20", "21", "22"]);
    await until(() => temperature.observerCount === 0);
  });

  it("discovers, with filters", async () => {
    const { uri } = await serveHouse(scheme);
    const all = await discover(uri);
    expect(all.map(({ target }) => target)).toContain("/hello");
    const [only, ...rest] = await discover(uri, { query: ["rt=temperature*"] });
    expect([only?.target, only && linkAttribute(only, "obs"), rest.length]).toEqual(["/temp", "", 0]);
  });

  it("pings", async () => {
    const { uri } = await serveHouse(scheme);
    expect(await ping(uri)).toBeGreaterThan(0);
  });

  it("gives up when the signal aborts, with its reason", async () => {
    const { uri } = await serveHouse(scheme);
    const controller = new AbortController();
    const answer = request(`${uri}/slow`, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await expect(request(`${uri}/hello`, { signal: controller.signal })).rejects.toThrow("enough");
  });

  it("gives up after a time", async () => {
    const { uri } = await serveHouse(scheme);
    const error = await request(`${uri}/slow`, { timeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({ reason: "timeout" });
  });
});

describe("request", () => {
  it("encodes bodies, and says their Content-Format", async () => {
    const { uri } = await serveHouse("coap");
    const put = (body: unknown, contentFormat?: number) =>
      request(`${uri}/echo`, { method: "PUT", body, ...(contentFormat !== undefined && { contentFormat }) });
    expect((await put({ on: true })).text()).toBe('{"on":true}');
    expect((await put("on")).text()).toBe("on");
    expect((await put([{ name: "t", value: 1 }], Format.SENML_JSON)).text()).toBe('[{"n":"t","v":1}]');
    await expect(put({ on: true }, Format.TEXT)).rejects.toThrow(TypeError);
  });

  it("reads location, entity-tag and Max-Age", async () => {
    const { uri } = await serveHouse("coap");
    const made = await request(`${uri}/items`, { method: "POST" });
    expect([made.location, made.maxAge]).toEqual(["/items/7?new", 3]);
    const doc = await request(`${uri}/doc`);
    const etag = doc.etag ?? new Uint8Array();
    expect((await request(`${uri}/doc`, { etags: [etag] })).status).toBe("2.03");
    expect((await request(`${uri}/doc`, { method: "PUT", ifMatch: [encodeUtf8("no")] })).status).toBe("4.12");
    expect((await request(`${uri}/doc`, { method: "PUT", ifNoneMatch: true })).status).toBe("4.12");
    expect((await request(`${uri}/doc`, { method: "PUT", ifMatch: [etag] })).status).toBe("2.04");
  });

  it("asks for the Content-Format that is wanted", async () => {
    const { uri } = await serveHouse("coap");
    expect((await request(`${uri}/doc`, { accept: Format.XML })).text()).toBe("<a>1</a>");
  });

  it("sends the name of the host along, and no address", async () => {
    const server = createServer();
    server.get("/host", ({ options }) => options.text(Option.URI_HOST) ?? "none");
    const { address } = keep(await bindUdp({ handler: server }));
    expect((await request(`coap://localhost:${address.port}/host`)).text()).toBe("localhost");
    expect((await request(`coap://127.0.0.1:${address.port}/host`)).text()).toBe("none");
  });

  it.each(["http://a/b", "/a", "coap://a/b#c"])("refuses %s", async (uri) => {
    await expect(request(uri)).rejects.toThrow(CoapUriError);
  });

  it("has no DTLS, and says so", async () => {
    await expect(request("coaps://127.0.0.1/")).rejects.toThrow("there is no transport for coaps here");
  });

  it("fails when nobody listens", async () => {
    await expect(request("coap+tcp://127.0.0.1:1/")).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe("a client", () => {
  it("keeps one connection for many requests, and opens another when it broke", async () => {
    const server = createServer();
    server.get("/hello", () => "world");
    const listener = keep(await listenTcp({ handler: server }));
    const client = keep(createClient());
    const uri = `coap+tcp://127.0.0.1:${listener.address.port}/hello`;
    await Promise.all([client.request(uri), client.request(uri), client.request(uri)]);
    expect(listener.connections.size).toBe(1);
    for (const connection of listener.connections) await connection.close();
    // The client learns of it with the next turns of the loop.
    await until(async () => (await client.request(uri).catch(() => undefined))?.text() === "world");
    expect(listener.connections.size).toBe(1);
  });

  it("asks over the endpoint of a server, and answers on it", async () => {
    const ours = createServer();
    ours.get("/who", () => "me");
    const theirs = createServer();
    const transport = keep(await bindUdp({ handler: ours }));
    const client = new CoapClient({ connector: connectorOf(transport) });
    const back = keep(createClient());
    theirs.get("/ask-back", async ({ peer }) => (await back.request(`coap://127.0.0.1:${peer.port}/who`)).text());
    const other = keep(await bindUdp({ handler: theirs }));
    expect((await client.request(`coap://127.0.0.1:${other.address.port}/ask-back`)).text()).toBe("me");
  });

  it("ends a loop quietly when its signal aborts", async () => {
    const { uri, temperature } = await serveHouse("coap");
    const client = keep(createClient());
    const controller = new AbortController();
    let count = 0;
    for await (const response of client.observe(`${uri}/temp`, { signal: controller.signal })) {
      expect(response.ok).toBe(true);
      count++;
      controller.abort();
    }
    expect(count).toBe(1);
    await until(() => temperature.observerCount === 0);
  });

  it("drops the oldest notifications of a consumer that is too slow", async () => {
    const { uri, temperature, setCelsius } = await serveHouse("coap+tcp");
    const client = keep(createClient());
    const loop = client.observe(`${uri}/temp`, { maxWaiting: 2 });
    expect((await loop.next()).value?.text()).toBe("20");
    for (let celsius = 21; celsius <= 25; celsius++) {
      setCelsius(celsius);
      temperature.notify();
    }
    // Another request over the same connection: when it is answered, what was sent before is there.
    await client.request(`${uri}/hello`);
    const rest = [await loop.next(), await loop.next()].map(({ value }) => value?.text());
    expect(rest).toEqual(["24", "25"]);
    await loop.return?.();
    expect((await loop.next()).done).toBe(true);
  });

  it("ends with the error response of a resource that is gone", async () => {
    const { uri, temperature } = await serveHouse("coap");
    const client = keep(createClient());
    const seen: string[] = [];
    for await (const response of client.observe(`${uri}/temp`)) {
      seen.push(response.status);
      temperature.endObservations();
    }
    expect(seen).toEqual(["2.05", "4.04"]);
  });

  it("yields the one answer of what cannot be observed", async () => {
    const { uri } = await serveHouse("coap");
    const client = keep(createClient());
    const seen: string[] = [];
    for await (const response of client.observe(`${uri}/hello`)) seen.push(response.text());
    expect(seen).toEqual(["world"]);
  });

  it("throws from the loop when there is no way to the server", async () => {
    const client = keep(createClient());
    await expect(client.observe("coap+tcp://127.0.0.1:1/").next()).rejects.toThrow(/ECONNREFUSED/);
  });

  it("speaks to a server that is behind the HTTP server of somebody else", async () => {
    const server = createServer();
    server.get("/hello", () => "world");
    const door = keep(openWebSocketDoor({ handler: server }));
    const http = createHttpServer();
    http.on("upgrade", (request, socket, head) => door.handleUpgrade(request, socket, head));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    keep({ close: () => new Promise<void>((resolve) => http.close(() => resolve())) });
    const address = http.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect((await request(`coap+ws://127.0.0.1:${port}/hello`)).text()).toBe("world");
  });
});

/** Waits for what real sockets bring about. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error("it did not come true in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
