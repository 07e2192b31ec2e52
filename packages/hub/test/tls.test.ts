import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { type ConnackPacket, decodePacket, encodePacket } from "@isthmus/mqtt/codec";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createHub, type Hub, type HubOptions, TlsError, type TlsOptions } from "../src/index.js";
import { type Issued, TestAuthority } from "./certificates.js";
import { ScriptedClient } from "./scripted-client.js";

const CONNECT = { type: "connect", protocolVersion: 5, clientId: "x", cleanStart: true, keepAlive: 0 } as const;
let authority: TestAuthority;
let stranger: TestAuthority;
let server: Issued;
let anna: Issued;
let hub: Hub;
const sockets: TLSSocket[] = [];
const log: Record<string, unknown>[] = [];

beforeAll(() => {
  authority = new TestAuthority();
  stranger = new TestAuthority("stranger");
  server = authority.issue("localhost");
  anna = authority.issue("anna", "URI:urn:dev:anna,DNS:anna.example");
});
afterAll(() => {
  authority.close();
  stranger.close();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await hub?.close();
});

async function start(tls: Partial<TlsOptions> = {}, options: Partial<HubOptions> = {}): Promise<void> {
  log.length = 0;
  hub = await createHub({
    listeners: [{ type: "mqtt", port: 0, tls: { ...server, ...tls } }],
    // A line of the log is one JSON object.
    log: pino({ level: "warn" }, { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) }),
    ...options,
  });
}

async function open(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { port } = new URL(hub.listeners[0]?.url ?? "");
  const socket = connectTls({ port: Number(port), host: "127.0.0.1", ca: readFileSync(authority.caFile), ...options });
  sockets.push(socket);
  await once(socket, "secureConnect");
  return socket;
}

/** The hub's answer to CONNECT; undefined when it has closed the connection. */
async function connack(options: ConnectionOptions = {}, rest = {}): Promise<ConnackPacket | undefined> {
  try {
    const client = new ScriptedClient(new NodeStreamTransport(await open(options)));
    client.send({ ...CONNECT, ...rest });
    const packet = await client.next();
    return packet?.type === "connack" ? packet : undefined;
  } catch {
    return undefined;
  }
}

function show({ certFile, keyFile }: Issued): ConnectionOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

describe("a listener with TLS", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("speaks %s", async (version) => {
    await start();
    expect(hub.listeners[0]?.url).toMatch(/^mqtts:/);
    expect(hub.listeners[0]?.name).toBe("mqtts");
    expect((await open({ minVersion: version, maxVersion: version })).getProtocol()).toBe(version);
    expect((await connack({ minVersion: version, maxVersion: version }))?.reasonCode).toBe(0);
  });

  test("speaks nothing older than it is told to, and counts who tries", async () => {
    await start({ minVersion: "1.3" });
    await expect(open({ maxVersion: "TLSv1.2" })).rejects.toThrow();
    await until(() => hub.metrics.connectionsRefused.get("tls-handshake") === 1);
    expect(log).toContainEqual(
      expect.objectContaining({
        address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as unknown,
        listener: "mqtts",
        reason: "unsupported protocol",
      }),
    );
  });

  test("carries MQTT over WebSocket, and HTTP", async () => {
    hub = await createHub({ listeners: [{ type: "http", port: 0, tls: server }] });
    const url = new URL(hub.http?.url ?? "");
    expect(url.protocol).toBe("https:");
    const webSocket = new WebSocket(`wss://127.0.0.1:${url.port}/mqtt`, "mqtt", { ca: readFileSync(authority.caFile) });
    await once(webSocket, "open");
    webSocket.send(encodePacket(CONNECT, 5));
    // What ws hands on with a message.
    const [data] = (await once(webSocket, "message")) as [Buffer];
    expect(decodePacket(data, 0, data.length, 5)).toMatchObject({ type: "connack", reasonCode: 0 });
    webSocket.terminate();
  });

  test("takes up new certificates on reload, without a word to those who are connected", async () => {
    const files = {
      certFile: path.join(authority.folder, "live.crt"),
      keyFile: path.join(authority.folder, "live.key"),
    };
    const use = (issued: Issued): void => {
      copyFileSync(issued.certFile, files.certFile);
      copyFileSync(issued.keyFile, files.keyFile);
    };
    use(server);
    await start(files);
    const before = await open();
    const client = new ScriptedClient(new NodeStreamTransport(before));
    await client.connect();
    const fingerprint = before.getPeerX509Certificate()?.fingerprint256;
    use(authority.issue("localhost"));
    await hub.reload();
    const renewed = (await open()).getPeerX509Certificate()?.fingerprint256;
    expect(renewed).not.toBe(fingerprint);
    expect(await client.settle()).toEqual([]);
    writeFileSync(files.keyFile, "no key");
    await expect(hub.reload()).rejects.toThrow(TlsError);
    expect((await open()).getPeerX509Certificate()?.fingerprint256).toBe(renewed);
  });

  test.each<[string, Partial<TlsOptions>, string, string]>([
    ["a missing certificate", { certFile: "/nowhere/x.crt" }, "there is no file /nowhere/x.crt", "docs/access.md"],
    ["a file that is none", { certFile: import.meta.filename }, "is not a certificate in PEM form", ""],
    ["a file that is no key", { keyFile: import.meta.filename }, "is not a key in PEM form", ""],
    ["an authority that is missing", { clientCertificate: "required" }, "no authority is named", "name the file"],
    ["an authority that is none", { caFile: import.meta.filename }, "is not a certificate in PEM form", ""],
  ])("%s ends the start with a word on what to do", async (_, tls, problem, hint) => {
    const failure = await start(tls).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TlsError);
    expect(String(failure)).toContain(problem);
    expect((failure as TlsError).hint ?? "").toContain(hint);
  });

  test("says that a key is another certificate's", async () => {
    await expect(start({ keyFile: anna.keyFile })).rejects.toThrow(`${anna.keyFile} is not the key of`);
  });
});

