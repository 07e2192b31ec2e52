import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { concatBytes } from "@isthmus/bytes";
import { encodePacket, type ConnectPacket, type Properties, ReasonCode, type Will } from "@isthmus/mqtt/codec";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryDoor } from "./memory-door.js";
import { publishPacket, type ScriptedClient, textOf } from "./scripted-client.js";

setFlagsFromString("--expose-gc");
// With the flag there is a global `gc`.
const collectGarbage = runInNewContext("gc") as () => void;

// Time stands still but for what a test lets pass; sockets are none of the matter.
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

const LASTING = { clientId: "c", properties: { sessionExpiryInterval: 3600 } } satisfies Partial<ConnectPacket>;

describe("session present [MQTT-3.2.2-2] [MQTT-3.2.2-3]", () => {
  test.each([4, 5] as const)(
    "is told for a session that there is, and for no other, protocol level %i",
    async (version) => {
      const lasting = version === 5 ? LASTING.properties : undefined;
      const present = async (cleanStart: boolean): Promise<boolean> => {
        const client = door.open(version);
        const { sessionPresent } = await client.connect({ clientId: "c", cleanStart, properties: lasting });
        await client.break();
        return sessionPresent;
      };
      expect(await present(false)).toBe(false);
      expect(await present(false)).toBe(true);
      expect(await present(true)).toBe(false);
      // A clean session of MQTT 3.1.1 ends with its connection; MQTT 5.0 starts clean and lasts.
      expect(await present(false)).toBe(version === 5);
    },
  );

  test("MQTT 3.1 has no such flag", async () => {
    for (let i = 0; i < 2; i++) {
      const client = door.open(3);
      expect((await client.connect({ clientId: "c", cleanStart: false })).sessionPresent).toBe(false);
      await client.break();
    }
  });
});

describe("a session", () => {
  test("keeps subscriptions and QoS 1 and 2 messages while its client is away, and no QoS 0 [MQTT-3.1.2-5]", async () => {
    const client = await door.connect(LASTING);
    await client.subscribe("a", { qos: 2 });
    await client.disconnect();
    const publisher = await door.connect();
    for (const qos of [0, 1, 2] as const) await publisher.publish("a", String(qos), { qos });
    const back = await door.connect({ ...LASTING, cleanStart: false });
    expect(await back.settledTexts()).toEqual(["1", "2"]);
    await publisher.publish("a", "live");
    expect(await back.settledTexts()).toEqual(["live"]);
  });

  test("starts anew when the client asks for it: nothing of the old one is left [MQTT-3.1.2-4]", async () => {
    const client = await door.connect(LASTING);
    await client.subscribe("a", { qos: 1 });
    await client.disconnect();
    await (await door.connect({ clientId: "p" })).publish("a", "old", { qos: 1 });
    const back = await door.connect({ ...LASTING, cleanStart: true });
    await (await door.connect({ clientId: "p" })).publish("a", "new", { qos: 1 });
    expect(await back.settledTexts()).toEqual([]);
    expect(door.exchange.subscriptionCount).toBe(0);
  });

  /** Publishes one small message to "a" in a megabyte of others, and returns the buffer that all came in. */
  async function publishAmongOthers(publisher: ScriptedClient): Promise<WeakRef<ArrayBufferLike>> {
    const other = encodePacket(publishPacket("b", "x".repeat(10_000)), 5);
    const own = encodePacket(publishPacket("a", "x", { qos: 1, packetIdentifier: 1 }), 5);
    const chunk = concatBytes([own, ...Array.from({ length: 100 }, () => other)]);
    publisher.sendBytes(chunk);
    await publisher.first("puback");
    return new WeakRef(chunk.buffer);
  }

  test("whose client is away holds its messages, and nobody the network buffers that they came in", async () => {
    const client = await door.connect(LASTING);
    await client.subscribe("a", { qos: 1 });
    const publisher = await door.connect({ clientId: "p" });
    const buffers: WeakRef<ArrayBufferLike>[] = [];
    for (let i = 0; i < 20; i++) buffers.push(await publishAmongOthers(publisher));
    await client.break();
    // A WeakRef keeps its target to the end of the job that made it.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(buffers.filter((buffer) => buffer.deref() !== undefined)).toEqual([]);
    const back = await door.connect({ ...LASTING, cleanStart: false });
    expect(await back.settledTexts()).toHaveLength(20);
  });

  test("remembers what was in flight both ways", async () => {
    const client = await door.connect(LASTING);
    await client.subscribe("a", { qos: 2 });
    client.send(publishPacket("a", "mine", { qos: 2, packetIdentifier: 5 }));
    await client.first("pubrec");
    const first = await client.first("publish");
    client.send({ type: "pubrec", packetIdentifier: first.packetIdentifier ?? 0, reasonCode: 0 });
    await client.first("pubrel");
    await client.break();

    const back = await door.connect({ ...LASTING, cleanStart: false });
    expect(await back.expect("pubrel")).toMatchObject({ packetIdentifier: first.packetIdentifier });
    // The same message again, for the client did not hear PUBREC.
    back.send(publishPacket("a", "mine", { qos: 2, packetIdentifier: 5, dup: true }));
    await back.expect("pubrec");
    expect(await back.settledTexts()).toEqual([]);
  });
});

