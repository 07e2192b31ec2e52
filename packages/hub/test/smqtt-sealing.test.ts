import { MemoryStore } from "@isthmus/exchange";
import { connect, type ConnectOptions } from "@isthmus/mqtt";
import {
  announce,
  type DeviceGrant,
  inspect,
  isSealed,
  type Membership,
  secure,
  type SecureSubscription,
} from "@isthmus/smqtt";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import type { SmqttSealingOptions } from "../src/smqtt/smqtt-options.js";
import { House, workers } from "./smqtt-house.js";

const RULES = [{ filter: "house/+/alarm", policy: "guard", countersign: true }, { filter: "house/#" }] as const;

let house: House;
let reader: Membership;
let guard: Membership;
const closers: (() => Promise<unknown>)[] = [];

async function start(
  sealing: Partial<SmqttSealingOptions> = {},
  options: HubOptions = {},
  owner = house,
): Promise<Hub> {
  const gateway = await owner.device("gateway", { publish: ["house/#", "closed/+"] });
  const keys = await owner.store(gateway, `gateway-${closers.length}.smqtt`);
  const hub = await createHub({
    mqtt: { port: 0 },
    smqtt: { sealing: { keys, rules: RULES, ...sealing }, workers },
    ...options,
  });
  closers.push(async () => hub.close());
  return hub;
}

async function plain(hub: Hub, options: ConnectOptions = {}) {
  const client = await connect(hub.mqtt?.url ?? "", options);
  closers.push(async () => client.close());
  return client;
}

/** What a device with keys reads of a filter. */
async function reading(hub: Hub, membership: Membership, filter = "house/#"): Promise<SecureSubscription> {
  const client = secure(await plain(hub), { ...house.cryptography, membership });
  closers.push(async () => client.close());
  return client.subscribe(filter, { qos: 1 });
}

async function take(messages: SecureSubscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of messages) {
    texts.push(`${message.topic} ${message.text()} from ${message.publisher.name}`);
    if (texts.length === count) break;
  }
  return texts;
}

