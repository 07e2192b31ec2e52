import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Code, codeName, Option, Options } from "../../src/codec/index.js";
import { type IncomingRequest, Subject } from "../../src/endpoint/index.js";
import { bindUdp, listenTcp, type Listener, type UdpTransport } from "../../src/transport-node.js";
import { body } from "../endpoint/notation.js";
import { coapClient, hasLibcoap } from "./libcoap.js";

/** Compared as a whole: thousands of differing letters tell nobody anything. */
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** A store of bodies by path, a resource that changes, one that answers late, one that is large. */
class Shelf {
  readonly bodies = new Map<string, Uint8Array>();
  readonly subject = new Subject();
  readonly seen: string[] = [];
  ticks = 0;

  handleRequest(now: number, request: IncomingRequest): void {
    this.seen.push(codeName(request.code) ?? "?");
    const { text } = request.path;
    if (text === "/late") {
      setTimeout(() => request.respond(now, { code: Code.CONTENT, payload: body(10) }), 600);
    } else if (text === "/ticks") {
      request.observe(now, this.subject);
      request.respond(now, this.tick());
    } else if (request.code === Code.GET) {
      const payload = this.bodies.get(text);
      request.respond(now, payload === undefined ? { code: Code.NOT_FOUND } : { code: Code.CONTENT, payload });
    } else if (request.code === Code.DELETE) {
      this.bodies.delete(text);
      request.respond(now, { code: Code.DELETED });
    } else if (request.code === Code.PUT) {
      this.bodies.set(text, request.payload.slice());
      request.respond(now, { code: Code.CHANGED });
    } else {
      // POST, FETCH, PATCH and iPATCH get back what they brought.
      request.respond(now, { code: Code.CONTENT, payload: request.payload });
    }
  }

  tick(): { code: number; payload: Uint8Array; options: Options } {
    const options = Options.of([Option.MAX_AGE, 5], [Option.CONTENT_FORMAT, 0]);
    return { code: Code.CONTENT, payload: new TextEncoder().encode(`tick ${this.ticks};`), options };
  }
}

describe.skipIf(!hasLibcoap)("libcoap's client asks this server", () => {
  const shelf = new Shelf();
  let udp: UdpTransport;
  let tcp: Listener;
  let directory = "";
  const uri = (path: string): string => `coap://127.0.0.1:${udp.address.port}${path}`;
  const tcpUri = (path: string): string => `coap+tcp://127.0.0.1:${tcp.address.port}${path}`;

  beforeAll(async () => {
    udp = await bindUdp({ handler: shelf });
    tcp = await listenTcp({ handler: shelf });
    directory = mkdtempSync(join(tmpdir(), "isthmus-libcoap-"));
  });

  beforeEach(() => {
    shelf.bodies.clear();
    shelf.seen.length = 0;
  });

  afterAll(async () => {
    await udp.close();
    await tcp.close();
    rmSync(directory, { recursive: true });
  });

  /** Writes `length` bytes to a file for `-f`. */
  const file = (length: number): string => {
    const path = join(directory, `${length}`);
    writeFileSync(path, body(length));
    return path;
  };

  test("with GET, PUT and DELETE", async () => {
    expect(await coapClient("-m", "put", "-e", "hello", uri("/a/b"))).toBe("");
    expect(await coapClient(uri("/a/b"))).toBe("hello");
    expect(await coapClient("-m", "delete", uri("/a/b"))).toBe("");
    expect(await coapClient(uri("/a/b"))).toBe("4.04");
    expect(shelf.seen).toEqual(["PUT", "GET", "DELETE", "GET"]);
  });

  test.each(["post", "fetch", "patch", "ipatch"])("with %s", async (method) => {
    expect(await coapClient("-m", method, "-e", "brought", uri("/a"))).toBe("brought");
  });

  test("with Non-confirmable requests, and ones that are answered late", async () => {
    shelf.bodies.set("/a", body(10));
    expect((await coapClient("-N", uri("/a"))) === latin1(body(10))).toBe(true);
    expect((await coapClient(uri("/late"))) === latin1(body(10))).toBe(true);
    expect((await coapClient("-N", uri("/late"))) === latin1(body(10))).toBe(true);
  });

  test.each([16, 32, 64, 128, 256, 512, 1024])(
    "in blocks of %i bytes both ways, nothing lost or doubled",
    async (size) => {
      const length = size * 5 + 7;
      await coapClient("-b", `${size}`, "-m", "put", "-f", file(length), uri("/body"));
      expect(shelf.bodies.get("/body")).toEqual(body(length));
      const output = join(directory, `out-${size}`);
      await coapClient("-b", `${size}`, "-o", output, uri("/body"));
      expect(new Uint8Array(readFileSync(output)).subarray(0, length)).toEqual(body(length));
      expect(shelf.seen).toEqual(["PUT", "GET"]);
    },
  );

  test("with bodies of its own block size, and a response in blocks to a POST in blocks", async () => {
    shelf.bodies.set("/large", body(40_000));
    expect((await coapClient(uri("/large"))) === latin1(body(40_000))).toBe(true);
    expect((await coapClient("-m", "post", "-f", file(10_000), uri("/x"))) === latin1(body(10_000))).toBe(true);
  });

  test("observing", async () => {
    const ticking = setInterval(() => {
      shelf.ticks++;
      shelf.subject.notify(udp.now(), shelf.tick());
    }, 200);
    const printed = await coapClient("-s", "2", uri("/ticks"));
    clearInterval(ticking);
    const seen = [...printed.matchAll(/tick (\d+);/g)].map((match) => Number(match[1]));
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(shelf.subject.observations.size).toBe(0);
  });

  test("over TCP, small and large", async () => {
    await coapClient("-m", "put", "-f", file(100_000), tcpUri("/large"));
    expect(shelf.bodies.get("/large")).toEqual(body(100_000));
    expect((await coapClient(tcpUri("/large"))) === latin1(body(100_000))).toBe(true);
    expect(await coapClient("-m", "post", "-e", "x", tcpUri("/a"))).toBe("x");
  });

  test("losing 30 % of what it sends: nothing is lost or doubled", { timeout: 120_000, retry: 2 }, async () => {
    // Its losses have no seed. A message is given up when all five transmissions are lost, once in 400: hence `retry`.
    await coapClient("-l", "30%", "-b", "64", "-m", "put", "-f", file(300), uri("/lossy"));
    expect(shelf.bodies.get("/lossy")).toEqual(body(300));
    expect((await coapClient("-l", "30%", "-b", "64", uri("/lossy"))) === latin1(body(300))).toBe(true);
    expect(await coapClient("-l", "30%", "-m", "post", "-e", "once", uri("/x"))).toBe("once");
    expect(shelf.seen.filter((method) => method === "POST")).toHaveLength(1);
  });

  test("with an option that is not understood, and for a proxy that this is not", async () => {
    expect(await coapClient("-O", "65001,x", uri("/a"))).toContain("4.02");
    expect(await coapClient("-P", `coap://127.0.0.1:${udp.address.port}`, "coap://example.net/a")).toContain("5.05");
  });
});
