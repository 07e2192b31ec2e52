import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeUtf8 } from "@isthmus/bytes";
import { MemoryStore } from "@isthmus/exchange";
import type { ConnectPacket } from "@isthmus/mqtt/codec";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Access, Credentials, Verdict } from "../src/access/access.js";
import { hashPassword } from "../src/access/passwords/password-secret.js";
import { PasswordSource } from "../src/access/sources/password-source.js";
import { AccessError, type AccessOptions, type AccessRule } from "../src/index.js";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket } from "./scripted-client.js";
import { TcpHub } from "./test-hub.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-access-"));
const file = path.join(folder, "users");
const ANNA = credentials("anna", "sesame");
const BEN = credentials("ben", "open");
let hub: TcpHub;

function credentials(username: string, password: string): Pick<ConnectPacket, "username" | "password"> {
  return { username, password: encodeUtf8(password) };
}

async function writeUsers(users: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(users).map(async ([user, password]) => `${user}:${await hashPassword(password, 10)}\n`);
  writeFileSync(file, (await Promise.all(lines)).join(""));
}

async function start(access: Partial<AccessOptions> = {}): Promise<void> {
  hub = await TcpHub.start({ access: { sources: [{ type: "passwords", file }], ...access } });
}

beforeEach(() => writeUsers({ anna: "sesame", ben: "open" }));
afterEach(() => hub?.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("users of a password file", () => {
  test("are let in with the right password, and nobody else is", async () => {
    await start();
    expect(hub.hub.accessSummary).toBe(`2 users of ${file} may publish and subscribe`);
    for (const [who, reasonCode] of [
      [ANNA, 0],
      [BEN, 0],
      [credentials("anna", "open"), 0x86],
      [credentials("anna", ""), 0x86],
      [credentials("carl", "sesame"), 0x86],
      [{ username: "anna" }, 0x86],
      [{}, 0x87],
    ] as const) {
      const client = await hub.open();
      expect((await client.connect(who)).reasonCode).toBe(reasonCode);
    }
    const older = await hub.open(4);
    expect((await older.connect(credentials("anna", "x"))).reasonCode).toBe(4);
  });

  test("come back without another hash, and not with another password", async () => {
    await start();
    for (const [who, reasonCode] of [
      [ANNA, 0],
      [ANNA, 0],
      [credentials("anna", "Sesame"), 0x86],
      [credentials("ben", "sesame"), 0x86],
    ] as const) {
      expect((await (await hub.open()).connect(who)).reasonCode).toBe(reasonCode);
    }
  });

  test("come back while others try passwords from their address", async () => {
    await start({ signInDelay: { maxDelayMs: 300 } });
    expect((await (await hub.open()).connect(ANNA)).reasonCode).toBe(0);
    for (let count = 0; count < 36; count++) {
      const code = (await (await hub.open()).connect(credentials(`user${count}`, "x"))).reasonCode;
      expect(code).toBe(0x86);
    }
    const guesses = Array.from({ length: 8 }, async (_, index) =>
      (await hub.open()).connect(credentials(`other${index}`, "x")),
    );
    expect((await (await hub.open()).connect(ANNA)).reasonCode).toBe(0);
    const wrong = await (await hub.open()).connect(credentials("anna", "x"));
    expect([0x86, 0x9f]).toContain(wrong.reasonCode);
    expect((await Promise.all(guesses)).map(({ reasonCode }) => reasonCode)).toContain(0x9f);
  });

  test("and anonymous clients beside them, if the operator says so; a wrong password does not make one of these", async () => {
    await start({ allowAnonymous: true });
    expect((await (await hub.open()).connect()).reasonCode).toBe(0);
    expect((await (await hub.open()).connect(credentials("carl", "x"))).reasonCode).toBe(0x86);
  });

  test("are looked up in a time that does not tell who is known: a stranger's password is hashed as well", async () => {
    const source = await PasswordSource.load({ type: "passwords", file });
    const ask = (user: string) =>
      source.identify({ door: "mqtt", listener: "mqtt", address: "a:1", user, password: encodeUtf8("x") });
    const [known, stranger] = [ask("anna"), ask("nobody")];
    expect([known instanceof Promise, stranger instanceof Promise]).toEqual([true, true]);
    expect([await known, await stranger]).toEqual([expect.objectContaining({ reasonCode: 0x86 }), undefined]);
  });

  test("wait for each other to be checked, and no more than a few: the others are told that the server is busy", async () => {
    const source = await PasswordSource.load({
      type: "passwords",
      file,
      maxConcurrentChecks: 1,
      maxWaitingChecks: 1,
    });
    const password = encodeUtf8("sesame");
    const findings = [1, 2, 3].map(async () =>
      source.identify({ door: "mqtt", listener: "mqtt", address: "a:1", user: "anna", password }),
    );
    expect(await Promise.all(findings)).toEqual([
      expect.objectContaining({ user: "anna" }),
      expect.objectContaining({ user: "anna" }),
      expect.objectContaining({ reasonCode: 0x89 }),
    ]);
  });

  test("what a client sends behind CONNECT waits for the verdict, in order", async () => {
    await start();
    const client = await hub.open();
    client.send(
      { type: "connect", protocolVersion: 5, clientId: "hasty", cleanStart: true, keepAlive: 0, ...ANNA },
      { type: "subscribe", packetIdentifier: 1, subscriptions: [REQUEST("a")] },
      publishPacket("a", "1"),
      publishPacket("a", "2", { qos: 1 }),
    );
    await client.expect("connack");
    await client.expect("suback");
    const texts = [await client.expect("publish"), await client.first("publish")].map(({ payload }) =>
      String(payload[0]),
    );
    expect(texts).toEqual(["49", "50"]);
  });

  test.each([
    ["missing", undefined, "there is no password file", "isthmus passwd -c"],
    ["without a hash", "anna\n", "users:1: not a line of the form user:hash", "isthmus passwd"],
    ["with a plain password", "# x\nanna:sesame\n", "user anna: not a hash that is known", "sets it anew"],
    ["with a user twice", "a:$6$c2E=$c2E=\na:$6$c2E=$c2E=\n", "users:2: the user a stands there twice", ""],
    ["with a cost beyond measure", "a:$scrypt$ln=30,r=8,p=1$c2E$c2E\n", "ln 30 is not from 1 to 20", ""],
  ])("a file that is %s ends the start with a word on what to do", async (_, text, problem, hint) => {
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    const failure = await start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AccessError);
    expect(String(failure)).toContain(problem);
    expect((failure as AccessError).hint ?? "").toContain(hint);
  });
});

