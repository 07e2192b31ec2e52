import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { CoapClient, type CoapResponse, createClient, type RequestOptions } from "@isthmus/coap";
import { connectWebSocket, createConnector } from "@isthmus/coap/transport-node";
import { connect } from "@isthmus/mqtt";
import { findProgram } from "@isthmus/testing/peers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { hashPassword } from "../src/access/passwords/password-secret.js";
import { createHub, type Hub, type HubOptions, type TlsOptions } from "../src/index.js";
import { type Issued, TestAuthority } from "./certificates.js";

const run = promisify(execFile);
const coapClientProgram = findProgram("coap-client-openssl");
if (coapClientProgram === undefined && process.env["CI"] !== undefined)
  throw new Error("libcoap3-bin is not installed");

let authority: TestAuthority;
let server: Issued;
let anna: Issued;
let folder: string;
let hub: Hub;
const clients: CoapClient[] = [];

beforeAll(() => {
  authority = new TestAuthority();
  server = authority.issue("localhost");
  anna = authority.issue("anna");
  folder = mkdtempSync(path.join(tmpdir(), "isthmus-coaps-"));
});
afterAll(() => {
  authority.close();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await hub?.close();
});

async function start(tls: Partial<TlsOptions> = {}, options: HubOptions = {}): Promise<void> {
  hub = await createHub({ listeners: [{ type: "coaps", port: 0, tls: { ...server, ...tls } }], ...options });
}

function url(): string {
  return hub.listeners.find(({ type }) => type === "coaps")?.url ?? "";
}

function show({ certFile, keyFile }: Issued): ConnectionOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** A request on a connection of its own client, which trusts the authority and shows what `tls` says. */
function ask(topicPath: string, options: RequestOptions = {}, tls: ConnectionOptions = {}): Promise<CoapResponse> {
  const ca = readFileSync(authority.caFile);
  const client = new CoapClient({ connector: createConnector({ tls: { ca, servername: "localhost", ...tls } }) });
  clients.push(client);
  return client.request(`${url()}${topicPath}`, options);
}

describe("a listener for CoAP over TLS", () => {
  test("has the topics, and no other way to CoAP beside it", async () => {
    await start({}, { mqtt: { port: 0 } });
    expect(hub.coap).toBeUndefined();
    expect(hub.listeners.map(({ name, url: each }) => [name, new URL(each).protocol])).toEqual([
      ["mqtt", "mqtt:"],
      ["coaps", "coaps+tcp:"],
    ]);
    const mqtt = await connect(hub.mqtt?.url ?? "");
    await mqtt.publish("house/temperature", "21.5", { retain: true, qos: 1 });
    await mqtt.close();
    expect((await ask("/t/house/temperature")).text()).toBe("21.5");
    expect((await ask("/t/house/temperature", { method: "PUT", body: "22" })).status).toBe("2.04");
    expect((await ask("/t/house/temperature")).text()).toBe("22");
  });

  test("stands beside CoAP over UDP and TCP", async () => {
    await start({}, { coap: { port: 0 } });
    expect((await ask("/t/a", { method: "PUT", body: "1" })).status).toBe("2.01");
    const plain = createClient();
    clients.push(plain);
    expect((await plain.request(`${hub.coap?.url}/t/a`)).text()).toBe("1");
  });

  test("agrees on the protocol coap, and on no other", async () => {
    await start();
    const { port } = new URL(url().replace("coaps+tcp", "https"));
    const options = { host: "127.0.0.1", port: Number(port), ca: readFileSync(authority.caFile) };
    const socket = connectTls({ ...options, ALPNProtocols: ["h2", "coap"] });
    await once(socket, "secureConnect");
    expect(socket.alpnProtocol).toBe("coap");
    socket.destroy();
    const [error] = await once(connectTls({ ...options, ALPNProtocols: ["h2"] }), "error");
    expect(String(error)).toMatch(/application protocol/);
  });

  test("takes up new certificates on reload, and ends with the hub", async () => {
    const files = { certFile: path.join(folder, "live.crt"), keyFile: path.join(folder, "live.key") };
    const use = (issued: Issued): void => {
      copyFileSync(issued.certFile, files.certFile);
      copyFileSync(issued.keyFile, files.keyFile);
    };
    use(server);
    await start(files);
    const { port } = new URL(url().replace("coaps+tcp", "https"));
    const fingerprint = async (): Promise<string | undefined> => {
      const socket = connectTls({ host: "127.0.0.1", port: Number(port), ca: readFileSync(authority.caFile) });
      await once(socket, "secureConnect");
      const found = socket.getPeerX509Certificate()?.fingerprint256;
      socket.destroy();
      return found;
    };
    const before = await fingerprint();
    use(authority.issue("localhost"));
    await hub.reload();
    expect(await fingerprint()).not.toBe(before);
    const socket = connectTls({ host: "127.0.0.1", port: Number(port), ca: readFileSync(authority.caFile) });
    await once(socket, "secureConnect");
    const ended = once(socket.resume(), "close");
    await hub.close();
    await ended;
  });

  test("waits for the next start where the hub had no CoAP, and takes no other listener's place", async () => {
    hub = await createHub({ listeners: [{ type: "mqtt", port: 0 }] });
    const before = hub.listeners;
    const listeners = [{ type: "coaps", port: 0, tls: server }] as const;
    expect(await hub.reload({ listeners })).toEqual(["coap"]);
    expect(hub.listeners).toEqual(before);
  });

  test("takes no more connections than it may", async () => {
    await start({}, { coap: { limits: { maxConnections: 1 } } });
    expect((await ask("/t/a", { method: "PUT", body: "1" })).status).toBe("2.01");
    await expect(ask("/t/a")).rejects.toThrow();
    await clients.shift()?.close();
    await expect
      .poll(() =>
        ask("/t/a").then(
          (response) => response.text(),
          () => undefined,
        ),
      )
      .toBe("1");
  });

  test("cuts off whoever has not finished the handshake when the hub closes", { timeout: 5_000 }, async () => {
    await start();
    const socket = connectTcp(Number(new URL(url().replace("coaps+tcp", "https")).port), "127.0.0.1");
    await once(socket, "connect");
    // The hub has heard of it once another one is served.
    await ask("/t/a");
    const closed = once(socket.resume(), "close");
    await hub.close();
    await closed;
  });

  test("lets those who came in by it go on when it is gone, by the same settings", async () => {
    const access = { allowAnonymous: false } as const;
    hub = await createHub({
      mqtt: { port: 0 },
      coap: { port: 0 },
      listeners: [{ type: "coaps", port: 0, tls: server, access }],
    });
    expect((await ask("/t/a", { method: "PUT", body: "1" })).status).toBe("4.01");
    const topic = `${url()}/t/a`;
    await hub.reload({ listeners: [] });
    expect((await clients[0]?.request(topic, { method: "PUT", body: "1" }))?.status).toBe("4.01");
  });
});

