// What MQTT asks of a server from CONNECT to the end of the connection (3.1, 3.2, 3.12, 3.14 of both standards), of each
// version that the hub speaks. A tag names the statement of MQTT 5.0, or says that it is one of MQTT 3.1.1.
import { fromHex } from "@isthmus/bytes";
import type { ConnectPacket, Packet, Will } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";

const VERSIONS = [4, 5] as const;
type Version = (typeof VERSIONS)[number];

let door: MemoryDoor;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  door = new MemoryDoor();
});
afterEach(async () => {
  vi.useRealTimers();
  await door.close();
});

function pass(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1000);
}

/** A CONNECT whose session outlives its connection. */
function lasting(version: Version, rest: Partial<ConnectPacket> = {}): Partial<ConnectPacket> {
  const properties = version === 5 ? { sessionExpiryInterval: 3600, ...rest.properties } : undefined;
  return { clientId: "c", cleanStart: false, ...rest, properties };
}

/** Subscribes to everything, and tells what has come: topic, text and flags. */
async function watch(version: Version): Promise<() => Promise<string[]>> {
  const watcher = await door.connect({ clientId: "watcher" }, version);
  await watcher.subscribe("#", { qos: 1, retainAsPublished: version === 5 });
  return async () => {
    const publications = (await watcher.settle()).filter((packet) => packet.type === "publish");
    return publications.map((packet) => `${packet.topic} ${textOf(packet)}${packet.retain ? " retained" : ""}`);
  };
}

function willOf(rest: Partial<Will> = {}): Will {
  return { topic: "will", payload: new TextEncoder().encode("gone"), qos: 1, retain: false, ...rest };
}

/** The packets that come until the connection is closed. */
async function untilClosed(client: ScriptedClient): Promise<Packet[]> {
  const packets: Packet[] = [];
  for (let packet = await client.next(); packet !== undefined; packet = await client.next()) packets.push(packet);
  return packets;
}

