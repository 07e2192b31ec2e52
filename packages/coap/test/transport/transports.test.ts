import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connect as connectTcpSocket, type Socket } from "node:net";
import { once } from "node:events";
import { connect as connectTlsSocket } from "node:tls";
import { WebSocket } from "ws";
import { Code, Option, Options } from "../../src/codec/index.js";
import {
  type Address,
  type Endpoint,
  type IncomingResponse,
  type Request,
  type RequestHandler,
  Subject,
} from "../../src/endpoint/index.js";
import {
  allCoapNodes,
  bindUdp,
  connectTcp,
  connectWebSocket,
  listenTcp,
  listenWebSocket,
  type TcpConnectOptions,
  type UdpOptions,
  type UdpTransport,
  webSocketPath,
} from "../../src/transport-node.js";
import { UdpSocket } from "../../src/transport/udp-socket.js";
import { loadBatchCalls } from "../../src/transport/batch-calls.js";
import { body } from "../endpoint/notation.js";

/** What each transport test needs: a server with `handler` and a way to ask it. */
interface Rig {
  readonly endpoint: Endpoint;
  readonly to: Address;
  now(): number;
  close(): Promise<void>;
}

/** Echoes bodies, and has one observable resource. */
class Workbench implements RequestHandler {
  readonly subject = new Subject();
  value = "0";

  handleRequest(now: number, request: Parameters<RequestHandler["handleRequest"]>[1]): void {
    if (request.path.text === "/later") {
      setTimeout(() => request.respond(now, { code: Code.CONTENT, payload: request.payload }), 5);
    } else if (request.path.text === "/state") {
      request.observe(now, this.subject);
      request.respond(now, this.state());
    } else {
      request.respond(now, { code: Code.CONTENT, payload: request.payload });
    }
  }

  state(): { code: number; payload: Uint8Array } {
    return { code: Code.CONTENT, payload: new TextEncoder().encode(this.value) };
  }

  change(now: number, value: string): void {
    this.value = value;
    this.subject.notify(now, this.state());
  }
}

async function ask(rig: Rig, request: Request): Promise<IncomingResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingResponse>();
  rig.endpoint.request(rig.now(), rig.to, request, {
    handleResponse: (_now, response) => resolve(response),
    handleEnd: (_now, failure) => reject(failure ?? new Error("no response")),
  });
  return await promise;
}

const openRigs: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(openRigs.splice(0).map((rig) => rig.close()));
});

async function udpRig(host: string, handler: RequestHandler, batchingThresholdPerSecond = Infinity): Promise<Rig> {
  const server = await bindUdp({ host, handler, batchingThresholdPerSecond });
  const client = await bindUdp({ host, batchingThresholdPerSecond });
  expect([server.isBatching, client.isBatching]).toEqual(Array(2).fill(batchingThresholdPerSecond === 0));
  openRigs.push(server, client);
  return { endpoint: client.endpoint, to: server.address, now: () => client.now(), close: () => client.close() };
}

async function tcpRig(handler: RequestHandler, tls?: { key: string; cert: string }): Promise<Rig> {
  const server = await listenTcp({ handler, ...(tls ? { tls } : {}) });
  const options: TcpConnectOptions = { host: "127.0.0.1", port: server.address.port };
  const client = await connectTcp(tls ? { ...options, tls: { ca: tls.cert, servername: "localhost" } } : options);
  openRigs.push(server, client);
  return { endpoint: client.endpoint, to: client.remote, now: () => client.now(), close: () => client.close() };
}

async function webSocketRig(handler: RequestHandler): Promise<Rig> {
  const server = await listenWebSocket({ handler });
  const client = await connectWebSocket({ host: "127.0.0.1", port: server.address.port });
  openRigs.push(server, client);
  return { endpoint: client.endpoint, to: client.remote, now: () => client.now(), close: () => client.close() };
}

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
/** On a machine where they are to be had; under CI they must be. */
const canBatch = process.env["CI"] !== undefined || (await loadBatchCalls()) !== undefined;
const certificates = { directory: "", key: "", cert: "" };

