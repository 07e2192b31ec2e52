import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createClient, createServer, parseProxyTarget } from "@isthmus/coap";
import { bindUdp } from "@isthmus/coap/transport-node";
import { afterEach, describe, expect, test } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { ProxyPolicy } from "../src/proxy/proxy-policy.js";
import { isPublicAddress } from "../src/proxy/public-address.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startHub(options: HubOptions): Promise<Hub> {
  const hub = await createHub({ http: { port: 0 }, coap: { port: 0 }, ...options });
  closing.push(() => hub.close());
  return hub;
}

/** A CoAP server with one resource. @returns its URI. */
async function startCoapServer(): Promise<string> {
  const server = createServer();
  let light = "off";
  server.resource("/light", {
    get: () => light,
    put: (request) => {
      light = request.text();
    },
    hasContentEtag: true,
  });
  const transport = await bindUdp({ handler: server });
  closing.push(() => transport.close());
  return `coap://127.0.0.1:${transport.address.port}/light`;
}

/** @returns the origin of an HTTP server that tells what it was asked. */
async function startHttpServer(): Promise<string> {
  const server = createHttpServer((request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "cache-control": "max-age=60" });
    response.end(`${request.method} ${request.url}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

describe("from HTTP to CoAP, at /hc/ (RFC 8075)", () => {
  test("servers that the rules name are reached", async () => {
    const target = await startCoapServer();
    const hub = await startHub({ proxy: { toCoap: [{ host: "127.0.0.0/8" }] } });
    const uri = `${hub.http?.url}/hc/${target}`;
    expect((await fetch(uri, { method: "PUT", body: "on", headers: { "content-type": "text/plain" } })).status).toBe(
      204,
    );
    const response = await fetch(uri);
    expect([response.status, await response.text()]).toEqual([200, "on"]);
    const etag = response.headers.get("etag") ?? "";
    expect((await fetch(uri, { headers: { "if-none-match": etag } })).status).toBe(304);
  });

  test("nobody else is: there is no open proxy", async () => {
    const target = await startCoapServer();
    const named = await startHub({ proxy: { toCoap: [{ host: "192.0.2.7" }] } });
    expect((await fetch(`${named.http?.url}/hc/${target}`)).status).toBe(403);
    const none = await startHub({});
    expect((await fetch(`${none.http?.url}/hc/${target}`)).status).toBe(404);
  });

  test("a name that leads to this machine needs a rule that says so", async () => {
    const target = (await startCoapServer()).replace("127.0.0.1", "localhost");
    const closed = await startHub({ proxy: { toCoap: [{ host: "*" }] } });
    expect((await fetch(`${closed.http?.url}/hc/${target}`)).status).toBe(502);
    expect((await fetch(`${closed.http?.url}/hc/${target.replace("localhost", "127.0.0.1")}`)).status).toBe(403);
    const open = await startHub({ proxy: { toCoap: [{ host: "localhost", allowPrivate: true }] } });
    expect((await fetch(`${open.http?.url}/hc/${target}`)).status).toBe(200);
  });

  test("who is not let in does not use it", async () => {
    const target = await startCoapServer();
    const hub = await startHub({ proxy: { toCoap: [{ host: "127.0.0.0/8" }] }, allowAnonymous: false });
    const response = await fetch(`${hub.http?.url}/hc/${target}`);
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("from CoAP to HTTP and CoAP, by Proxy-Uri (RFC 7252 10)", () => {
  test("servers that the rules name are reached", async () => {
    const origin = await startHttpServer();
    const target = await startCoapServer();
    const hub = await startHub({
      proxy: { toHttp: [{ scheme: "http", host: "127.0.0.1" }], toCoap: [{ host: "127.0.0.1" }] },
    });
    await using client = createClient();
    const proxy = hub.coap?.url ?? "";
    const web = await client.request(`${origin}/state?x=1`, { proxy });
    expect([web.status, web.text(), web.maxAge]).toEqual(["2.05", "GET /state?x=1", 60]);
    expect((await client.request(target, { proxy })).text()).toBe("off");
  });

  test("nobody else is", async () => {
    const origin = await startHttpServer();
    const hub = await startHub({ proxy: { toCoap: [{ host: "*" }], toHttp: [{ scheme: "http", host: "*" }] } });
    await using client = createClient();
    const proxy = hub.coap?.url ?? "";
    expect((await client.request(origin, { proxy })).status).toBe("5.05");
    const named = origin.replace("127.0.0.1", "localhost");
    expect((await client.request(named, { proxy })).status).toBe("5.02");
    const none = await startHub({});
    expect((await client.request(origin, { proxy: none.coap?.url ?? "" })).status).toBe("5.05");
  });

  test("topics are there beside it", async () => {
    const hub = await startHub({ proxy: {} });
    await using client = createClient();
    expect((await client.request(`${hub.coap?.url}/t/a`, { method: "PUT", body: "1" })).status).toBe("2.01");
    expect((await client.request(`${hub.coap?.url}/t/a`)).text()).toBe("1");
  });
});

describe("the policy", () => {
  const policy = new ProxyPolicy(
    [
      { host: "*" },
      { host: "10.1.0.0/16", path: "/sensors" },
      { scheme: "coap+tcp", host: "*.example.com", allowPrivate: true },
    ],
    ["coap", "coap+tcp"],
  );

  test.each([
    ["coap://8.8.8.8/x", true],
    ["coap://name.example/x", true],
    ["coap://10.1.2.3/sensors/1", true],
    ["coap://10.1.2.3/admin", false],
    ["coap://10.2.0.1/sensors", false],
    ["coap://127.0.0.1/x", false],
    ["coap://[::1]/x", false],
    ["coap://[::ffff:127.0.0.1]/x", false],
    ["coap://224.0.1.187/x", false],
    ["coap+tcp://a.example.com/x", true],
    ["coap+tcp://example.com/x", false],
    ["http://8.8.8.8/x", false],
  ])("lets %s pass: %s", (uri, isAllowed) => {
    expect(policy.allows(parseProxyTarget(uri))).toBe(isAllowed);
  });

  test("looks at where names lead", () => {
    const check = (uri: string, address: string) => () => policy.checkAddress(parseProxyTarget(uri), address);
    expect(check("coap://name.example/x", "8.8.8.8")).not.toThrow();
    expect(check("coap://name.example/x", "192.168.1.1")).toThrow("a private address that no rule names");
    expect(check("coap+tcp://a.example.com/x", "192.168.1.1")).not.toThrow();
  });

  test("refuses rules for schemes that it does not speak", () => {
    expect(() => new ProxyPolicy([{ scheme: "https", host: "*" }], ["coap"])).toThrow(TypeError);
  });

  test.each([
    ["8.8.8.8", true],
    ["2600::1", true],
    ["172.15.0.1", true],
    ["172.16.0.1", false],
    ["100.64.0.1", false],
    ["169.254.169.254", false],
    ["255.255.255.255", false],
    ["::ffff:10.0.0.1", false],
    ["::ffff:8.8.8.8", true],
    ["fd00::1", false],
    ["fe80::1%eth0", false],
    ["ff02::1", false],
    ["::", false],
    ["example.com", false],
  ])("takes %s for public: %s", (address, isPublic) => {
    expect(isPublicAddress(address)).toBe(isPublic);
  });
});
