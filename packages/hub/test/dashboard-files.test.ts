import { readdir, readFile } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";

const PAGE = fileURLToPath(new URL("../../dashboard/dist/page/", import.meta.url));
/** Bytes of the whole page as it goes over the network. */
const LIMIT_BYTES = 60_000;

let hub: Hub;

beforeEach(async () => {
  hub = await createHub({ http: { port: 0 }, sys: { intervalMs: 0 } });
});

afterEach(() => hub.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** Asks without adding or undoing anything. */
function ask(target: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(hub.http?.url ?? ""), { path: target, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

async function addressesIn(headers: Readonly<Record<string, string>>): Promise<string[]> {
  const { body } = await ask("/", headers);
  return Array.from(body.toString().matchAll(/(?:href|src)="([^"]+)"/g), ([, address = ""]) => `/${address}`);
}

describe("the page at /", () => {
  test("is for those who ask for HTML; curl gets the start page in plain text", async () => {
    const page = await ask("/", BROWSER);
    expect([page.status, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.body.toString()).toMatch(/^<!doctype html>/);
    const plain = await ask("/", { accept: "*/*" });
    expect([plain.status, plain.headers["content-type"]]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(plain.body.toString()).toContain("MQTT over WebSocket");
  });

  test("lets nothing in from elsewhere, runs no code but its own, and stands in no frame", async () => {
    const { headers } = await ask("/", BROWSER);
    const policy = String(headers["content-security-policy"]).split("; ");
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ]),
    );
    expect(policy.join(" ")).not.toMatch(/unsafe|\*|http|data:/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    for (const address of await addressesIn(BROWSER)) expect(address).toMatch(/^\/page\//);
  });

  test("is asked for again with its entity tag (RFC 9110 13.1.2)", async () => {
    const { headers } = await ask("/", BROWSER);
    expect(headers["cache-control"]).toBe("no-cache");
    const etag = String(headers["etag"]);
    const again = await ask("/", { ...BROWSER, "if-none-match": etag });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    expect((await ask("/", { ...BROWSER, "if-none-match": '"other"' })).status).toBe(200);
    // What is cached compressed is not what is cached plain.
    expect((await ask("/", { ...BROWSER, "accept-encoding": "gzip" })).headers["etag"]).not.toBe(etag);
  });

  test("is made of files that are kept for ever, of the right types", async () => {
    const types: Record<string, unknown> = {};
    for (const address of await addressesIn(BROWSER)) {
      const { status, headers } = await ask(address);
      expect([status, headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
      types[path.extname(address)] = headers["content-type"];
    }
    expect(types).toEqual({
      ".svg": "image/svg+xml",
      ".css": "text/css; charset=utf-8",
      ".js": "text/javascript; charset=utf-8",
    });
  });

  test.each([
    ["gzip, deflate, br", true],
    ["br;q=1, gzip;q=0.5", true],
    ["GZIP", true],
    ["gzip;q=0", false],
    ["gzip ; q=0.0, br", false],
    ["br", false],
    ["", false],
  ])("for Accept-Encoding: %s it is compressed: %s (RFC 9110 12.5.3)", async (acceptEncoding, isCompressed) => {
    const { headers, body } = await ask("/", { ...BROWSER, "accept-encoding": acceptEncoding });
    expect(headers["content-encoding"]).toBe(isCompressed ? "gzip" : undefined);
    expect(headers["content-length"]).toBe(String(body.length));
    expect(headers["vary"]).toBe("Accept, Accept-Encoding");
    const plain = isCompressed ? gunzipSync(body) : body;
    expect(plain).toEqual(await readFile(path.join(PAGE, "index.html")));
  });

  test("HEAD gets the headers alone", async () => {
    const { status, headers, body } = await ask("/", BROWSER, "HEAD");
    expect([status, body.length]).toEqual([200, 0]);
    expect(Number(headers["content-length"])).toBeGreaterThan(300);
  });

  test.each([
    ["/page/", 404],
    ["/page/nothing.js", 404],
    ["/page/index.html.gz", 404],
    ["/page/../package.json", 404],
    ["/page/..%2f..%2fpackage.json", 404],
    ["/page/%2e%2e/types/main.d.ts", 404],
    ["/page/%", 404],
    ["/page", 404],
  ])("%s is answered with %i", async (target, status) => {
    expect((await ask(target)).status).toBe(status);
  });

  test("leaves other paths and methods as they were", async () => {
    expect((await ask("/livez", BROWSER)).body.toString()).toBe("ok\n");
    expect((await ask("/nothing", BROWSER)).status).toBe(404);
    expect((await ask("/", BROWSER, "POST")).status).toBe(405);
    expect((await ask("/topics/a", BROWSER)).status).toBe(404);
  });

  test("is not there when the hub is told so", async () => {
    await hub.close();
    hub = await createHub({ http: { port: 0 }, sys: { intervalMs: 0 }, dashboard: false });
    expect((await ask("/", BROWSER)).headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect((await ask("/page/index.html")).status).toBe(404);
  });

  test(`takes less than ${LIMIT_BYTES} bytes on its way`, async () => {
    const names = (await readdir(PAGE)).filter((name) => name.endsWith(".gz"));
    const sizes = await Promise.all(names.map(async (name) => (await readFile(path.join(PAGE, name))).length));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`the page takes ${total} bytes`);
    expect(names).toHaveLength(4);
    expect(total).toBeLessThan(LIMIT_BYTES);
  });
});