beforeAll(() => {
  certificates.directory = mkdtempSync(join(tmpdir(), "isthmus-coap-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(certificates.directory, name)) as [string, string];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      "-days",
      "2",
      ...subject,
    ],
    { stdio: "ignore" },
  );
  certificates.key = readFileSync(key, "utf8");
  certificates.cert = readFileSync(cert, "utf8");
});

afterAll(() => rmSync(certificates.directory, { recursive: true }));

const rigs: [string, boolean, (handler: RequestHandler) => Promise<Rig>][] = [
  ["UDP over IPv4", true, (handler) => udpRig("127.0.0.1", handler)],
  ["UDP over IPv6", hasIpv6, (handler) => udpRig("::1", handler)],
  ["UDP in batches over IPv4", canBatch, (handler) => udpRig("127.0.0.1", handler, 0)],
  ["UDP in batches over IPv6", canBatch && hasIpv6, (handler) => udpRig("::1", handler, 0)],
  ["TCP", true, (handler) => tcpRig(handler)],
  ["TLS", true, (handler) => tcpRig(handler, certificates)],
  ["WebSocket", true, webSocketRig],
];

describe.each(rigs)("%s", (_name, isAvailable, open) => {
  const it = test.skipIf(!isAvailable);

  it("carries requests and responses, answered at once or later", async () => {
    const rig = await open(new Workbench());
    const payload = body(20);
    expect((await ask(rig, { code: Code.POST, payload })).payload).toEqual(payload);
    expect(
      (await ask(rig, { code: Code.POST, payload, options: Options.of([Option.URI_PATH, "later"]) })).payload,
    ).toEqual(payload);
  });

  it("carries bodies of any size, both ways", async () => {
    const rig = await open(new Workbench());
    for (const length of [0, 1, 1_023, 1_024, 1_025, 50_000]) {
      expect((await ask(rig, { code: Code.POST, payload: body(length) })).payload).toEqual(body(length));
    }
  });

  it("carries many requests at a time, each to its answer", async () => {
    const rig = await open(new Workbench());
    const payloads = Array.from({ length: 200 }, (_, i) => new TextEncoder().encode(`payload ${i}`));
    const responses = await Promise.all(payloads.map((payload) => ask(rig, { code: Code.POST, payload })));
    expect(responses.map((response) => response.payload)).toEqual(payloads);
  });

  it("carries notifications until the observer leaves", async () => {
    const workbench = new Workbench();
    const rig = await open(workbench);
    const seen: string[] = [];
    const waiting = { count: 0, resolve: (): void => {} };
    const reached = async (count: number): Promise<void> => {
      if (seen.length >= count) return;
      await new Promise<void>((resolve) => Object.assign(waiting, { count, resolve }));
    };
    const options = Options.of([Option.URI_PATH, "state"], [Option.OBSERVE, 0]);
    const request = rig.endpoint.request(
      rig.now(),
      rig.to,
      { code: Code.GET, options },
      {
        handleResponse: (_now, response) => {
          seen.push(new TextDecoder().decode(response.payload));
          if (seen.length >= waiting.count) waiting.resolve();
        },
        handleEnd: () => {},
      },
    );
    await reached(1);
    for (let i = 1; i <= 5; i++) {
      workbench.change(rig.now(), `${i}`);
      await reached(i + 1);
    }
    expect(seen).toEqual(["0", "1", "2", "3", "4", "5"]);
    request.cancel(rig.now());
    // A request later, the cancellation has been dealt with.
    await ask(rig, { code: Code.GET });
    expect(workbench.subject.observations.size).toBe(0);
  });

  it("answers pings", async () => {
    const rig = await open(new Workbench());
    const failure = await new Promise((resolve) => {
      rig.endpoint.ping(rig.now(), rig.to, { handleResponse: () => {}, handleEnd: (_now, error) => resolve(error) });
    });
    expect(failure).toBeUndefined();
  });

  it("ends requests when it closes, and closes twice", async () => {
    const rig = await open({ handleRequest: () => {} });
    const answer = ask(rig, { code: Code.GET });
    const closing = Promise.all([rig.close(), rig.close()]);
    await expect(answer).rejects.toMatchObject({ reason: "closed" });
    await closing;
    await rig.close();
  });
});

