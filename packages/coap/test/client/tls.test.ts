import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CoapClient } from "../../src/client/index.js";
import { createServer } from "../../src/server/index.js";
import { createConnector, listenTcp, type Listener } from "../../src/transport-node.js";

describe("a client over TLS (RFC 8323 8.2)", () => {
  const directory = mkdtempSync(join(tmpdir(), "isthmus-coap-tls-"));
  const files = { key: join(directory, "key.pem"), cert: join(directory, "cert.pem") };
  let listener: Listener;
  let uri = "";

  beforeAll(async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const made = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-keyout",
      files.key,
      "-out",
      files.cert,
    ];
    execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "1", ...made, ...subject], { stdio: "ignore" });
    const server = createServer();
    server.get("/hello", () => "world");
    const tls = { key: readFileSync(files.key), cert: readFileSync(files.cert) };
    listener = await listenTcp({ handler: server, tls });
    uri = `coaps+tcp://localhost:${listener.address.port}/hello`;
  });
  afterAll(async () => {
    await listener.close();
    rmSync(directory, { recursive: true });
  });

  it("asks a server whose certificate it trusts", async () => {
    await using client = new CoapClient({ connector: createConnector({ tls: { ca: readFileSync(files.cert) } }) });
    expect((await client.request(uri)).text()).toBe("world");
  });

  it("asks no other", async () => {
    await using client = new CoapClient({ connector: createConnector() });
    await expect(client.request(uri)).rejects.toThrow(/self-signed certificate/);
  });
});
