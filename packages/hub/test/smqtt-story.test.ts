import { connect } from "@isthmus/mqtt";
import {
  announce,
  AuthorityService,
  createIdentity,
  type DeviceGrant,
  enrolOver,
  fromMqttJs,
  inspect,
  Membership,
  type PlainClient,
  secure,
  type SecureClient,
  secureRandomBytes,
  type SecureOptions,
} from "@isthmus/smqtt";
import { nodeCrypto } from "@isthmus/smqtt/node";
import { toHex } from "@isthmus/bytes";
import { findProgram, launchMosquitto, Peer } from "@isthmus/testing/peers";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHub } from "../src/index.js";
import { House, workers } from "./smqtt-house.js";

const mosquitto = findProgram("mosquitto");
const onlooker = findProgram("mosquitto_sub");

/** A broker that runs, and where the authority answers. */
interface Broker {
  readonly port: string;
  close(): Promise<unknown>;
}

async function startMosquitto(house: House): Promise<Broker> {
  const peer = await launchMosquitto(mosquitto ?? "");
  const office = await connect(peer.url);
  // The broker carries requests; the authority is a client like any other.
  const service = await AuthorityService.start(office, { change: async (action) => house.authority.change(action) });
  const close = async (): Promise<void> => {
    await service.close();
    await office.close();
    await peer.stop();
  };
  return { port: String(peer.port), close };
}

async function startHub(house: House): Promise<Broker> {
  const hub = await createHub({ mqtt: { port: 0 }, smqtt: { authority: house.authorityKeys, workers } });
  return { port: new URL(hub.mqtt?.url ?? "").port, close: async () => hub.close() };
}

/** A connection, by whatever client. */
interface Connection {
  readonly plain: PlainClient;
  close(): Promise<unknown>;
}

async function connectOurs(port: string): Promise<Connection> {
  const client = await connect(`mqtt://127.0.0.1:${port}`);
  return { plain: client, close: async () => client.close() };
}

async function connectMqttJs(port: string): Promise<Connection> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  return { plain: fromMqttJs(client), close: async () => client.endAsync() };
}

/** A device on a connection of its own, and what it could read. */
interface Device {
  readonly membership: Membership;
  readonly client: SecureClient;
  readonly received: string[];
  readonly refused: string[];
  close(): Promise<void>;
}

const POLL = { timeout: 30_000 };

