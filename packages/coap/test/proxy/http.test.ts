import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { fromHex } from "@isthmus/bytes";
import { afterEach, describe, expect, it } from "vitest";
import { createClient } from "../../src/client/index.js";
import { Code, Option } from "../../src/codec/index.js";
import { formatLinks } from "../../src/media/index.js";
import {
  allowTargets,
  coapUpstream,
  createForwardProxy,
  HcProxy,
  type HcProxyOptions,
  httpUpstream,
  Relay,
} from "../../src/proxy/index.js";
import {
  changed,
  CoapError,
  content,
  created,
  createServer,
  deleted,
  type CoapServer,
} from "../../src/server/index.js";
import { bindUdp, createConnector, hcRequestListener } from "../../src/transport-node.js";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).toReversed()) await item.close();
});

function keep<T extends { close(): Promise<void> }>(item: T): T {
  open.push(item);
  return item;
}

/** An HTTP server at a free port; its URL. */
async function serveHttp(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  keep({
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

describe("HTTP to CoAP (RFC 8075)", () => {
  async function hcBench(
    options: Partial<HcProxyOptions> = {},
  ): Promise<{ coap: CoapServer; base: string; origin: string }> {
    const coap = createServer();
    const { address } = keep(await bindUdp({ handler: coap }));
    const relay = new Relay({ upstreams: [coapUpstream(keep(createConnector()))] });
    const proxy = new HcProxy({ relay, allow: allowTargets([{ host: "127.0.0.1" }]), ...options });
    const url = await serveHttp(hcRequestListener(proxy));
    return { coap, base: `${url}/hc/coap://127.0.0.1:${address.port}`, origin: `127.0.0.1:${address.port}` };
  }

  it("gets, with media types both ways", async () => {
    const { coap, base } = await hcBench();
    coap.get("/temp", () => ({ celsius: 21.5 }), { maxAge: 7 });
    const plain = await fetch(`${base}/temp`);
    expect([plain.status, await plain.json()]).toEqual([200, { celsius: 21.5 }]);
    expect(plain.headers.get("content-type")).toBe("application/json");
    expect(plain.headers.get("cache-control")).toBe("max-age=7");
    const xml = await fetch(`${base}/temp`, { headers: { accept: "text/html, application/xml;q=0.9" } });
    expect([xml.headers.get("content-type"), await xml.text()]).toEqual(["application/xml", "<celsius>21.5</celsius>"]);
    const none = await fetch(`${base}/temp`, { headers: { accept: "application/senml+json" } });
    expect(none.status).toBe(406);
    const head = await fetch(`${base}/temp`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("puts, posts, patches and deletes, with what comes of it", async () => {
    const { coap, base, origin } = await hcBench();
    const seen: unknown[] = [];
    coap.resource("/thing", {
      put: (request) => void seen.push([request.contentFormat, request.body()]),
      post: () => created("/things/7?new"),
      patch: () => changed("patched"),
      delete: () => deleted("gone"),
    });
    const put = await fetch(`${base}/thing`, { method: "PUT", body: '{"on":true}', headers: { "content-type": "application/json" } }); // prettier-ignore
    expect([put.status, seen]).toEqual([204, [[50, { on: true }]]]);
    const post = await fetch(`${base}/thing`, { method: "POST", body: "x" });
    expect([post.status, post.headers.get("location")]).toEqual([201, `/hc/coap://${origin}/things/7?new`]);
    const patch = await fetch(`${base}/thing`, { method: "PATCH" });
    expect([patch.status, await patch.text()]).toEqual([200, "patched"]);
    const remove = await fetch(`${base}/thing`, { method: "DELETE" });
    expect([remove.status, await remove.text()]).toEqual([200, "gone"]);
  });

  it("moves large bodies, as if there were no blocks", async () => {
    const { coap, base } = await hcBench();
    coap.put("/echo", ({ payload }) => changed(payload));
    const body = "isthmus ".repeat(5_000);
    const response = await fetch(`${base}/echo`, { method: "PUT", body, headers: { "content-type": "text/plain" } });
    expect(await response.text()).toBe(body);
  });

  it("maps errors, their diagnostics and when to try again", async () => {
    const { coap, base } = await hcBench();
    coap.get("/busy", () => {
      throw new CoapError(Code.SERVICE_UNAVAILABLE, "later", { maxAge: 9 });
    });
    coap.get("/only-get", () => 1);
    const busy = await fetch(`${base}/busy`);
    expect([busy.status, busy.headers.get("retry-after"), await busy.text()]).toEqual([503, "9", "later"]);
    expect(busy.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    const wrong = await fetch(`${base}/only-get`, { method: "DELETE" });
    expect([wrong.status, wrong.statusText]).toEqual([400, "CoAP server returned 4.05"]);
    expect((await fetch(`${base}/missing`)).status).toBe(404);
  });

  it("validates by entity-tags", async () => {
    const { coap, base } = await hcBench();
    coap.resource("/doc", {
      get: () => content("state", { etag: fromHex("0a1b"), maxAge: 0 }),
      put: () => undefined,
    });
    const first = await fetch(`${base}/doc`);
    expect([first.headers.get("etag"), first.headers.get("cache-control")]).toEqual(['"0a1b"', "no-cache"]);
    const headers = { "if-none-match": '"ff", "0a1b"' };
    const valid = await fetch(`${base}/doc`, { headers });
    expect([valid.status, await valid.text()]).toEqual([304, ""]);
    const put = (extra: Record<string, string>) => fetch(`${base}/doc`, { method: "PUT", headers: extra }).then(({ status }) => status); // prettier-ignore
    expect([
      await put({ "if-match": '"0a1b"' }),
      await put({ "if-match": '"ff"' }),
      await put({ "if-match": "*" }),
      await put({ "if-none-match": "*" }),
      // A condition that cannot be said must not get lost.
      await put({ "if-match": '"not hexadecimal"' }),
      await put({ "if-none-match": '"0a1b"' }),
    ]).toEqual([204, 412, 204, 412, 412, 501]);
  });

  it("refuses what has no counterpart, and what it is not told to fetch", async () => {
    const { base } = await hcBench();
    const url = new URL(base).origin;
    const status = async (path: string, init: RequestInit = {}) => (await fetch(url + path, init)).status;
    expect(await status("/hc/coap://127.0.0.1/", { method: "OPTIONS" })).toBe(501);
    expect(await status("/hc/coap://192.0.2.1/")).toBe(403);
    expect(await status("/hc/coap://224.0.1.187/")).toBe(403);
    expect(await status("/hc/127.0.0.1/")).toBe(400);
    expect(await status("/hc/http://127.0.0.1/")).toBe(400);
    expect(await status("/other")).toBe(404);
  });

  it("takes media types loosely when told to", async () => {
    const strict = await hcBench();
    const loose = await hcBench({ isLoose: true });
    const post = async ({ coap, base }: typeof strict) => {
      coap.put("/x", (request) => changed(String(request.contentFormat)));
      const init = { method: "PUT", body: "<a/>", headers: { "content-type": "application/soap+xml" } };
      const response = await fetch(`${base}/x`, init);
      return [response.status, await response.text()];
    };
    expect((await post(strict))[0]).toBe(415);
    expect(await post(loose)).toEqual([200, "41"]);
  });

  it("says where it is (RFC 8075 5.5)", () => {
    const relay = new Relay({ upstreams: [] });
    const allow = allowTargets([]);
    const links = [
      new HcProxy({ relay, allow }).link(),
      new HcProxy({ relay, allow, template: "?uri={+tu}" }).link("https://p.example.com"),
    ];
    expect(formatLinks(links)).toBe(
      '</hc/>;rt="core.hc",</hc/>;anchor="https://p.example.com";rt="core.hc";hct="?uri={+tu}"',
    );
  });
});

describe("CoAP to HTTP (RFC 7252 10.1)", () => {
  type Web = (request: IncomingMessage, response: ServerResponse, body: string) => void;

  async function webBench(web: Web) {
    const url = await serveHttp((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => web(request, response, body));
    });
    const relay = new Relay({ upstreams: [httpUpstream({ timeoutMs: 2_000, maxBodyBytes: 100_000 })] });
    const allow = allowTargets([{ host: "127.0.0.1", scheme: "http" }]);
    const { address } = keep(await bindUdp({ handler: createForwardProxy({ relay, allow }), supportsProxying: true }));
    const client = keep(createClient());
    const proxy = `coap://127.0.0.1:${address.port}`;
    const ask = (path: string, options = {}) => client.request(url + path, { proxy, ...options });
    return { ask, proxy, client };
  }

  it("gets, with media types, freshness and validation", async () => {
    const seen: string[] = [];
    const { ask } = await webBench((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.accept} ${request.headers["if-none-match"]}`);
      const headers = { "content-type": "application/json", etag: '"a rather long tag"', "cache-control": "max-age=1" };
      if (request.headers["if-none-match"] !== undefined) response.writeHead(304, headers).end();
      else response.writeHead(200, { ...headers, age: "1" }).end('{"a":1}');
    });
    const first = await ask("/x?y=1", { accept: 50 });
    expect([first.status, first.body(), first.maxAge, first.etag?.length]).toEqual(["2.05", { a: 1 }, 0, 8]);
    const second = await ask("/x?y=1", { accept: 50 });
    expect([second.status, second.body(), second.maxAge]).toEqual(["2.05", { a: 1 }, 1]);
    expect(seen).toEqual(["GET /x?y=1 application/json undefined", 'GET /x?y=1 application/json "a rather long tag"']);
  });

  it("puts, posts and deletes", async () => {
    const seen: string[] = [];
    const { ask } = await webBench((request, response, body) => {
      seen.push(`${request.method} ${request.headers["content-type"]} ${body}`);
      if (request.method === "POST") response.writeHead(201, { location: "/items/7?new" }).end();
      else response.writeHead(204).end();
    });
    const put = await ask("/x", { method: "PUT", body: { on: true } });
    const post = await ask("/x", { method: "POST", body: "text" });
    const remove = await ask("/x", { method: "DELETE" });
    const fetched = await ask("/x", { method: "FETCH", body: "q" });
    expect([put.status, post.status, post.location, remove.status, fetched.status]).toEqual([
      "2.04",
      "2.01",
      "/items/7?new",
      "2.02",
      "5.01",
    ]);
    expect(seen).toEqual([
      'PUT application/json {"on":true}',
      "POST text/plain; charset=utf-8 text",
      "DELETE undefined ",
    ]);
  });

  it("maps preconditions", async () => {
    const { ask } = await webBench((request, response) => {
      if (request.method === "GET") response.writeHead(200, { etag: '"v1"' }).end("x");
      else response.writeHead(request.headers["if-match"] === '"v1"' || request.headers["if-match"] === "*" ? 204 : 412).end(); // prettier-ignore
    });
    const { etag = new Uint8Array() } = await ask("/x");
    const put = async (ifMatch: Uint8Array) => (await ask("/x", { method: "PUT", ifMatch: [ifMatch] })).status;
    expect([await put(etag), await put(fromHex("00")), await put(new Uint8Array())]).toEqual(["2.04", "4.12", "2.04"]);
  });

  it.each<[status: number, code: string]>([
    [400, "4.00"],
    [404, "4.04"],
    [500, "5.00"],
    [302, "5.02"],
  ])("maps HTTP's %i", async (status, code) => {
    const { ask } = await webBench((_, response) =>
      response.writeHead(status, { location: "http://192.0.2.1/" }).end("why"),
    );
    const response = await ask("/x");
    expect([response.status, response.text()]).toEqual([code, "why"]);
  });

  it("takes Retry-After for Max-Age", async () => {
    const { ask } = await webBench((_, response) => response.writeHead(503, { "retry-after": "17" }).end());
    const response = await ask("/x");
    expect([response.status, response.maxAge]).toEqual(["5.03", 17]);
  });

  it("says 5.02 for a body that is too large, or no server, and 5.04 for one that takes too long", async () => {
    const { ask, client, proxy } = await webBench((request, response) => {
      if (request.url === "/large") response.end("x".repeat(200_000));
    });
    expect((await ask("/large")).status).toBe("5.02");
    expect((await client.request("http://127.0.0.1:1/", { proxy })).status).toBe("5.02");
    expect((await ask("/never")).status).toBe("5.04");
  });

  it("answers an observation once, as the web has none", async () => {
    const { proxy, client } = await webBench((_, response) => response.end());
    const url = await serveHttp((_, response) => response.end("once"));
    const seen: (string | boolean)[] = [];
    for await (const response of client.observe(`${url}/x`, { proxy })) {
      seen.push(response.text(), response.options.has(Option.OBSERVE));
    }
    expect(seen).toEqual(["once", false]);
  });
});
