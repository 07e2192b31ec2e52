import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeUtf8 } from "@isthmus/bytes";
import { connect } from "@isthmus/mqtt";
import type { ConnectPacket } from "@isthmus/mqtt/codec";
import { ScramClient, scramSha256 } from "@isthmus/mqtt/scram";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ScramExchange } from "../src/access/scram-exchange.js";
import { SignInDelay } from "../src/access/sign-in-delay.js";
import { PasswordSource } from "../src/access/sources/password-source.js";
import { deriveScramSecret, hashPassword } from "../src/access/passwords/password-secret.js";
import type { AccessOptions } from "../src/index.js";
import { publishPacket, type ScriptedClient } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

const METHOD = "SCRAM-SHA-256";
const folder = mkdtempSync(path.join(tmpdir(), "isthmus-scram-"));
const file = path.join(folder, "users");
let hub: TcpHub;
let nonce = 0;

beforeAll(async () => {
  const lines = [
    `anna:${await deriveScramSecret("sesame", 4096)}`,
    `ben:${await deriveScramSecret("open", 4096)}`,
    `carl:${await hashPassword("plain", 10)}`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
});
afterEach(() => hub?.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(access: Partial<AccessOptions> = {}): Promise<void> {
  hub = await TcpHub.start({
    access: { sources: [{ type: "passwords", file }], signInDelay: { maxDelayMs: 0 }, ...access },
    limits: { connectTimeoutMs: 60_000 },
  });
}

function scram(username: string, password: string): ScramClient {
  return new ScramClient({ username, password, nonce: `nonce${nonce++}` });
}

/** A CONNECT with the first message, or whatever else. */
function connectPacket(data: Uint8Array | undefined, method = METHOD): ConnectPacket {
  const properties = { authenticationMethod: method, authenticationData: data };
  return { type: "connect", protocolVersion: 5, clientId: "", cleanStart: true, keepAlive: 0, properties };
}

function auth(data: Uint8Array | undefined, reasonCode = 0x18, method = METHOD) {
  return { type: "auth", reasonCode, properties: { authenticationMethod: method, authenticationData: data } } as const;
}

/** Goes through the exchange up to CONNACK. */
async function logIn(username: string, password: string) {
  const client = await hub.open();
  const login = scram(username, password);
  client.send(connectPacket(login.first()));
  const challenge = await client.expect("auth");
  expect(challenge).toMatchObject({ reasonCode: 0x18, properties: { authenticationMethod: METHOD } });
  // Nothing that explains, so nothing that could be too large.
  expect(challenge.properties?.reasonString ?? challenge.properties?.userProperties).toBeUndefined();
  client.send(auth(await login.final(challenge.properties?.authenticationData)));
  return { client, login, connack: await client.expect("connack") };
}

describe("SCRAM-SHA-256", () => {
  // [MQTT-4.12.0-2], [MQTT-4.12.0-5], [MQTT-3.15.2-1] to [MQTT-3.15.2-3]
  test("lets in who knows the password, and proves to the client that the hub knows it too", async () => {
    await start({ rules: [{ user: "anna", allow: "write", topics: ["clients/%c"] }] });
    const { client, login, connack } = await logIn("anna", "sesame");
    expect(connack).toMatchObject({ reasonCode: 0, properties: { authenticationMethod: METHOD } });
    login.verify(connack.properties?.authenticationData);
    const own = `clients/${connack.properties?.assignedClientIdentifier}`;
    expect([await client.publish(own, "x", { qos: 1 }), await client.publish("a", "x", { qos: 1 })]).toEqual([
      0x10, 0x87,
    ]);
  });

  test("is what our own client speaks, and it can authenticate anew", async () => {
    await start();
    const authentication = scramSha256({ username: "anna", password: "sesame" });
    const client = await connect(hub.hub.mqtt?.url ?? "", { authentication, reconnect: false });
    await client.publish("a", "x", { qos: 1 });
    await client.reauthenticate();
    await client.close();
    const wrong = scramSha256({ username: "anna", password: "wrong" });
    await expect(connect(hub.hub.mqtt?.url ?? "", { authentication: wrong, reconnect: false })).rejects.toThrow();
  });

  test.each([
    ["a wrong password", "anna", "wrong"],
    ["a user who is not there", "nobody", "sesame"],
    ["a user whose secret was not made for it", "carl", "plain"],
  ])("turns away %s, all in the same way [MQTT-4.12.0-4]", async (_, username, password) => {
    await start();
    const { connack, client } = await logIn(username, password);
    expect(connack.reasonCode).toBe(0x86);
    await client.closed;
  });

  test("does not tell who is known: a stranger's salt is the same each time, and there are as many iterations", async () => {
    await start();
    const challenges: string[] = [];
    for (const username of ["nobody", "nobody", "anna"]) {
      const client = await hub.open();
      client.send(connectPacket(scram(username, "x").first()));
      challenges.push(String(Buffer.from((await client.expect("auth")).properties?.authenticationData ?? [])));
    }
    const [first, second, known] = challenges.map((challenge) => challenge.replace(/^r=[^,]*/, ""));
    expect(first).toBe(second);
    expect(first).not.toBe(known);
    expect(first?.length).toBe(known?.length);
    expect(first).toMatch(/,i=4096$/);
  });

  test.each<[string, Uint8Array | undefined]>([
    ["nothing", undefined],
    ["no message of its", encodeUtf8("n,,n=anna")],
    ["channel binding", encodeUtf8("p=tls-unique,,n=anna,r=abc")],
    ["another's name", encodeUtf8("n,a=ben,n=anna,r=abc")],
  ])("turns away who begins with %s", async (_, data) => {
    await start();
    const client = await hub.open();
    client.send(connectPacket(data));
    expect((await client.expect("connack")).reasonCode).toBe(0x87);
  });

  test("another method is not supported, nor this one without users who have it [MQTT-4.12.0-1]", async () => {
    await start();
    const client = await hub.open();
    client.send(connectPacket(scram("anna", "sesame").first(), "KERBEROS"));
    expect((await client.expect("connack")).reasonCode).toBe(0x8c);
    await hub.close();
    await start({ sources: [] });
    const other = await hub.open();
    other.send(connectPacket(scram("anna", "sesame").first()));
    expect((await other.expect("connack")).reasonCode).toBe(0x8c);
  });

  test.each<[string, (client: ScriptedClient) => void, number]>([
    ["something else than AUTH", (client) => client.send(publishPacket("a", "x")), 0x82],
    ["AUTH of another method [MQTT-4.12.0-5]", (client) => client.send(auth(encodeUtf8("x"), 0x18, "KERBEROS")), 0x82],
    ["AUTH that begins anew", (client) => client.send(auth(encodeUtf8("x"), 0x19)), 0x82],
    ["AUTH that says success", (client) => client.send(auth(encodeUtf8("x"), 0)), 0x82],
    ["a proof that is none", (client) => client.send(auth(encodeUtf8("c=biws,r=abc,p=AAAA"))), 0x87],
    ["two AUTH at once", (client) => client.send(auth(encodeUtf8("x")), auth(encodeUtf8("y"))), 0x87],
  ])("before CONNACK, %s ends the connection", async (_, send, reasonCode) => {
    await start();
    const client = await hub.open();
    client.send(connectPacket(scram("anna", "sesame").first()));
    await client.expect("auth");
    send(client);
    expect((await client.expect("connack")).reasonCode).toBe(reasonCode);
    await client.closed;
  });

  test("a client identifier that is not the user's own is refused at the end", async () => {
    await start({ clientIds: "own" });
    const client = await hub.open();
    const login = scram("anna", "sesame");
    client.send({ ...connectPacket(login.first()), clientId: "ben" });
    client.send(auth(await login.final((await client.expect("auth")).properties?.authenticationData)));
    expect((await client.expect("connack")).reasonCode).toBe(0x85);
  });

  test("a client may go in the middle of it", async () => {
    await start();
    const client = await hub.open();
    client.send(connectPacket(scram("anna", "sesame").first()));
    await client.expect("auth");
    await client.disconnect();
    const other = await hub.open();
    other.send(connectPacket(scram("anna", "sesame").first()));
    await other.break();
    expect((await logIn("anna", "sesame")).connack.reasonCode).toBe(0);
    expect(hub.metrics.sessions).toBe(1);
  });
});

test("an exchange ends in a step, whatever bytes come, and never in success", async () => {
  const { scram: users } = await PasswordSource.load({ type: "passwords", file });
  if (users === undefined) throw new Error("nobody has keys");
  const credentials = { door: "mqtt", listener: "mqtt", address: "a:1" } as const;
  const context = { users, signInDelay: new SignInDelay({ maxDelayMs: 0 }), check: () => undefined };
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .array(fc.constantFrom("n,,", "n=anna", "r=abc", ",", "c=biws", "p=AAAA", "s=", "=2C", "a=", "m=x", "y,,", "é"), {
        maxLength: 8,
      })
      .map((parts) => encodeUtf8(parts.join(""))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(bytes, { nil: undefined }), { minLength: 1, maxLength: 3 }),
      async (messages) => {
        const exchange = new ScramExchange(context, credentials);
        let isOver = false;
        for (const message of messages) {
          const step = await exchange.receive(message);
          expect(step.type).toMatch(isOver ? /^failure$/ : /^(continue|failure)$/);
          isOver ||= step.type === "failure";
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe("re-authentication", () => {
  async function restart(client: ScriptedClient, username: string, password: string): Promise<ScramClient> {
    const login = scram(username, password);
    client.send(auth(login.first(), 0x19));
    const challenge = await client.expect("auth");
    expect(challenge.reasonCode).toBe(0x18);
    client.send(auth(await login.final(challenge.properties?.authenticationData)));
    return login;
  }

  test("goes on beside everything else, and ends with AUTH 0x00 [MQTT-4.12.1-1]", async () => {
    await start();
    const { client } = await logIn("anna", "sesame");
    await client.subscribe("a");
    const login = await restart(client, "anna", "sesame");
    client.send(publishPacket("a", "meanwhile"));
    const packets = [await client.next(), await client.next()];
    const done = packets.find((packet) => packet?.type === "auth");
    expect(done).toMatchObject({ reasonCode: 0, properties: { authenticationMethod: METHOD } });
    login.verify(done?.type === "auth" ? done.properties?.authenticationData : undefined);
    expect(packets.some((packet) => packet?.type === "publish")).toBe(true);
  });

  test.each([
    ["with a wrong password", "anna", "wrong", 0x87],
    ["as another user", "ben", "open", 0x87],
  ])("%s ends the connection [MQTT-4.12.1-2]", async (_, username, password, reasonCode) => {
    await start();
    const { client } = await logIn("anna", "sesame");
    await restart(client, username, password);
    expect((await client.expect("disconnect")).reasonCode).toBe(reasonCode);
    await client.closed;
  });

  test.each([
    ["of another method", auth(encodeUtf8("x"), 0x19, "KERBEROS")],
    ["that goes on with nothing", auth(encodeUtf8("x"), 0x18)],
    ["without a method [MQTT-4.12.0-5]", undefined],
  ])("%s is a protocol error", async (_, packet) => {
    await start();
    const { client } = await logIn("anna", "sesame");
    if (packet === undefined) client.sendBytes(Uint8Array.of(0xf0, 0));
    else client.send(packet);
    expect((await client.expect("disconnect")).reasonCode).toBe(0x82);
  });

  test("of a client that has logged in otherwise is one [MQTT-4.12.0-7]", async () => {
    await start();
    const client = await hub.connect({ username: "anna", password: encodeUtf8("sesame") });
    client.send(auth(scram("anna", "sesame").first(), 0x19));
    expect((await client.expect("disconnect")).reasonCode).toBe(0x82);
  });
});