describe.skipIf(mosquitto === undefined || onlooker === undefined).each([
  ["mosquitto", "isthmus", startMosquitto, connectOurs],
  ["mosquitto", "MQTT.js", startMosquitto, connectMqttJs],
  ["isthmus", "isthmus", startHub, connectOurs],
  ["isthmus", "MQTT.js", startHub, connectMqttJs],
] as const)("a story over %s, by the client of %s", { timeout: 120_000 }, (_broker, _client, startBroker, open) => {
  let house: House;
  let broker: Broker;
  let watch: Peer;
  const devices = new Map<string, Device>();
  const device = (name: string): Device => {
    const found = devices.get(name);
    if (found === undefined) throw new Error(`no device ${name}`);
    return found;
  };

  async function start(name: string, membership: Membership, extra: Partial<SecureOptions> = {}): Promise<Device> {
    const connection = await open(broker.port);
    const [received, refused]: [string[], string[]] = [[], []];
    const client = secure(connection.plain, {
      ...house.cryptography,
      membership,
      onRefused: (failure, topic) => refused.push(`${topic}: ${failure}`),
      ...extra,
    });
    const close = async (): Promise<void> => {
      await client.close();
      await connection.close();
    };
    const started = { membership, client, received, refused, close };
    devices.set(name, started);
    return started;
  }

  /** Registers over the broker, with an invitation. */
  async function join(name: string, grant: DeviceGrant): Promise<Membership> {
    const invitation = await house.authority.change(async (authority) => authority.invite(name, grant));
    const joining = await Membership.request(invitation, createIdentity(secureRandomBytes), house.cryptography);
    const connection = await open(broker.port);
    const membership = await enrolOver(connection.plain, joining);
    await connection.close();
    return membership;
  }

  async function listen({ client, received }: Device, filter: string): Promise<void> {
    const subscription = await client.subscribe(filter, { qos: 1 });
    void (async () => {
      for await (const message of subscription) received.push(`${message.topic} ${message.text()}`);
    })();
  }

  /** What mosquitto_sub has printed of messages: topic and bytes. */
  const seen = (): [topic: string, payload: Uint8Array][] =>
    [...watch.output.matchAll(/^(ward\/\S+) ([0-9a-f]+)$/gm)].map(([, topic = "", hex = ""]) => [
      topic,
      Buffer.from(hex, "hex"),
    ]);

  beforeAll(async () => {
    house = await House.build();
    broker = await startBroker(house);
    const args = ["-oL", onlooker ?? "", "-p", broker.port, "-t", "#", "-q", "1", "-d", "-F", "%t %x"];
    watch = await Peer.launch("stdbuf", args, /Subscribed \(mid/);
  }, 60_000);

  afterAll(async () => {
    for (const each of devices.values()) await each.close();
    await watch.stop();
    await broker.close();
    await house[Symbol.asyncDispose]();
  }, 60_000);

  it("six devices register over the broker: a desk, a sensor, and four readers", async () => {
    await start("desk", await join("desk", { publish: ["ward/#"] }), { suite: "cp-abe" });
    const sealing = { countersign: true };
    await start("sensor", await join("sensor", { publish: ["ward/3/#"] }), { suite: "kp-abe", sealing });
    await start("doctor", await join("doctor", { attributes: ["doctor", ["ward", 3]], subscribe: ["ward/+/pulse"] }));
    await start("nurse", await join("nurse", { attributes: ["nurse", ["ward", 3]], subscribe: ["ward/3/#"] }));
    await start("cleaner", await join("cleaner", { attributes: ["cleaner"] }));
    await start("monitor", await join("monitor", { subscribe: ["ward/3/pulse"] }));
    for (const name of ["doctor", "nurse", "cleaner", "monitor"]) await listen(device(name), "ward/#");
  });

  it("three policies and two topics: each device opens exactly its share", async () => {
    const { client: desk } = device("desk");
    const { client: sensor } = device("sensor");
    await desk.publish("ward/news", "diagnosis", { qos: 1, policy: "doctor" });
    await desk.publish("ward/news", "round", { qos: 1, policy: "(doctor OR nurse) AND ward >= 3" });
    await desk.publish("ward/news", "holiday", { qos: 1, policy: "doctor OR nurse OR cleaner" });
    await sensor.publish("ward/3/pulse", "pulse 72", { qos: 1 });
    await sensor.publish("ward/3/door", "unlocked", { qos: 1 });

    const pulse = "ward/3/pulse pulse 72";
    const expected = {
      doctor: ["ward/news diagnosis", "ward/news round", "ward/news holiday", pulse],
      nurse: ["ward/news round", "ward/news holiday", pulse, "ward/3/door unlocked"],
      cleaner: ["ward/news holiday"],
      monitor: [pulse],
    };
    for (const [name, messages] of Object.entries(expected)) {
      const { received, refused } = device(name);
      await expect.poll(() => received.length + refused.length, POLL).toBe(5);
      expect(received.toSorted()).toEqual(messages.toSorted());
    }
  });

  it("mosquitto_sub sees topics and ciphertext, and nothing of what was said", async () => {
    await expect.poll(() => seen().length, POLL).toBe(5);
    const everything = Buffer.concat(seen().map(([, payload]) => payload)).toString("latin1");
    for (const secret of ["diagnosis", "round", "holiday", "pulse 72", "unlocked"]) {
      expect(everything).not.toContain(secret);
      expect(watch.output).not.toContain(Buffer.from(secret).toString("hex"));
    }
    for (const [, payload] of seen()) expect(inspect(payload).type).toBe("message");
  });

  it("the publisher starts again from its file; a late joiner reads the retained message", async () => {
    const { membership, client } = device("sensor");
    await client.publish("ward/3/pulse", "pulse 75", { qos: 1, retain: true });
    await device("sensor").close();
    const again = await start("sensor", await Membership.restore(membership.file, nodeCrypto), { suite: "kp-abe" });
    const late = await start("late", await join("late", { subscribe: ["ward/+/pulse"] }));
    await listen(late, "ward/3/pulse");
    await expect.poll(() => late.received, POLL).toEqual(["ward/3/pulse pulse 75"]);
    await again.client.publish("ward/3/pulse", "pulse 76", { qos: 1 });
    await expect.poll(() => late.received.at(-1), POLL).toBe("ward/3/pulse pulse 76");
    await expect.poll(() => device("monitor").received.at(-1), POLL).toBe("ward/3/pulse pulse 76");
  });

  it("one is revoked: from then on it opens nothing, the others go on with renewed keys", async () => {
    const revoked = device("nurse");
    const others = [...devices.values()].filter((other) => other !== revoked);
    const office = await open(broker.port);
    await house.authority.change(async (authority) => {
      await authority.revoke([toHex(revoked.membership.certificate.id)]);
      await announce(office.plain, authority, await authority.renewAll());
    });
    for (const { membership } of others) {
      await expect.poll(() => [membership.revoked.length, membership.needsRenewal], POLL).toEqual([1, false]);
    }
    const before = [...revoked.received];
    await device("sensor").client.publish("ward/3/pulse", "pulse 80", { qos: 1 });
    await expect.poll(() => device("monitor").received.at(-1), POLL).toBe("ward/3/pulse pulse 80");
    await expect.poll(() => revoked.refused.at(-1), POLL).toBe("ward/3/pulse: not-for-us");
    expect(revoked.received).toEqual(before);
    await office.close();
  });

  it("no nonce was ever used twice: each message has a key and counter of its own", async () => {
    await expect.poll(() => seen().length, POLL).toBe(8);
    const nonces = seen().map(([, payload]) => {
      const inspected = inspect(payload);
      return inspected.type === "message" ? `${toHex(inspected.message.keyId)} ${inspected.message.counter}` : "";
    });
    expect(new Set(nonces).size).toBe(8);
    expect(nonces).not.toContain("");
  });
});