describe("client certificates", () => {
  const access = {
    sources: [{ type: "certificate" }],
    rules: [{ user: "anna", allow: "write", topics: ["a"] }],
  } as const;

  test("are required, and their common name is the user", async () => {
    await start({ caFile: authority.caFile }, { access });
    expect(await connack()).toBeUndefined();
    expect((await connack(show(anna)))?.reasonCode).toBe(0);
    expect((await connack(show(anna), { username: "anna" }))?.reasonCode).toBe(0);
    expect((await connack(show(anna), { username: "ben" }))?.reasonCode).toBe(0x87);
    expect((await connack(show(authority.issue(""))))?.reasonCode).toBe(0x87);
    const client = new ScriptedClient(new NodeStreamTransport(await open(show(anna))));
    await client.connect();
    expect([await client.publish("a", "x", { qos: 1 }), await client.publish("b", "x", { qos: 1 })]).toEqual([
      0x10, 0x87,
    ]);
  });

  test("of another authority, and those that were revoked, are not accepted", async () => {
    const revoked = authority.issue("revoked");
    const crlFile = authority.revoke(revoked);
    await start({ caFile: authority.caFile, crlFile }, { access });
    expect(await connack(show(stranger.issue("anna")))).toBeUndefined();
    expect(await connack(show(revoked))).toBeUndefined();
    expect((await connack(show(anna)))?.reasonCode).toBe(0);
  });

  test("that are revoked later are not accepted after a reload, nor by resuming a session of before", async () => {
    const lost = authority.issue("lost");
    const crlFile = authority.revoke();
    await start({ caFile: authority.caFile, crlFile }, { access });
    const before = await open({ ...show(lost), maxVersion: "TLSv1.2" });
    const session = before.getSession();
    expect(session).toBeDefined();
    const resumed = await open({ ...show(lost), session, maxVersion: "TLSv1.2" });
    expect(resumed.isSessionReused()).toBe(true);
    authority.revoke(lost);
    await hub.reload();
    expect(await connack({ ...show(lost), session, maxVersion: "TLSv1.2" })).toBeUndefined();
    expect(await connack(show(lost))).toBeUndefined();
    expect((await connack(show(anna)))?.reasonCode).toBe(0);
  });

  test("are asked for as a reload says, of the connections to come", async () => {
    const tls = { ...server, caFile: authority.caFile } as const;
    const listener = (clientCertificate: "none" | "optional" | "required") =>
      ({ listeners: [{ type: "mqtt", port: 0, tls: { ...tls, clientCertificate } }] }) as const;
    await start({ caFile: authority.caFile, clientCertificate: "none" });
    const url = hub.listeners[0]?.url;
    expect((await connack())?.reasonCode).toBe(0);
    expect(await hub.reload(listener("required"))).toEqual([]);
    expect(await connack()).toBeUndefined();
    expect((await connack(show(anna)))?.reasonCode).toBe(0);
    await hub.reload(listener("optional"));
    expect((await connack())?.reasonCode).toBe(0);
    expect(hub.listeners[0]?.url).toBe(url);
  });

  test("may be optional; one that is shown has to be good all the same", async () => {
    await start(
      { caFile: authority.caFile, clientCertificate: "optional" },
      { access: { ...access, allowAnonymous: true } },
    );
    expect((await connack())?.reasonCode).toBe(0);
    expect((await connack(show(anna)))?.reasonCode).toBe(0);
    expect(await connack(show(stranger.issue("anna")))).toBeUndefined();
    expect(hub.metrics.connectionsRefused.get("certificate")).toBe(1);
  });

  test.each([
    ["alternativeName", () => "urn:dev:anna"],
    [
      "fingerprint",
      (socket: TLSSocket) => String(socket.getX509Certificate()?.fingerprint256).replaceAll(":", "").toLowerCase(),
    ],
  ] as const)("can be known by their %s", async (user, nameOf) => {
    const socketName: string[] = [];
    await start(
      { caFile: authority.caFile },
      { access: { sources: [{ type: "certificate", user }], rules: [{ allow: "write", topics: ["%u"] }] } },
    );
    const socket = await open(show(anna));
    socketName.push(nameOf(socket));
    const client = new ScriptedClient(new NodeStreamTransport(socket));
    await client.connect();
    expect(await client.publish(socketName[0] ?? "", "x", { qos: 1 })).toBe(0x10);
    expect(await client.publish("anna", "x", { qos: 1 })).toBe(0x87);
  });
});

/** Resolves once it is so: the hub learns of what a client does in its own time. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