describe("who asks", () => {
  const rules = [{ user: "anna", allow: "readwrite", topics: ["a"] }] as const;

  test("is said by the client's certificate", async () => {
    await start({ caFile: authority.caFile }, { access: { sources: [{ type: "certificate" }], rules } });
    expect((await ask("/t/a", { method: "PUT", body: "1" }, show(anna))).status).toBe("2.01");
    expect((await ask("/t/b", { method: "PUT", body: "1" }, show(anna))).status).toBe("4.03");
    await expect(ask("/t/a")).rejects.toThrow();
  });

  test("is said by a name and a password, which nobody reads on the way", async () => {
    const file = path.join(folder, "users");
    writeFileSync(file, `anna:${await hashPassword("sesame", 10)}\n`);
    await start({}, { access: { sources: [{ type: "passwords", file }], rules } });
    expect((await ask("/t/a?user=anna&password=sesame", { method: "PUT", body: "1" })).status).toBe("2.01");
    expect((await ask("/t/a", { method: "PUT", body: "1" })).status).toBe("4.01");
  });

  test("is asked by the settings of the listener, over WebSocket those of HTTP's", async () => {
    const file = path.join(folder, "few");
    writeFileSync(file, `anna:${await hashPassword("sesame", 10)}\n`);
    const access = { sources: [{ type: "passwords", file }] } as const;
    hub = await createHub({
      coap: { port: 0 },
      listeners: [
        { type: "coaps", port: 0, tls: server, access },
        { type: "http", port: 0, tls: server, access },
      ],
    });
    const plain = createClient();
    clients.push(plain);
    expect((await plain.request(`${hub.coap?.url}/t/a`, { method: "PUT", body: "1" })).status).toBe("2.01");
    expect((await ask("/t/a")).status).toBe("4.01");
    const ca = readFileSync(authority.caFile);
    const { port } = new URL(hub.http?.url ?? "");
    const transport = await connectWebSocket({
      host: "127.0.0.1",
      port: Number(port),
      isSecure: true,
      open: (address, protocol) => new WebSocket(address, protocol, { ca }),
    });
    const webSocketClient = new CoapClient({
      connector: {
        connect: () => Promise.resolve({ transport, address: transport.remote }),
        close: () => transport.close(),
      },
    });
    clients.push(webSocketClient);
    expect((await webSocketClient.request("coaps+ws://127.0.0.1/t/a")).status).toBe("4.01");
    expect((await webSocketClient.request("coaps+ws://127.0.0.1/t/a?user=anna&password=sesame")).text()).toBe("1");
  });
});

describe.skipIf(coapClientProgram === undefined)("libcoap's client over TLS", () => {
  /** Runs it against the hub; returns what it prints. */
  async function coapClient(topicPath: string, ...flags: string[]): Promise<string> {
    const address = `${url().replace("127.0.0.1", "localhost")}${topicPath}`;
    const { stdout, stderr } = await run(coapClientProgram ?? "", [...flags, "-R", authority.caFile, address], {
      timeout: 60_000,
    });
    return `${stdout}${stderr}`.trim();
  }

  test("publishes and reads", async () => {
    await start();
    await coapClient("/t/house/temperature", "-m", "put", "-e", "21.5");
    expect(await coapClient("/t/house/temperature", "-m", "get")).toBe("21.5");
  });

  test("shows its certificate", async () => {
    const access = { sources: [{ type: "certificate" }], rules: [{ user: "anna", allow: "write", topics: ["a"] }] };
    await start({ caFile: authority.caFile }, { access: access as HubOptions["access"] });
    const flags = ["-c", anna.certFile, "-j", anna.keyFile, "-m", "put", "-e", "1"];
    expect(await coapClient("/t/a", ...flags)).toBe("");
    expect(await coapClient("/t/b", ...flags)).toMatch(/^4\.03/);
  });
});