describe("session expiry (3.1.2.11.2)", () => {
  test("a session ends after its time, with all that it held", async () => {
    const client = await door.connect({ clientId: "c", properties: { sessionExpiryInterval: 10 } });
    await client.subscribe(["a", "b/#"], { qos: 1 });
    await client.break();
    await (await door.connect({ clientId: "p" })).publish("a", "x", { qos: 1 });
    pass(9.9);
    expect([door.metrics.sessions, door.exchange.subscriptionCount]).toEqual([2, 2]);
    pass(0.2);
    expect([door.metrics.sessions, door.exchange.subscriptionCount]).toEqual([1, 0]);
    const back = door.open();
    expect((await back.connect({ clientId: "c", cleanStart: false })).sessionPresent).toBe(false);
  });

  test("counts from the end of the connection, not while it is there", async () => {
    const client = await door.connect({ clientId: "c", properties: { sessionExpiryInterval: 10 } });
    pass(100);
    await client.break();
    pass(9);
    const back = door.open();
    expect((await back.connect({ clientId: "c", cleanStart: false })).sessionPresent).toBe(true);
  });

  test("a client that comes back in time stops the clock", async () => {
    const properties = { sessionExpiryInterval: 10 };
    const client = await door.connect({ clientId: "c", properties });
    await client.break();
    pass(9);
    const back = await door.connect({ clientId: "c", cleanStart: false, properties });
    pass(100);
    expect(back.isClosed).toBe(false);
    expect(door.metrics.sessions).toBe(1);
  });

  test.each([
    ["none given", undefined],
    ["0", 0],
  ])("%s: the session ends with its connection [MQTT-3.1.2-23]", async (_name, sessionExpiryInterval) => {
    const client = await door.connect({ clientId: "c", properties: { sessionExpiryInterval } });
    await client.break();
    expect(door.metrics.sessions).toBe(0);
  });

  test("0xFFFFFFFF: the session lasts", async () => {
    const client = await door.connect({ clientId: "c", properties: { sessionExpiryInterval: 0xffff_ffff } });
    await client.break();
    pass(100 * 365 * 24 * 3600);
    expect(door.metrics.sessions).toBe(1);
  });

  test("a time longer than a timer can wait is waited for all the same", async () => {
    const days = 60 * 24 * 3600;
    const client = await door.connect({ clientId: "c", properties: { sessionExpiryInterval: days } });
    await client.break();
    pass(days - 1);
    expect(door.metrics.sessions).toBe(1);
    pass(2);
    expect(door.metrics.sessions).toBe(0);
  });

  test("DISCONNECT may change it", async () => {
    const client = await door.connect(LASTING);
    await client.disconnect(0, { sessionExpiryInterval: 5 });
    pass(5.1);
    expect(door.metrics.sessions).toBe(0);
  });

  test("DISCONNECT cannot bring it about (3.14.2.2.2)", async () => {
    const client = await door.connect({ clientId: "c" });
    client.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect((await client.expect("disconnect")).reasonCode).toBe(ReasonCode.protocolError);
    await client.closed;
    expect(door.metrics.sessions).toBe(0);
  });

  test("the hub's own limit holds, and the client is told (3.2.2.3.2)", async () => {
    const limited = new MemoryDoor({ limits: { maxSessionExpiry: 60 } });
    const told = async (sessionExpiryInterval?: number): Promise<Properties | undefined> => {
      const client = limited.open();
      const { properties } = await client.connect({ clientId: "c", properties: { sessionExpiryInterval } });
      await client.break();
      return properties;
    };
    expect((await told(3600))?.sessionExpiryInterval).toBe(60);
    pass(61);
    expect(limited.metrics.sessions).toBe(0);
    expect((await told(0xffff_ffff))?.sessionExpiryInterval).toBe(60);
    expect((await told(60))?.sessionExpiryInterval).toBeUndefined();
    expect((await told())?.sessionExpiryInterval).toBeUndefined();
    await limited.close();
  });
});