describe("rules", () => {
  const rules: AccessRule[] = [
    { user: "anna", allow: "readwrite", topics: ["house/#"] },
    { group: "guests", allow: "read", topics: ["house/public/#"] },
    { allow: "readwrite", topics: ["clients/%c/#"] },
    { deny: "write", topics: ["house/public/sealed"] },
  ];
  const groups = [{ name: "guests", users: ["ben"] }];

  test("a message reaches those who may read it, whatever they have subscribed to", async () => {
    await start({ rules, groups });
    const [anna, ben] = [await hub.connect(ANNA), await hub.connect(BEN)];
    for (const client of [anna, ben]) expect((await client.subscribe("#", { qos: 1 })).reasonCodes).toEqual([1]);
    const publisher = await hub.connect(ANNA);
    await publisher.publish("house/secret", "s", { qos: 1 });
    await publisher.publish("house/public/door", "d", { qos: 1 });
    expect((await anna.settledTexts()).sort()).toEqual(["d", "s"]);
    expect(await ben.settledTexts()).toEqual(["d"]);
  });

  test("retained messages and shared subscriptions obey them as well", async () => {
    await start({ rules, groups });
    const publisher = await hub.connect(ANNA);
    await publisher.publish("house/secret", "s", { qos: 1, retain: true });
    await publisher.publish("house/public/door", "d", { qos: 1, retain: true });
    const [anna, ben] = [await hub.connect(ANNA), await hub.connect(BEN)];
    await ben.subscribe("house/#");
    expect(await ben.settledTexts()).toEqual(["d"]);
    for (const client of [anna, ben]) await client.subscribe("$share/g/house/#", { qos: 1 });
    for (let i = 0; i < 4; i++) await publisher.publish("house/secret", `${i}`, { qos: 1 });
    expect(await anna.settledTexts()).toEqual(["0", "1", "2", "3"]);
    expect((await ben.subscribe("$share/g/garden/#")).reasonCodes).toEqual([0x87]);
  });

  test("a PUBLISH that is not allowed is answered 0x87, and to MQTT 3.1.1 as if it had been; a will is not published", async () => {
    await start({ rules, groups });
    const anna = await hub.connect(ANNA);
    await anna.subscribe("#");
    const will = { topic: "house/public/will", payload: encodeUtf8("gone"), qos: 0, retain: false } as const;
    const ben = await hub.connect({ ...BEN, will });
    expect(await ben.publish("house/public/door", "x", { qos: 1 })).toBe(0x87);
    expect(await ben.publish("house/public/door", "x", { qos: 2 })).toBe(0x87);
    await ben.publish("house/public/door", "x");
    const older = await hub.connect(BEN, 4);
    expect(await older.publish("house/public/door", "x", { qos: 1 })).toBe(0);
    expect(await anna.publish("house/public/sealed", "x", { qos: 1 })).toBe(0x87);
    await ben.break();
    expect(await anna.settledTexts()).toEqual([]);
  });

  test("%c is the client identifier, also one that the server has assigned", async () => {
    await start({ rules, groups });
    const client = await hub.open();
    const { properties } = await client.connect({ ...BEN, clientId: "" });
    const clientId = properties?.assignedClientIdentifier ?? "";
    expect(await client.publish(`clients/${clientId}/a`, "x", { qos: 1 })).toBe(0x10);
    expect(await client.publish("clients/other/a", "x", { qos: 1 })).toBe(0x87);
  });

  test("client identifiers can be made each user's own", async () => {
    await start({ clientIds: "own", allowAnonymous: true });
    const codes: number[] = [];
    for (const [who, clientId] of [
      [ANNA, "anna"],
      [ANNA, "anna:phone"],
      [ANNA, ""],
      [ANNA, "ben"],
      [ANNA, "annabel"],
      [{}, ""],
      [{}, "anna"],
    ] as const) {
      codes.push((await (await hub.open()).connect({ ...who, clientId })).reasonCode);
    }
    expect(codes).toEqual([0, 0, 0, 0x85, 0x85, 0, 0x85]);
  });

  test("who takes up another user's session gets nothing that waits there and is not for them", async () => {
    await start({ rules, groups });
    const lasting = { clientId: "tablet", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    const anna = await hub.connect({ ...ANNA, ...lasting });
    await anna.subscribe("house/#", { qos: 1 });
    await anna.break();
    const publisher = await hub.connect(ANNA);
    await publisher.publish("house/secret", "s", { qos: 1 });
    await publisher.publish("house/public/door", "d", { qos: 1 });
    const ben = await hub.connect({ ...BEN, ...lasting });
    await publisher.publish("house/secret", "t", { qos: 1 });
    expect(await ben.settledTexts()).toEqual(["d"]);
    expect(hub.metrics.messagesDropped["not-authorized"]).toBe(1);
  });
});

test("after a restart, who comes for a session gets what the rules let them have of what has waited", async () => {
  const rules: AccessRule[] = [
    { user: "anna", allow: "readwrite", topics: ["house/#"] },
    { user: "ben", allow: "read", topics: ["house/door"] },
  ];
  const lasting = { clientId: "tablet", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const store = new MemoryStore({ durability: "sync" });
  const access = { sources: [{ type: "passwords", file }], rules } as const;
  const before = await TcpHub.start({ access, store });
  await (await before.connect({ ...ANNA, ...lasting })).subscribe("house/#", { qos: 1 });
  await before.close();
  hub = await TcpHub.start({ access, store: store.crash() });
  const publisher = await hub.connect(ANNA);
  // Nobody knows yet whom the session belongs to: it waits.
  expect(await publisher.publish("house/secret", "s", { qos: 1 })).toBe(0);
  await publisher.publish("house/door", "d", { qos: 1 });
  const ben = await hub.connect({ ...BEN, ...lasting });
  expect(await ben.settledTexts()).toEqual(["d"]);
});

describe("a reload", () => {
  const rules: AccessRule[] = [{ allow: "readwrite", topics: ["a/#"] }];

  test("changes what may be done, of those who are connected and of what they were allowed before", async () => {
    await start({ rules });
    const [anna, ben] = [await hub.connect(ANNA), await hub.connect(BEN)];
    await anna.subscribe("a/#", { qos: 1 });
    expect(await ben.publish("a/1", "1", { qos: 1 })).toBe(0);
    await hub.hub.reload({
      access: {
        sources: [{ type: "passwords", file }],
        rules: [
          { user: "ben", allow: "write", topics: ["a/2"] },
          { user: "anna", allow: "read", topics: ["a/3"] },
        ],
      },
    });
    expect(await ben.publish("a/1", "2", { qos: 1 })).toBe(0x87);
    expect(await ben.publish("a/2", "3", { qos: 1 })).toBe(0x10);
    expect(await anna.settledTexts()).toEqual(["1"]);
    expect((await anna.subscribe("a/1")).reasonCodes).toEqual([0x87]);
  });

  test("disconnects who is no longer a user, or has another password, and nobody else", async () => {
    await start();
    const [anna, ben] = [await hub.connect(ANNA), await hub.connect(BEN)];
    const text = `ben:${await hashPassword("changed", 10)}\n`;
    writeFileSync(file, text);
    const again = credentials("ben", "changed");
    await hub.hub.reload();
    expect((await anna.expect("disconnect")).reasonCode).toBe(0x87);
    expect((await ben.expect("disconnect")).reasonCode).toBe(0x87);
    const changed = await hub.connect(again);
    await hub.hub.reload();
    expect(await changed.settle()).toEqual([]);
  });

  test("that cannot be carried out leaves everything as it was", async () => {
    await start({ rules });
    const anna = await hub.connect(ANNA);
    const wrong: AccessOptions = { rules: [{ allow: "read", topics: ["a/#/b"] }] };
    await expect(hub.hub.reload({ access: wrong })).rejects.toThrow(AccessError);
    rmSync(file);
    await expect(hub.hub.reload()).rejects.toThrow("there is no password file");
    expect(await anna.publish("a/1", "x", { qos: 1 })).toBe(0x10);
    expect((await (await hub.open()).connect(BEN)).reasonCode).toBe(0);
  });
});

test("each listener has access settings of its own", async () => {
  hub = await TcpHub.start({
    access: { sources: [{ type: "passwords", file }], rules: [{ user: "anna", allow: "readwrite", topics: ["a"] }] },
    listeners: [
      {
        type: "mqtt",
        port: 0,
        access: { sources: [], allowAnonymous: true, rules: [{ anonymous: true, allow: "write", topics: ["b"] }] },
      },
    ],
  });
  const [first, second] = hub.hub.listeners;
  expect([first?.name, second?.name]).toEqual(["mqtt", "mqtt-2"]);
  expect(hub.hub.accessSummary).toContain("mqtt-2: anyone on this machine may publish and subscribe as 1 rule allows");
  const anna = await hub.connect(ANNA);
  expect(await anna.publish("a", "x", { qos: 1 })).toBe(0x10);
  const open = new TcpHub(hub.hub, second?.url);
  const stranger = await open.connect();
  expect([await stranger.publish("a", "x", { qos: 1 }), await stranger.publish("b", "x", { qos: 1 })]).toEqual([
    0x87, 0x10,
  ]);
});

describe("while the verdict is not known", () => {
  /** Lets the test decide. */
  class SlowAccess implements Access {
    readonly asked: { credentials: Credentials; decide: (verdict: Verdict) => void }[] = [];
    readonly summary = "";
    readonly version = 1;

    authenticate(credentials: Credentials): Promise<Verdict> {
      return new Promise((decide) => this.asked.push({ credentials, decide }));
    }

    readonly beginExchange = (): undefined => undefined;
    readonly mayPublish = (): boolean => true;
    readonly maySubscribe = (): boolean => true;
    readonly mayRead = (): boolean => true;
    readonly mayStay = (): undefined => undefined;
    readonly isAdministrator = (): boolean => false;
    readonly watch = (): void => {};
  }

  const connect = (clientId: string): ConnectPacket => ({
    type: "connect",
    protocolVersion: 5,
    clientId,
    cleanStart: true,
    keepAlive: 0,
  });

  test("a client that goes leaves no session, and its verdict comes to nothing", async () => {
    const access = new SlowAccess();
    const door = new MemoryDoor({ access });
    const client = door.open();
    client.send(connect("a"));
    await turn();
    await client.break();
    access.asked[0]?.decide({ user: "anna" });
    await turn();
    expect([door.metrics.sessions, door.metrics.connectionsOpen]).toEqual([0, 0]);
    await door.close();
  });

  test("two clients with one identifier: the one let in last has the session", async () => {
    const access = new SlowAccess();
    const door = new MemoryDoor({ access });
    const [first, second] = [door.open(), door.open()];
    first.send(connect("a"));
    second.send(connect("a"));
    await turn();
    access.asked[1]?.decide({ user: "anna" });
    expect((await second.expect("connack")).reasonCode).toBe(0);
    access.asked[0]?.decide({ user: "anna" });
    expect((await first.expect("connack")).reasonCode).toBe(0);
    expect((await second.expect("disconnect")).reasonCode).toBe(0x8e);
    await door.close();
  });

  test("the hub can be closed", async () => {
    const access = new SlowAccess();
    const door = new MemoryDoor({ access });
    const client = door.open();
    client.send(connect("a"));
    await turn();
    await door.close();
    access.asked[0]?.decide({ user: "anna" });
    await turn();
    expect(client.isClosed).toBe(true);
  });

  test("what a client sends meanwhile is bounded: it is not read", async () => {
    const access = new SlowAccess();
    const door = new MemoryDoor({ access });
    const client = door.open();
    client.send(connect("a"));
    await turn();
    for (let i = 0; i < 100; i++) client.send(publishPacket("a", "x".repeat(10_000)));
    await turn();
    expect(client.transport.bufferedBytes).toBeGreaterThan(900_000);
    access.asked[0]?.decide({ user: "anna" });
    await client.expect("connack");
    await client.settle();
    expect(door.metrics.messagesReceived).toBe(100);
    await door.close();
  });
});

function REQUEST(topicFilter: string) {
  return { topicFilter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
}

/** Lets everything that is due in memory happen. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