describe.each([
  ["UDP", Infinity],
  ["UDP in batches", 0],
])("%s", (_name, batchingThresholdPerSecond) => {
  const bind = (options: UdpOptions = {}): Promise<UdpTransport> => bindUdp({ batchingThresholdPerSecond, ...options });

  beforeEach((context) => {
    if (batchingThresholdPerSecond === 0) context.skip(!canBatch, "no batches on this machine");
  });

  test.each(["0.0.0.0", "127.0.0.1", "::"])(
    "a group's member, bound to %s, tells a request to the group",
    async (host) => {
      const handler: RequestHandler = {
        handleRequest: (now, request) =>
          request.respond(now, { code: Code.CONTENT, payload: body(request.isMulticast ? 1 : 2) }),
      };
      const common = { handler, parameters: { leisureMs: 20 }, groups: [allCoapNodes.ipv4] };
      const interfaces = host === "::" ? {} : { groupInterface: "127.0.0.1" };
      const server = await bind({ host, ...common, ...interfaces });
      const client = await bind({ host: host === "::" ? "0.0.0.0" : "127.0.0.1", ...interfaces });
      openRigs.push(server, client);
      const responses: number[] = [];
      const error = await new Promise<unknown>((resolve) => {
        const to = { address: allCoapNodes.ipv4, port: server.address.port };
        const request = { code: Code.GET, isMulticast: true, responseTimeoutMs: 300 };
        client.endpoint.request(client.now(), to, request, {
          handleResponse: (_now, response) => responses.push(response.payload.length),
          handleEnd: (_now, failure) => resolve(failure),
        });
      });
      expect(error).toBeUndefined();
      expect(responses).toEqual([1]);
      const to = { address: "127.0.0.1", port: server.address.port };
      const direct: Rig = { endpoint: client.endpoint, to, now: () => client.now(), close: async () => {} };
      for (const isConfirmable of [true, false]) {
        expect((await ask(direct, { code: Code.GET, isConfirmable })).payload).toHaveLength(2);
      }
    },
  );

  test("what comes from port 0 is dropped: there is no answering it", async () => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const received: number[] = [];
    const udp = new UdpSocket(socket, batchingThresholdPerSecond, {
      handleDatagram: (_now, bytes) => received.push(bytes.length),
      handleError: (error) => expect.unreachable(String(error)),
    });
    openRigs.push(udp);
    await udp.prepare();
    // As Node tells of one; to send one takes privileges.
    const from = { address: "127.0.0.1", family: "IPv4", size: 4 } as const;
    socket.emit("message", Buffer.alloc(4), { ...from, port: 0 });
    socket.emit("message", Buffer.alloc(5), { ...from, port: 1 });
    expect(received).toEqual([5]);
  });

  test("a request to port 0 fails, and nothing else", async () => {
    const client = await bind();
    openRigs.push(client);
    const to = { address: "127.0.0.1", port: 0 };
    const rig: Rig = { endpoint: client.endpoint, to, now: () => client.now(), close: async () => {} };
    await expect(ask(rig, { code: Code.GET })).rejects.toMatchObject({ reason: "unreachable" });
  });

  test("a port in use is told", async () => {
    const first = await bind();
    openRigs.push(first);
    await expect(bind({ port: first.address.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("an address that the network refuses fails the request at once", async () => {
    const client = await bind({ host: "127.0.0.1" });
    openRigs.push(client);
    // A socket that is bound to loopback has no way out of it.
    const to = { address: "198.51.100.1", port: 5683 };
    const rig: Rig = { endpoint: client.endpoint, to, now: () => client.now(), close: async () => {} };
    await expect(ask(rig, { code: Code.GET })).rejects.toMatchObject({ reason: "unreachable" });
  });

  test("a peer that is not there is given up after its transmissions", async () => {
    const gone = await bind();
    await gone.close();
    const client = await bind({ parameters: { ackTimeoutMs: 5, maxRetransmit: 2 } });
    openRigs.push(client);
    const rig: Rig = { endpoint: client.endpoint, to: gone.address, now: () => client.now(), close: async () => {} };
    await expect(ask(rig, { code: Code.GET })).rejects.toMatchObject({ reason: "timeout" });
  });
});

describe("connections", () => {
  test("a server that is not there is told", async () => {
    const gone = await listenTcp();
    await gone.close();
    await expect(connectTcp({ host: "127.0.0.1", port: gone.address.port })).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    await expect(connectWebSocket({ host: "127.0.0.1", port: gone.address.port })).rejects.toThrow(
      "no CoAP over WebSocket",
    );
  });

  test("a server that says nothing is given up", async () => {
    const { createServer } = await import("node:net");
    const mute = createServer(() => {}).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(connectTcp({ host: "127.0.0.1", port, connectTimeoutMs: 100 })).rejects.toThrow("closed");
    mute.close();
  });

  test("what is no CoAP is cut off, and leaves nothing behind", async () => {
    const server = await listenTcp({ handler: new Workbench() });
    openRigs.push(server);
    const socket = connectTcpSocket(server.address.port, "127.0.0.1");
    socket.resume();
    await once(socket, "data");
    const [connection] = server.connections;
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await once(socket, "close");
    await connection?.closed;
    expect(server.connections.size).toBe(0);
  });

  test("a WebSocket of another subprotocol, or another path, is refused", async () => {
    const server = await listenWebSocket({ handler: new Workbench() });
    openRigs.push(server);
    const base = `ws://127.0.0.1:${server.address.port}`;
    for (const [url, protocol] of [
      [`${base}${webSocketPath}`, "mqtt"],
      [`${base}/mqtt`, "coap"],
    ] as const) {
      const socket = new WebSocket(url, protocol);
      const [error] = await once(socket, "error");
      expect(String(error)).toMatch(/40[04]/);
    }
  });

  test.each([
    { name: "of another subprotocol", maxConnections: 1, path: webSocketPath, protocol: "mqtt", status: 400 },
    { name: "at another path", maxConnections: 1, path: "/mqtt", protocol: "coap", status: 404 },
    { name: "beyond the bound on connections", maxConnections: 0, path: webSocketPath, protocol: "coap", status: 503 },
  ])("a WebSocket $name leaves nothing behind, whether its client stays or resets", async (refused) => {
    const { maxConnections, path, protocol, status } = refused;
    const server = await listenWebSocket({ handler: new Workbench(), maxConnections });
    const refuse = async (): Promise<Socket> => {
      const socket = connectTcpSocket({ port: server.address.port, host: "127.0.0.1", allowHalfOpen: true });
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
      );
      const [answer] = await once(socket, "data");
      expect(String(answer)).toContain(`HTTP/1.1 ${status}`);
      return socket;
    };
    // An error of the server's side that nobody hears would be one of this run.
    (await refuse()).resetAndDestroy();
    const staying = await refuse();
    // It would wait for the side that the client leaves open.
    await server.close();
    staying.destroy();
  });

  test("a handshake that is under way when the server closes is cut off", async () => {
    const server = await listenTcp({ handler: new Workbench(), tls: certificates });
    const { port } = server.address;
    const socket = connectTlsSocket({ port, host: "127.0.0.1", ca: certificates.cert, servername: "localhost" });
    // The client has finished; the server has yet to hear of it.
    await once(socket, "secureConnect");
    const closed = once(socket.resume(), "close");
    await server.close();
    await closed;
  });

  test("a text frame ends the connection", async () => {
    const server = await listenWebSocket({ handler: new Workbench() });
    openRigs.push(server);
    const socket = new WebSocket(`ws://127.0.0.1:${server.address.port}${webSocketPath}`, "coap");
    await once(socket, "open");
    socket.send("hello");
    await once(socket, "close");
  });
});