beforeAll(async () => {
  house = await House.build();
  const join = async (name: string, grant: DeviceGrant): Promise<Membership> => house.device(name, grant);
  reader = await join("reader", { subscribe: ["house/#"] });
  guard = await join("guard", { attributes: ["guard"] });
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
afterAll(() => house[Symbol.asyncDispose]());

describe("a hub that seals", () => {
  it("what a weak publisher sends plain is stored and forwarded sealed, by rule, and opens for whom the rule says", async () => {
    const hub = await start();
    const onlooker = await (await plain(hub)).subscribe("#", { qos: 2 });
    const [display, watch] = [await reading(hub, reader), await reading(hub, guard)];
    const sensor = await plain(hub, { protocolVersion: 4 });
    await sensor.publish("house/kitchen/temperature", "21.5", { qos: 1, retain: true });
    await sensor.publish("house/kitchen/alarm", "fire", { qos: 2 });
    await sensor.publish("garden/rain", "much", { qos: 1 });
    expect(await take(display, 1)).toEqual(["house/kitchen/temperature 21.5 from gateway"]);
    expect(await take(watch, 1)).toEqual(["house/kitchen/alarm fire from gateway"]);

    const seen: [string, string][] = [];
    for await (const { topic, payload } of onlooker) {
      seen.push([topic.replace(/\/[0-9a-f]{16,}/g, ""), Buffer.from(payload).toString("latin1")]);
      if (topic === "garden/rain") break;
    }
    // The wrap is there before the first message under it.
    expect(seen.map(([topic]) => topic)).toEqual([
      "smqtt/kw",
      "house/kitchen/temperature",
      "smqtt/kw",
      "house/kitchen/alarm",
      "garden/rain",
    ]);
    expect(seen.filter(([, text]) => /21\.5|fire/.test(text))).toEqual([]);
    expect(seen.at(-1)?.[1]).toBe("much");
    for (const message of hub.exchange.retainedMatching("house/#", 0)) expect(isSealed(message.payload)).toBe(true);
  });

  it("holds no key that reads: what it has sealed does not open with its own membership", async () => {
    const gateway = await house.device("reads nothing", { publish: ["house/#"] });
    expect(gateway.readableSuites).toEqual([]);
    const hub = await start({ keys: await house.store(gateway, "reads-nothing.smqtt") });
    const refused: string[] = [];
    const client = secure(await plain(hub), {
      ...house.cryptography,
      membership: gateway,
      onRefused: (failure) => refused.push(failure),
    });
    await client.subscribe("house/#");
    await (await plain(hub)).publish("house/a", "secret", { qos: 1 });
    await expect.poll(() => refused).toEqual(["not-for-us"]);
    await client.close();
  });

  it("keeps the order of each publisher, though keys are made on the way", async () => {
    const hub = await start();
    const display = await reading(hub, reader);
    const sensor = await plain(hub);
    const onlooker = await (await plain(hub)).subscribe("house/#", { qos: 1 });
    const topics = Array.from({ length: 60 }, (_, i) => `house/room${i % 3}`);
    await Promise.all(topics.map(async (topic, i) => sensor.publish(topic, String(i), { qos: 1 })));
    const forwarded: string[] = [];
    for await (const { topic } of onlooker) if (forwarded.push(topic) === 60) break;
    expect(forwarded).toEqual(topics);
    // A reader whose keys come one by one has the order of each topic.
    const opened = await take(display, 60);
    for (let room = 0; room < 3; room++) {
      const numbers = opened.filter((line) => line.startsWith(`house/room${room} `)).map((line) => line.split(" ")[1]);
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => String(3 * i + room)));
    }
  });

  it("its loop goes on while workers wrap", async () => {
    const hub = await start();
    const sensor = await plain(hub);
    const other = await plain(hub);
    let roundTrips = 0;
    const sealing = Promise.all(
      Array.from({ length: 8 }, async (_, i) => sensor.publish(`house/new${i}`, "x", { qos: 1 })),
    ).finally(() => (roundTrips *= -1));
    // A message that needs no sealing passes by those whose wraps are being made.
    while (roundTrips >= 0 && roundTrips < 3) {
      await other.publish("garden", "x", { qos: 1 });
      roundTrips++;
    }
    expect(roundTrips).toBe(3);
    await sealing;
  });

  it("what is sealed already and what clears a topic goes through as it is", async () => {
    const hub = await start();
    const publisher = await house.device("able", { publish: ["house/#"] });
    const able = secure(await plain(hub), { ...house.cryptography, membership: publisher });
    const display = await reading(hub, reader);
    await able.publish("house/door", "open", { qos: 1, retain: true });
    expect(await take(display, 1)).toEqual(["house/door open from able"]);
    await (await plain(hub)).publish("house/door", "", { qos: 1, retain: true });
    expect([...hub.exchange.retainedMatching("house/door", 0)]).toEqual([]);
    await able.close();
  });

  it("media types are sealed too, other properties stay; the outer type says that it is an envelope", async () => {
    const hub = await start();
    const raw = await (await plain(hub)).subscribe("house/x");
    const properties = {
      contentType: "application/json",
      payloadFormatIndicator: true,
      userProperties: [["unit", "°C"]],
    } as const;
    await (await plain(hub)).publish("house/x", "{}", { properties });
    for await (const message of raw) {
      expect(message.properties.contentType).toBe('application/cose; cose-type="cose-encrypt0"');
      expect(message.properties.payloadFormatIndicator ?? false).toBe(false);
      expect(message.properties.userProperties).toEqual([["unit", "°C"]]);
      const inspected = inspect(message.payload);
      expect(inspected).toMatchObject({ type: "message", message: { contentType: "application/json" } });
      break;
    }
  });

  it("what cannot be sealed is refused, and never goes on in plain", async () => {
    const hub = await start({ rules: [{ filter: "forbidden/#" }, ...RULES] });
    const onlooker = await (await plain(hub)).subscribe("#");
    const sensor = await plain(hub);
    // The hub's certificate does not permit it.
    await expect(sensor.publish("forbidden/a", "x", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x83 });
    await expect(sensor.publish("forbidden/a", "x", { qos: 2 })).rejects.toMatchObject({ reasonCode: 0x83 });
    await sensor.publish("forbidden/a", "x", { qos: 0 });
    await sensor.publish("garden", "end", { qos: 1 });
    for await (const { topic } of onlooker) {
      expect(topic).toBe("garden");
      break;
    }
  });

  it("messages that wait for their wraps are bounded, in number and in time", async () => {
    // A worker that never answers.
    const silent = { workerUrl: new URL("data:text/javascript,setInterval(()=>{},1e9)") };
    const gateway = await house.device("slow", { publish: ["house/#"] });
    const sealing = { keys: await house.store(gateway, "slow.smqtt"), rules: RULES, maxWaiting: 1, timeoutMs: 200 };
    const hub = await createHub({ mqtt: { port: 0 }, smqtt: { sealing, workers: silent } });
    closers.push(async () => hub.close());
    const [first, second] = [await plain(hub), await plain(hub)];
    const outcomes = await Promise.allSettled([
      first.publish("house/a", "x", { qos: 1 }),
      second.publish("house/b", "x", { qos: 1 }),
    ]);
    const codes = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.reasonCode);
    expect(new Set(codes)).toEqual(new Set([0x83, 0x97]));
  });

  it("hooks of the program see messages as they came, before they are sealed", async () => {
    const seen: string[] = [];
    const hub = await start(
      {},
      {
        mqtt: { port: 0 },
        hooks: {
          onPublish: (_client, message) => {
            seen.push(Buffer.from(message.payload).toString());
            return { payload: Buffer.from("changed") };
          },
        },
      },
    );
    const display = await reading(hub, reader);
    await (await plain(hub)).publish("house/a", "as it came", { qos: 1 });
    expect(await take(display, 1)).toEqual(["house/a changed from gateway"]);
    expect(seen).toEqual(["as it came"]);
  });

  it("acknowledged means stored: after a crash the sealed message is there, and its wrap", async () => {
    const store = new MemoryStore({ durability: "sync" });
    const hub = await start({}, { mqtt: { port: 0 }, store });
    await (await plain(hub)).publish("house/door", "shut", { qos: 1, retain: true });
    const after = await createHub({ mqtt: { port: 0 }, store: store.crash() });
    closers.push(async () => after.close());
    const display = await reading(after, reader, "house/door");
    expect(await take(display, 1)).toEqual(["house/door shut from gateway"]);
    expect([...after.exchange.retainedMatching("smqtt/kw/+/+", 0)].length).toBe(1);
  });

  it("wills are sealed", async () => {
    const hub = await start();
    const display = await reading(hub, reader, "house/will");
    const sensor = await plain(hub, { will: { topic: "house/will", payload: "gone", qos: 1 } });
    await sensor.close({ reasonCode: 0x04 });
    expect(await take(display, 1)).toEqual(["house/will gone from gateway"]);
  });

  it("after a revocation it seals for those who are left, and its file knows", async () => {
    await using family = await House.build(["kp-abe"]);
    const [stays, goes] = [
      await family.device("stays", { subscribe: ["house/#"] }),
      await family.device("goes", { subscribe: ["house/#"] }),
    ];
    const hub = await start({ rules: [{ filter: "house/#" }] }, {}, family);
    const sensor = await plain(hub);
    const office = await plain(hub);
    const [left, gone] = [await reading(hub, stays), await reading(hub, goes)];
    await sensor.publish("house/a", "1", { qos: 1 });
    expect(await take(left, 1)).toEqual(["house/a 1 from gateway"]);
    expect(await take(gone, 1)).toEqual(["house/a 1 from gateway"]);
    await family.authority.change(async (authority) => {
      const [id] = [...authority.devices].find(([, { name }]) => name === "goes") ?? [];
      await authority.revoke([id ?? ""]);
      await announce(office, authority, await authority.renewAll());
    });
    const again = await reading(hub, stays);
    await expect.poll(() => stays.needsRenewal).toBe(false);
    const wraps = await office.subscribe("smqtt/kw/#");
    await sensor.publish("house/a", "2", { qos: 1 });
    expect(await take(again, 1)).toEqual(["house/a 2 from gateway"]);
    for await (const { retain, payload } of wraps) {
      if (retain) continue;
      expect(inspect(payload)).toMatchObject({ type: "wrap", wrap: { generation: 2 } });
      break;
    }
  });

  it("does not start with keys or rules that are wrong", async () => {
    await expect(start({ rules: [{ filter: "a/#/b" }] })).rejects.toThrow();
    await expect(start({ rules: [{ filter: "a", suite: "psk" }] })).rejects.toThrow('not set up "psk"');
    await expect(start({ keys: { file: "/nowhere", passphrase: "x" } })).rejects.toThrow("ENOENT");
  });
});
