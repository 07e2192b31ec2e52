import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { concatBytes, encodeUtf8, fromHex } from "@isthmus/bytes";
import { encodePacket } from "@isthmus/mqtt/codec";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Code, Option, Options } from "@isthmus/coap";
import { acceptStream } from "@isthmus/coap/transport-node";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { AccessError, createHub, type Hub, type ListenOptions } from "../src/index.js";
import { parseProxyHeader, ProxyGate, ProxyProtocolError } from "../src/listeners/proxy-protocol.js";
import { TestAuthority } from "./certificates.js";
import { ScriptedClient } from "./scripted-client.js";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const V4 = `${SIGNATURE}2111000cc0000201c6336401c350075b`;
const V6 = `${SIGNATURE}2121002420010db800000000000000000000000120010db8000000000000000000000002c350075b`;

describe("a PROXY header", () => {
  test.each<[string, Uint8Array, string | undefined]>([
    ["TCP4", encodeUtf8("PROXY TCP4 192.0.2.1 198.51.100.1 50000 1883\r\n"), "192.0.2.1:50000"],
    ["TCP6", encodeUtf8("PROXY TCP6 2001:db8::1 2001:db8::2 50000 1883\r\n"), "[2001:db8::1]:50000"],
    ["UNKNOWN", encodeUtf8("PROXY UNKNOWN\r\n"), undefined],
    ["UNKNOWN with whatever", encodeUtf8("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), undefined],
    ["version 2, IPv4", fromHex(V4), "192.0.2.1:50000"],
    ["version 2, IPv6", fromHex(V6), "[2001:db8::1]:50000"],
    ["version 2, with extensions", fromHex(`${SIGNATURE}21110010c0000201c6336401c350075b03000101`), "192.0.2.1:50000"],
    ["version 2, LOCAL", fromHex(`${SIGNATURE}20000000`), undefined],
    ["version 2, a socket path", fromHex(`${SIGNATURE}213100d8${"00".repeat(216)}`), undefined],
  ])("%s tells the client's address, and ends where it says", (_, bytes, address) => {
    expect(parseProxyHeader(concatBytes([bytes, encodeUtf8("rest")]))).toEqual({ address, size: bytes.length });
    for (let length = 0; length < bytes.length; length++)
      expect(parseProxyHeader(bytes.subarray(0, length))).toBeUndefined();
  });

  test.each([
    ["GET / HTTP/1.1\r\n", "does not begin with"],
    ["PROXY TCP4 192.0.2.1 198.51.100.1 50000\r\n", "is not a PROXY line"],
    ["PROXY TCP4 2001:db8::1 198.51.100.1 50000 1883\r\n", "is not a PROXY line"],
    ["PROXY TCP4 192.0.2.1 198.51.100.1 50000 65536\r\n", "is not a PROXY line"],
    ["PROXY TCP4 192.0.2.1 198.51.100.1 050 1883\r\n", "is not a PROXY line"],
    ["PROXY TCP4  192.0.2.1 198.51.100.1 50000 1883\r\n", "is not a PROXY line"],
    ["PROXY TCP4 192.0.2.1 198.51.100.1 50000 1883 x\r\n", "is not a PROXY line"],
    ["PROXY UDP4 192.0.2.1 198.51.100.1 50000 1883\r\n", "is not a PROXY line"],
    [`PROXY TCP4 ${"1".repeat(107)}`, "has no end"],
  ])("%j is refused", (text, reason) => {
    expect(() => parseProxyHeader(encodeUtf8(text))).toThrow(ProxyProtocolError);
    expect(() => parseProxyHeader(encodeUtf8(text))).toThrow(reason);
  });

  test.each([
    [`${SIGNATURE}3111000c`, "version 3"],
    [`${SIGNATURE}2211000c${"00".repeat(12)}`, "command 2"],
    [`${SIGNATURE}2111000b${"00".repeat(11)}`, "too few"],
    [`${SIGNATURE}21210023${"00".repeat(35)}`, "too few"],
    [`${SIGNATURE}21110801`, "exceeds 2048"],
    [`${SIGNATURE.slice(0, 22)}0b`, "does not begin with"],
  ])("%s is refused", (hex, reason) => {
    expect(() => parseProxyHeader(fromHex(hex))).toThrow(reason);
  });

  test("of any bytes is one, or none yet, or a typed error", () => {
    const start = fc.constantFrom(fromHex(V4), fromHex(V6), encodeUtf8("PROXY TCP4 192.0.2.1 1.1.1.1 1 1\r\n"));
    fc.assert(
      fc.property(
        start,
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
        fc.nat(60),
        (bytes, changes, cut) => {
          const mutated = bytes.slice(0, cut);
          for (const [at, value] of changes) if (at < mutated.length) mutated[at] = value;
          try {
            parseProxyHeader(mutated);
          } catch (error) {
            expect(error).toBeInstanceOf(ProxyProtocolError);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});

test.each(["nowhere", "10.0.0.0/33", "::1/129", "10.0.0.0/x", ""])("%j is no proxy", (text) => {
  expect(() => new ProxyGate({ from: [text] })).toThrow(RangeError);
});

test("over CoAP the client's address is known to all that ask for it, the directory among them", async () => {
  const authority = new TestAuthority();
  const hub = await createHub({
    coap: { limits: {} },
    listeners: [
      { type: "coaps", port: 0, tls: authority.issue("localhost"), proxyProtocol: { from: ["127.0.0.0/8"] } },
    ],
    allowAnonymous: true,
  });
  /** Registers an endpoint for the client at `address`; returns the code of the response. */
  const register = async (address: string, target: string): Promise<number> => {
    const socket = connect(
      Number(new URL(hub.listeners[0]?.url.replace("coaps+tcp", "https") ?? "").port),
      "127.0.0.1",
    );
    socket.write(`PROXY TCP4 ${address} 127.0.0.1 4711 5684\r\n`);
    const tls = connectTls({ socket, ca: readFileSync(authority.caFile), servername: "localhost" });
    await once(tls, "secureConnect");
    const connection = acceptStream(tls);
    const options = Options.of(
      [Option.URI_PATH, "rd"],
      [Option.CONTENT_FORMAT, 40],
      ...target.split("&").map((argument) => [Option.URI_QUERY, argument] as const),
    );
    const answered = Promise.withResolvers<number>();
    const request = { code: Code.POST, options, payload: encodeUtf8("</x>") };
    connection.endpoint.request(connection.now(), connection.remote, request, {
      handleResponse: (_now, response) => answered.resolve(response.code),
      handleEnd: (_now, failure) => answered.reject(failure ?? new Error("no response")),
    });
    try {
      return await answered.promise;
    } finally {
      await connection.close();
    }
  };
  try {
    expect(await register("203.0.113.9", "ep=pump&base=coap://203.0.113.9")).toBe(Code.CREATED);
    expect(await register("203.0.113.10", "ep=pump&base=coap://203.0.113.10")).toBe(Code.FORBIDDEN);
    expect(await register("203.0.113.9", "ep=pump&base=coap://203.0.113.9")).toBe(Code.CREATED);
  } finally {
    await hub.close();
    authority.close();
  }
});

describe("a listener behind a proxy", () => {
  const CONNECT = encodePacket(
    { type: "connect", protocolVersion: 5, clientId: "x", cleanStart: true, keepAlive: 0 },
    5,
  );
  let hub: Hub;
  let log: Record<string, unknown>[];
  const sockets: Socket[] = [];

  async function start(
    listener: Partial<ListenOptions> & { readonly type?: "mqtt" | "http" } = {},
    from = ["127.0.0.0/8"],
  ): Promise<void> {
    log = [];
    hub = await createHub({
      listeners: [{ type: "mqtt", port: 0, proxyProtocol: { from }, ...listener }],
      allowAnonymous: true,
      // A line of the log is one JSON object.
      log: pino({ level: "info" }, { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) }),
    });
  }

  async function open(): Promise<Socket> {
    const { hostname, port } = new URL(hub.listeners[0]?.url ?? "");
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await hub.close();
  });

  test("is open to other machines, wherever it listens: it wants users, or the operator's word", async () => {
    await start();
    await expect(createHub({ mqtt: { port: 0, proxyProtocol: { from: ["127.0.0.1"] } } })).rejects.toThrow(AccessError);
    expect(hub.accessSummary).toContain("anyone who reaches these addresses");
  });

  test.each([
    ["in one piece with what follows", (header: Uint8Array) => [concatBytes([header, CONNECT])]],
    ["byte by byte", (header: Uint8Array) => [...concatBytes([header, CONNECT])].map((byte) => Uint8Array.of(byte))],
  ])("knows the client's address from a header that comes %s", async (_, cut) => {
    for (const [header, address] of [
      [fromHex(V6), "[2001:db8::1]:50000"],
      [encodeUtf8("PROXY TCP4 192.0.2.1 198.51.100.1 50000 1883\r\n"), "192.0.2.1:50000"],
    ] as const) {
      await start();
      const client = new ScriptedClient(new NodeStreamTransport(await open()));
      for (const piece of cut(header)) client.sendBytes(piece);
      expect((await client.expect("connack")).reasonCode).toBe(0);
      expect(log.find(({ msg }) => msg === "client connected")).toMatchObject({ address });
      await hub.close();
    }
  });

  test("knows it below TLS as well", async () => {
    const authority = new TestAuthority();
    await start({ tls: authority.issue("localhost") });
    const plain = await open();
    plain.write(fromHex(V4));
    const socket = connectTls({ socket: plain, ca: readFileSync(authority.caFile), servername: "localhost" });
    await once(socket, "secureConnect");
    const client = new ScriptedClient(new NodeStreamTransport(socket));
    expect((await client.connect()).reasonCode).toBe(0);
    expect(log.find(({ msg }) => msg === "client connected")).toMatchObject({ address: "192.0.2.1:50000" });
    authority.close();
  });

  test("and over HTTP", async () => {
    await start({ type: "http" });
    const socket = await open();
    socket.write(fromHex(V4));
    socket.write(
      "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://evil.example\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    expect(String((await once(socket, "data"))[0])).toContain("403");
    expect(log.find(({ msg }) => msg === "connection refused")).toMatchObject({ address: "192.0.2.1:50000" });
  });

  test.each([
    ["without a header", ["127.0.0.0/8"], CONNECT, "does not begin with a PROXY header"],
    ["of somebody else", ["192.0.2.7", "2001:db8::/32"], fromHex(V4), "not the address of a proxy that is trusted"],
  ])("closes a connection %s, and counts it", async (_, from, bytes, reason) => {
    await start({}, from);
    const socket = await open();
    socket.on("error", () => undefined);
    socket.write(bytes);
    await once(socket, "close");
    expect(log.find(({ msg }) => msg === "connection refused")).toMatchObject({
      reason: expect.stringContaining(reason) as unknown,
    });
    expect(hub.metrics.connectionsRefused.get("proxy-protocol")).toBe(1);
  });

  test("limits go by the client's address, not the proxy's", async () => {
    await start({ limits: { maxConnectionsPerAddress: 1 } });
    const codes: (number | undefined)[] = [];
    for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.1"]) {
      const client = new ScriptedClient(new NodeStreamTransport(await open()));
      client.sendBytes(concatBytes([encodeUtf8(`PROXY TCP4 ${address} 198.51.100.1 50000 1883\r\n`), CONNECT]));
      const packet = await client.next();
      codes.push(packet?.type === "connack" ? packet.reasonCode : undefined);
    }
    expect(codes).toEqual([0, 0, undefined]);
  });
});