describe("takeover [MQTT-3.1.4-3]", () => {
  test.each([4, 5] as const)("the older connection ends, the session goes on, protocol level %i", async (version) => {
    const lasting = { clientId: "c", cleanStart: false, properties: version === 5 ? LASTING.properties : undefined };
    const older = await door.connect(lasting, version);
    await older.subscribe("a", { qos: 1 });
    await (await door.connect({ clientId: "p" })).publish("a", "x", { qos: 1 });
    expect(await older.settledTexts()).toEqual(["x"]);
    const newer = door.open(version);
    expect((await newer.connect(lasting)).sessionPresent).toBe(true);
    if (version === 5) expect((await older.expect("disconnect")).reasonCode).toBe(ReasonCode.sessionTakenOver);
    await older.closed;
    const again = await newer.expect("publish");
    expect([textOf(again), again.dup]).toEqual(["x", true]);
    expect(door.metrics.connectionsOpen).toBe(2);
  });

  test("what the older connection still sends is not taken", async () => {
    const watcher = await door.connect();
    await watcher.subscribe("a");
    const older = await door.connect(LASTING);
    await door.connect({ ...LASTING, cleanStart: false });
    older.send(publishPacket("a", "ghost"));
    await older.closed;
    expect(await watcher.settledTexts()).toEqual([]);
  });

  test("a client that takes over and over keeps one session", async () => {
    for (let i = 0; i < 20; i++) await door.connect({ ...LASTING, cleanStart: i % 2 === 0 });
    await vi.waitFor(() => expect(door.metrics.connectionsOpen).toBe(1));
    expect(door.metrics.sessions).toBe(1);
  });
});

describe("client identifiers", () => {
  test.each([
    [5, true],
    [5, false],
    [4, true],
  ] as const)(
    "protocol level %i, clean %s: an empty one is replaced by one of the hub's [MQTT-3.1.3-6]",
    async (version, cleanStart) => {
      const assigned = new Set<string | undefined>();
      for (let i = 0; i < 10; i++) {
        const client = door.open(version);
        const { reasonCode, properties } = await client.connect({ clientId: "", cleanStart });
        expect(reasonCode).toBe(0);
        if (version === 5) assigned.add(properties?.assignedClientIdentifier);
      }
      expect(door.metrics.sessions).toBe(10);
      if (version === 5) expect(assigned.size).toBe(10);
    },
  );

  test("one that was given is not assigned [MQTT-3.2.2-16]", async () => {
    const connack = await door.open().connect({ clientId: "mine" });
    expect(connack.properties?.assignedClientIdentifier).toBeUndefined();
  });
});