describe.each(VERSIONS)("CONNECT of protocol level %i", (version) => {
  // [MQTT-3.1.4-5], [MQTT-3.2.0-2], [MQTT-3.1.4-4] of MQTT 3.1.1, [MQTT-3.2.0-1] of MQTT 3.1.1
  test("is answered with one CONNACK, which is the first packet from the hub", async () => {
    await (await door.connect(lasting(version), version)).break();
    const client = door.open(version);
    client.send(
      { type: "connect", protocolVersion: version, clientId: "c", cleanStart: false, keepAlive: 0 },
      publishPacket("a", "x", { qos: 1 }),
      { type: "pingreq" },
    );
    const types = (await client.settle()).map(({ type }) => type);
    expect(types).toEqual(["connack", "puback"]);
    expect((await client.settle()).map(({ type }) => type)).not.toContain("connack");
  });

  // [MQTT-3.1.0-2], [MQTT-3.1.0-2] of MQTT 3.1.1, [MQTT-4.13.1-1], [MQTT-4.8.0-1] of MQTT 3.1.1
  test("that comes a second time ends the connection", async () => {
    const client = await door.connect({}, version);
    client.send({ type: "connect", protocolVersion: version, clientId: "d", cleanStart: true, keepAlive: 0 });
    expect(await untilClosed(client)).toMatchObject(version === 5 ? [{ type: "disconnect", reasonCode: 0x82 }] : []);
    expect(door.metrics.sessions).toBe(0);
  });

  // [MQTT-3.1.3-5], [MQTT-3.1.3-5] of MQTT 3.1.1
  test.each(["a", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"])(
    "with the client identifier %s is accepted",
    async (clientId) => {
      expect((await door.open(version).connect({ clientId })).reasonCode).toBe(0);
    },
  );

  // [MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT-3.2.2-16], [MQTT-3.1.3-6] of MQTT 3.1.1
  test("without a client identifier gets one of its own, as if it had brought it", async () => {
    const clients = [door.open(version), door.open(version)];
    const assigned = new Set<string | undefined>();
    for (const client of clients) {
      const { reasonCode, properties } = await client.connect({ clientId: "" });
      expect(reasonCode).toBe(0);
      assigned.add(properties?.assignedClientIdentifier);
    }
    expect(door.metrics.sessions).toBe(2);
    if (version === 4) return;
    expect(assigned.size).toBe(2);
    const [clientId = ""] = assigned;
    await door.connect({ clientId }, version);
    expect(await untilClosed(clients[0] ?? door.open())).toMatchObject([{ type: "disconnect", reasonCode: 0x8e }]);
  });

  // [MQTT-3.1.3-8], [MQTT-3.1.4-2], [MQTT-3.2.2-6], [MQTT-3.2.2-7], [MQTT-3.2.2-8], [MQTT-3.14.0-1], [MQTT-4.13.2-1]
  // [MQTT-3.1.3-9] of MQTT 3.1.1, [MQTT-3.2.2-4] of MQTT 3.1.1, [MQTT-3.2.2-5] of MQTT 3.1.1
  test("whose client identifier is rejected hears why, in one CONNACK without a session, and is closed", async () => {
    const limited = new MemoryDoor({ limits: { maxClientIdBytes: 4 } });
    const client = limited.open(version);
    client.send({ type: "connect", protocolVersion: version, clientId: "longer", cleanStart: false, keepAlive: 0 });
    const reasonCode = version === 5 ? 0x85 : 2;
    expect(await untilClosed(client)).toMatchObject([{ type: "connack", sessionPresent: false, reasonCode }]);
    await limited.close();
  });

  // [MQTT-3.1.4-6], [MQTT-3.1.4-5] of MQTT 3.1.1
  test("that is rejected leaves what is behind it unread", async () => {
    const limited = new MemoryDoor({ limits: { maxClientIdBytes: 8 } });
    const watcher = await limited.connect({ clientId: "watcher" }, version);
    await watcher.subscribe("#");
    const client = limited.open(version);
    client.send(
      { type: "connect", protocolVersion: version, clientId: "far too long", cleanStart: true, keepAlive: 0 },
      publishPacket("a", "x", { retain: true }),
    );
    await untilClosed(client);
    expect(await watcher.settle()).toEqual([]);
    await limited.close();
  });

  // [MQTT-3.1.4-1], [MQTT-3.1.4-1] of MQTT 3.1.1, [MQTT-3.1.2-3], [MQTT-3.1.2-3] of MQTT 3.1.1
  test("that is malformed ends the connection, before MQTT 5.0 without CONNACK", async () => {
    const client = door.open(version);
    const flags = "03"; // Clean start, and the reserved flag.
    client.sendBytes(
      fromHex(version === 5 ? `100d 00044d515454 05 ${flags} 0000 00 0000` : `100c 00044d515454 04 ${flags} 0000 0000`),
    );
    const refusal = [{ type: "connack", sessionPresent: false, reasonCode: 0x81 }];
    expect(await untilClosed(client)).toMatchObject(version === 5 ? refusal : []);
  });

  // [MQTT-3.1.4-3], [MQTT-3.1.3-2], [MQTT-3.14.2-2], [MQTT-3.14.4-2]
  // [MQTT-3.1.4-2] of MQTT 3.1.1, [MQTT-3.1.3-2] of MQTT 3.1.1
  test("takes over from an older connection with its client identifier, which is closed", async () => {
    const older = await door.connect(lasting(version), version);
    await older.subscribe("a", { qos: 1 });
    const newer = door.open(version);
    expect((await newer.connect(lasting(version))).sessionPresent).toBe(true);
    const farewell = [{ type: "disconnect", reasonCode: 0x8e }];
    const heard = await untilClosed(older);
    expect(heard).toMatchObject(version === 5 ? farewell : []);
    expect(heard).not.toMatchObject([{ properties: { sessionExpiryInterval: expect.anything() } }]);
    await newer.publish("a", "x", { qos: 1 });
    expect(await newer.settledTexts()).toEqual(["x"]);
  });
});

test("CONNECT of another protocol name is not served [MQTT-3.1.2-1] [MQTT-3.1.2-1] of MQTT 3.1.1", async () => {
  for (const level of ["04", "05"]) {
    const client = door.open(4);
    client.sendBytes(fromHex(`100d 00044d515458 ${level} 02 0000 00 0000`));
    await untilClosed(client);
    expect(client.isClosed).toBe(true);
  }
  expect(door.metrics.sessions).toBe(0);
});

test("CONNECT of another protocol level hears return code 1 [MQTT-3.1.2-2] [MQTT-3.1.2-2] of MQTT 3.1.1", async () => {
  for (const level of ["00", "06", "7f", "ff"]) {
    const client = door.open(4);
    client.sendBytes(fromHex(`100c 00044d515454 ${level} 02 0000 0000`));
    expect(await untilClosed(client)).toMatchObject([{ type: "connack", sessionPresent: false, reasonCode: 1 }]);
  }
});

test("CONNECT that fails for a reason without a return code is just closed [MQTT-3.2.2-6] of MQTT 3.1.1", async () => {
  const client = door.open(4);
  const topic = Array.from({ length: 150 }, () => "l").join("/");
  client.send({
    type: "connect",
    protocolVersion: 4,
    clientId: "c",
    cleanStart: true,
    keepAlive: 0,
    will: willOf({ topic }),
  });
  expect(await untilClosed(client)).toEqual([]);
});

test("CONNECT of MQTT 3.1.1 may leave out its identifier for a clean session only [MQTT-3.1.3-8] of MQTT 3.1.1", async () => {
  const client = door.open(4);
  expect(await client.connect({ clientId: "", cleanStart: false })).toMatchObject({ reasonCode: 2 });
  expect(await untilClosed(client)).toEqual([]);
});

describe("CONNACK", () => {
  // [MQTT-3.2.2-19], [MQTT-3.2.2-20]
  test.each([
    [1000, true],
    [20, false],
  ])("to a client that takes %i bytes: says why it refuses: %s", async (maximumPacketSize, says) => {
    const client = door.open();
    const { reasonCode, properties } = await client.connect({
      properties: { authenticationMethod: "nobody-knows-it", maximumPacketSize },
    });
    expect([reasonCode, properties?.reasonString !== undefined]).toEqual([0x8c, says]);
    expect(properties?.userProperties).toBeUndefined();
    await client.closed;
  });

  test("has no reserved flag set, whatever it says [MQTT-3.2.2-1]", async () => {
    for (const rest of [
      { clientId: "c" },
      lasting(5),
      lasting(5),
      { clientId: "", properties: { receiveMaximum: 1 } },
    ]) {
      const flags: number[] = [];
      const client = door.open();
      const receive = client.receiveBytes.bind(client);
      client.receiveBytes = (bytes) => {
        flags.push(bytes[2] ?? -1);
        receive(bytes);
      };
      await client.connect(rest);
      expect([0, 1]).toContain(flags[0]);
      await client.break();
    }
  });

  test("names no authentication method that was not asked for, and no AUTH comes [MQTT-4.12.0-6]", async () => {
    const client = door.open();
    expect((await client.connect()).properties?.authenticationMethod).toBeUndefined();
    await client.publish("a", "x", { qos: 2 });
    expect((await client.settle()).map(({ type }) => type)).toEqual([]);
  });

  test("gives response information only to who asks for it [MQTT-3.1.2-28]", async () => {
    for (const requestResponseInformation of [undefined, false]) {
      const { properties } = await door.open().connect({ properties: { requestResponseInformation } });
      expect(properties?.responseInformation).toBeUndefined();
    }
  });
});

describe.each(VERSIONS)("a session of protocol level %i", (version) => {
  // [MQTT-3.1.2-5], [MQTT-3.1.2-6], [MQTT-3.1.2-23], [MQTT-3.2.2-3], [MQTT-4.5.0-1]
  // [MQTT-3.1.2-4] of MQTT 3.1.1, [MQTT-3.1.2-5] of MQTT 3.1.1, [MQTT-3.2.2-2] of MQTT 3.1.1
  // [MQTT-3.2.2-3] of MQTT 3.1.1, [MQTT-4.1.0-1] of MQTT 3.1.1, [MQTT-4.5.0-1] of MQTT 3.1.1
  test("begins where there is none, and goes on with what came for it meanwhile", async () => {
    const client = door.open(version);
    expect((await client.connect(lasting(version))).sessionPresent).toBe(false);
    await client.subscribe(["a", "b"], { qos: 2 });
    await client.break();
    const publisher = await door.connect({}, version);
    for (const qos of [1, 2] as const) await publisher.publish("a", `q${qos}`, { qos });
    const back = door.open(version);
    expect((await back.connect(lasting(version))).sessionPresent).toBe(true);
    expect(await back.settledTexts()).toEqual(["q1", "q2"]);
    await publisher.publish("b", "live", { qos: 1 });
    expect(await back.settledTexts()).toEqual(["live"]);
  });

  // [MQTT-3.1.2-4], [MQTT-3.1.4-4], [MQTT-3.2.2-2]
  // [MQTT-3.1.2-6] of MQTT 3.1.1, [MQTT-3.1.4-3] of MQTT 3.1.1, [MQTT-3.2.2-1] of MQTT 3.1.1
  test("that is begun clean has nothing of the one before", async () => {
    const client = await door.connect(lasting(version), version);
    await client.subscribe("a", { qos: 1 });
    await client.break();
    const publisher = await door.connect({}, version);
    await publisher.publish("a", "old", { qos: 1 });
    const clean = door.open(version);
    expect((await clean.connect({ clientId: "c" })).sessionPresent).toBe(false);
    await publisher.publish("a", "new", { qos: 1 });
    expect(await clean.settledTexts()).toEqual([]);
    await clean.break();
    // A clean session ends with its connection.
    expect((await door.open(version).connect(lasting(version))).sessionPresent).toBe(false);
  });

  // [MQTT-4.1.0-1], [MQTT-4.1.0-2] of MQTT 3.1.1
  test("does not end while its connection is open, however long", async () => {
    const brief = version === 5 ? lasting(5, { properties: { sessionExpiryInterval: 1 } }) : { clientId: "c" };
    const client = await door.connect(brief, version);
    await client.subscribe("a", { qos: 1 });
    pass(1_000_000);
    await client.publish("a", "still", { qos: 1 });
    expect(await client.settledTexts()).toEqual(["still"]);
  });

  // [MQTT-3.1.2-7] of MQTT 3.1.1
  test("that ends leaves the retained messages of its client", async () => {
    const client = await door.connect({ clientId: "c" }, version);
    await client.publish("a", "kept", { retain: true });
    await client.disconnect();
    const watcher = await door.connect({}, version);
    await watcher.subscribe("a");
    expect(await watcher.settledTexts()).toEqual(["kept"]);
  });
});

test("a session ends when its expiry interval has passed since its connection did [MQTT-4.1.0-2]", async () => {
  const client = await door.connect(lasting(5, { properties: { sessionExpiryInterval: 10 } }));
  await client.break();
  pass(10.1);
  expect((await door.open().connect(lasting(5))).sessionPresent).toBe(false);
});

describe.each(VERSIONS)("a will of protocol level %i", (version) => {
  // [MQTT-3.1.2-7], [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.1.2-14]
  // [MQTT-3.1.2-8] of MQTT 3.1.1, [MQTT-3.1.2-10] of MQTT 3.1.1, [MQTT-3.1.2-16] of MQTT 3.1.1
  test("is published when the connection breaks, once, and not retained", async () => {
    const published = await watch(version);
    await (await door.connect(lasting(version, { will: willOf() }), version)).break();
    expect(await published()).toEqual(["will gone"]);
    // The session has no will any more.
    await (await door.connect(lasting(version), version)).break();
    pass(10_000);
    expect(await published()).toEqual([]);
    const late = await door.connect({}, version);
    await late.subscribe("will");
    expect(await late.settledTexts()).toEqual([]);
  });

  // [MQTT-3.1.2-15], [MQTT-3.1.2-17] of MQTT 3.1.1
  test("that is to be retained is", async () => {
    await (await door.connect({ will: willOf({ retain: true }) }, version)).break();
    const late = await door.connect({}, version);
    await late.subscribe("will");
    expect(await late.settledTexts()).toEqual(["gone"]);
  });

  // [MQTT-3.1.2-10], [MQTT-3.14.4-3], [MQTT-3.14.4-3] of MQTT 3.1.1
  test("is not published after DISCONNECT", async () => {
    const published = await watch(version);
    await (await door.connect({ will: willOf() }, version)).disconnect();
    pass(10_000);
    expect(await published()).toEqual([]);
  });

  // [MQTT-3.1.2-12] of MQTT 3.1.1
  test("that was not given is not published", async () => {
    const published = await watch(version);
    await (await door.connect({}, version)).break();
    pass(10_000);
    expect(await published()).toEqual([]);
  });
});

test("a will keeps its properties, the user properties in order [MQTT-3.1.3-10]", async () => {
  const watcher = await door.connect({ clientId: "watcher" });
  await watcher.subscribe("will");
  const userProperties = [
    ["b", "1"],
    ["a", "2"],
    ["b", "3"],
  ] as const;
  const properties = { userProperties, contentType: "text", correlationData: Uint8Array.of(1) };
  await (await door.connect({ will: willOf({ properties }) })).break();
  expect((await watcher.expect("publish")).properties).toEqual(properties);
});

describe.each(VERSIONS)("keep alive of protocol level %i", (version) => {
  // [MQTT-3.1.2-22], [MQTT-3.2.2-22], [MQTT-3.1.2-24] of MQTT 3.1.1
  test("cuts off a client that is silent for one and a half times as long, and publishes its will", async () => {
    const published = await watch(version);
    const client = await door.connect({ keepAlive: 10, will: willOf() }, version);
    pass(14.9);
    expect(client.isClosed).toBe(false);
    pass(0.2);
    await client.closed;
    expect(await published()).toEqual(["will gone"]);
  });

  // [MQTT-3.12.4-1], [MQTT-3.12.4-1] of MQTT 3.1.1
  test("is kept by PINGREQ, which is answered with PINGRESP", async () => {
    const client = await door.connect({ keepAlive: 10 }, version);
    for (let i = 0; i < 10; i++) {
      pass(14);
      client.send({ type: "pingreq" });
      await client.expect("pingresp");
    }
  });
});

describe.each(VERSIONS)("DISCONNECT of protocol level %i", (version) => {
  // [MQTT-3.14.4-2]
  test("is followed by the end of the connection", async () => {
    const client = await door.connect({}, version);
    client.send({ type: "disconnect", reasonCode: 0 }, publishPacket("a", "x", { qos: 1 }));
    expect(await untilClosed(client)).toEqual([]);
  });

  // [MQTT-3.14.1-1], [MQTT-3.14.1-1] of MQTT 3.1.1
  test("with reserved flags is malformed", async () => {
    const published = await watch(version);
    const client = await door.connect({ will: willOf() }, version);
    client.sendBytes(fromHex("e100"));
    expect(await untilClosed(client)).toMatchObject(version === 5 ? [{ type: "disconnect", reasonCode: 0x81 }] : []);
    expect(await published()).toEqual(["will gone"]);
  });
});

// [MQTT-3.14.2-3], [MQTT-3.14.2-4], [MQTT-4.13.1-1], [MQTT-4.13.2-1]
test("the hub's DISCONNECT explains itself where the client has room for it, and closes either way", async () => {
  for (const [maximumPacketSize, packets] of [
    [1000, [{ type: "disconnect", reasonCode: 0x82, properties: { reasonString: expect.any(String) } }]],
    [20, [{ type: "disconnect", reasonCode: 0x82, properties: undefined }]],
    [2, []],
  ] as const) {
    const client = door.open();
    client.send({
      type: "connect",
      protocolVersion: 5,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
      properties: { maximumPacketSize },
    });
    if (maximumPacketSize > 2) await client.expect("connack");
    client.sendBytes(fromHex("100d 00044d515454 05 02 0000 00 0000"));
    const heard = await untilClosed(client);
    expect(heard).toMatchObject(packets);
    expect(heard.every((packet) => !("properties" in packet) || packet.properties?.userProperties === undefined)).toBe(
      true,
    );
  }
});

describe("response information (3.2.2.3.15)", () => {
  const asking = { clientId: "a/b+c#d%", properties: { requestResponseInformation: true } };

  test("is a topic of the client's own, for a client that asks", async () => {
    const { properties } = await door.open().connect(asking);
    expect(properties?.responseInformation).toBe("responses/a%2Fb%2Bc%23d%25");
    const assigned = (await door.open().connect({ ...asking, clientId: "" })).properties;
    expect(assigned?.responseInformation).toBe(`responses/${assigned?.assignedClientIdentifier}`);
  });

  test("is what the operator says, or nothing", async () => {
    for (const [responseInformation, told] of [
      ["r/%c/%c", "r/c/c"],
      ["shared", "shared"],
      ["", undefined],
    ] as const) {
      const hub = new MemoryDoor({ announcements: { responseInformation } });
      expect((await hub.open().connect({ ...asking, clientId: "c" })).properties?.responseInformation).toBe(told);
      await hub.close();
    }
  });

  test("is left out where the client identifier makes it longer than a string can be (1.5.4)", async () => {
    for (const [clientId, isTold] of [
      ["c".repeat(65_525), true],
      ["c".repeat(65_526), false],
      ["/".repeat(30_000), false],
    ] as const) {
      const connack = await door.open().connect({ ...asking, clientId });
      expect([connack.reasonCode, connack.properties?.responseInformation !== undefined]).toEqual([0, isTold]);
    }
  });
});

describe("a server reference (4.11)", () => {
  test.each(VERSIONS)("is told when the hub shuts down, protocol level %i", async (version) => {
    const hub = new MemoryDoor({ announcements: { serverReference: "other.example:1883" } });
    const client = await hub.connect({}, version);
    await hub.close();
    const properties = { serverReference: "other.example:1883" };
    expect(await untilClosed(client)).toMatchObject(
      version === 5 ? [{ type: "disconnect", reasonCode: 0x9c, properties }] : [],
    );
  });

  test.each(VERSIONS)("is where all go when the hub has moved, protocol level %i", async (version) => {
    const hub = new MemoryDoor({ announcements: { serverReference: "new.example", hasMoved: true } });
    const client = hub.open(version);
    const { reasonCode, sessionPresent, properties } = await client.connect();
    expect([reasonCode, sessionPresent]).toEqual([version === 5 ? 0x9d : 3, false]);
    expect(properties?.serverReference).toBe(version === 5 ? "new.example" : undefined);
    await client.closed;
    expect(hub.metrics.sessions).toBe(0);
    await hub.close();
  });

  test("is not told by a hub that has none", async () => {
    const hub = new MemoryDoor();
    const client = await hub.connect();
    await hub.close();
    const [disconnect] = await untilClosed(client);
    expect(disconnect).toMatchObject({ type: "disconnect", reasonCode: 0x8b });
    expect(disconnect).not.toHaveProperty("properties.serverReference");
  });
});