describe("keep alive [MQTT-3.1.2-22]", () => {
  test("a silent client is cut off after one and a half times its keep alive", async () => {
    const client = await door.connect({ keepAlive: 10 });
    pass(14.9);
    expect(client.isClosed).toBe(false);
    pass(0.2);
    expect((await client.expect("disconnect")).reasonCode).toBe(ReasonCode.keepAliveTimeout);
    await client.closed;
  });

  test("a client that pings in time stays", async () => {
    const client = await door.connect({ keepAlive: 10 });
    for (let i = 0; i < 10; i++) {
      pass(14);
      expect(await client.settle()).toEqual([]);
    }
  });

  test("what the hub sends does not count", async () => {
    const client = await door.connect({ keepAlive: 10 });
    await client.subscribe("a");
    const publisher = await door.connect();
    for (let i = 0; i < 2; i++) {
      pass(7);
      await publisher.publish("a", "x");
    }
    pass(1.1);
    expect((await client.first("disconnect")).reasonCode).toBe(ReasonCode.keepAliveTimeout);
  });

  test("the hub's own limit holds, and the client is told [MQTT-3.1.2-21]", async () => {
    const limited = new MemoryDoor({ limits: { maxKeepAlive: 30 } });
    for (const [keepAlive, told] of [
      [0, 30],
      [60, 30],
      [20, undefined],
    ] as const) {
      const { properties } = await limited.open().connect({ keepAlive });
      expect(properties?.serverKeepAlive).toBe(told);
    }
    pass(31);
    expect(limited.metrics.connectionsOpen).toBe(3);
    pass(15);
    await vi.waitFor(() => expect(limited.metrics.connectionsOpen).toBe(0));
    await limited.close();
  });

  test("a connection without CONNECT is cut off after the time to connect", async () => {
    const silent = door.open();
    pass(9.9);
    expect(silent.isClosed).toBe(false);
    pass(0.2);
    await silent.closed;
  });
});

describe("a will (3.1.2.5)", () => {
  let watcher: ScriptedClient;
  beforeEach(async () => {
    watcher = await door.connect({ clientId: "watcher" });
    await watcher.subscribe("#", { qos: 2, retainAsPublished: true });
  });

  function will(rest: Partial<Will> = {}): Will {
    return { topic: "wills/c", payload: new TextEncoder().encode("gone"), qos: 1, retain: false, ...rest };
  }

  function withWill(properties: Properties = {}, rest: Partial<ConnectPacket> = {}): Promise<ScriptedClient> {
    return door.connect({ clientId: "c", will: will({ properties }), ...rest });
  }

  describe("is published", () => {
    test("when the connection breaks [MQTT-3.1.2-8]", async () => {
      await (await withWill()).break();
      const [packet] = await watcher.settle();
      expect(packet).toMatchObject({ type: "publish", topic: "wills/c", qos: 1, retain: false });
    });

    test("once", async () => {
      await (await withWill()).break();
      pass(1000);
      await (await door.connect({ clientId: "c" })).break();
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("when the keep alive is over", async () => {
      await withWill({}, { keepAlive: 10 });
      pass(15.1);
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("when the client breaks the protocol", async () => {
      const client = await withWill();
      client.send({ type: "pingresp" });
      await client.closed;
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("behind the messages that came in before", async () => {
      const client = await withWill();
      client.send(publishPacket("a", "last word"), { type: "pingresp" });
      await client.closed;
      expect(await watcher.settledTexts()).toEqual(["last word", "gone"]);
    });

    test.each([ReasonCode.disconnectWithWillMessage, ReasonCode.unspecifiedError, ReasonCode.quotaExceeded])(
      "when the client leaves with reason code 0x%s [MQTT-3.14.4-3]",
      async (reasonCode) => {
        await (await withWill()).disconnect(reasonCode);
        expect(await watcher.settledTexts()).toEqual(["gone"]);
      },
    );

    test("when another client takes over [MQTT-3.1.4-3]", async () => {
      await withWill({}, LASTING);
      await door.connect({ ...LASTING, cleanStart: false });
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("of an older client as well", async () => {
      const client = await door.connect({ clientId: "c", will: will() }, 4);
      await client.break();
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });
  });

  test("is not published when the client leaves in order [MQTT-3.1.2-10]", async () => {
    for (const version of [3, 4, 5] as const) {
      await (await door.connect({ clientId: "c", will: will() }, version)).disconnect();
    }
    expect(await watcher.settledTexts()).toEqual([]);
  });

  test("is retained if it says so [MQTT-3.1.2-15]", async () => {
    await (await door.connect({ clientId: "c", will: will({ retain: true }) })).break();
    expect(await watcher.expect("publish")).toMatchObject({ retain: true });
    const late = await door.connect();
    await late.subscribe("wills/+");
    expect(await late.settledTexts()).toEqual(["gone"]);
  });

  test("has its properties, and expires from when it is published (3.1.3.2.4)", async () => {
    const properties: Properties = {
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Uint8Array.of(1),
      payloadFormatIndicator: true,
      userProperties: [["a", "b"]],
      messageExpiryInterval: 30,
      willDelayInterval: 10,
    };
    const client = await withWill(properties, LASTING);
    await client.break();
    pass(10.1);
    const { willDelayInterval: _delay, ...sent } = properties;
    expect((await watcher.expect("publish")).properties).toEqual(sent);
  });

  test("that the client may not publish is not published", async () => {
    await (await door.connect({ clientId: "c", will: will({ topic: "$SYS/x" }) })).break();
    await watcher.subscribe("$SYS/#");
    expect(await watcher.settledTexts()).toEqual([]);
    expect(door.log.some(({ msg }) => msg === "will refused")).toBe(true);
  });

  describe("with a delay (3.1.3.2.2)", () => {
    test("waits for it [MQTT-3.1.3-9]", async () => {
      await (await withWill({ willDelayInterval: 10 }, LASTING)).break();
      pass(9.9);
      expect(await watcher.settledTexts()).toEqual([]);
      pass(0.2);
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("is not published when the client is back in time", async () => {
      await (await withWill({ willDelayInterval: 10 }, LASTING)).break();
      pass(9);
      const back = await door.connect({ ...LASTING, cleanStart: false });
      pass(100);
      expect(await watcher.settledTexts()).toEqual([]);
      // The new connection has no will.
      await back.break();
      pass(100);
      expect(await watcher.settledTexts()).toEqual([]);
    });

    test("does not outlive the session", async () => {
      await (await withWill({ willDelayInterval: 100 }, { properties: { sessionExpiryInterval: 10 } })).break();
      pass(10.1);
      expect(await watcher.settledTexts()).toEqual(["gone"]);
      pass(1000);
      expect(await watcher.settledTexts()).toEqual([]);
    });

    test("is published at once when the session ends with the connection", async () => {
      await (await withWill({ willDelayInterval: 100 })).break();
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("is published when the client comes back with a clean start: its session has ended", async () => {
      await (await withWill({ willDelayInterval: 100 }, LASTING)).break();
      await door.connect({ ...LASTING, cleanStart: true });
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });

    test("is published when DISCONNECT ends the session early", async () => {
      const client = await withWill({ willDelayInterval: 100 }, LASTING);
      await client.disconnect(ReasonCode.disconnectWithWillMessage, { sessionExpiryInterval: 0 });
      expect(await watcher.settledTexts()).toEqual(["gone"]);
    });
  });
});

describe("a hub that closes", () => {
  test("says so to clients of MQTT 5.0, and just closes the others (0x8B)", async () => {
    const [newer, older, silent] = [await door.connect({}, 5), await door.connect({}, 4), door.open()];
    await door.close();
    expect((await newer.expect("disconnect")).reasonCode).toBe(ReasonCode.serverShuttingDown);
    for (const client of [newer, older, silent]) {
      await client.closed;
      expect(await client.next()).toBeUndefined();
    }
    const late = door.open();
    await late.closed;
  });
});
