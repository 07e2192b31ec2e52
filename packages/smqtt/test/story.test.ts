import mqtt from "mqtt";
import { encodeUtf8, toHex } from "@isthmus/bytes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Authority } from "../src/authority/authority.js";
import type { DeviceGrant } from "../src/authority/authority-state.js";
import { answerTopic, bundleTopic } from "../src/authority/exchange-topics.js";
import { createIdentity } from "../src/authority/identity.js";
import { Membership } from "../src/authority/membership.js";
import { fromMqttJs } from "../src/client/mqttjs.js";
import { secure, type SecureClient, type SecureOptions } from "../src/client/secure-client.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { secureRandomBytes } from "../src/random.js";
import { hasMosquitto, startMosquitto, startOnlooker } from "./mosquitto.js";
import { suites } from "./system-case.js";

/** A device on a connection of its own, and what it could read. */
interface Device {
  readonly membership: Membership;
  readonly client: SecureClient;
  readonly received: string[];
  readonly refused: string[];
  close(): Promise<void>;
}

const options = { suites, crypto: nodeCrypto, random: secureRandomBytes, now: () => Date.now() / 1000 };

/** Real sockets and real time; only where Debian's mosquitto is installed. */
describe.skipIf(!hasMosquitto)("a story over mosquitto", () => {
  let port = 0;
  let authority: Authority;
  let onlooker: Awaited<ReturnType<typeof startOnlooker>>;
  const cleanUps: (() => Promise<unknown>)[] = [];
  const devices = new Map<string, Device>();
  const device = (name: string): Device => {
    const found = devices.get(name);
    if (found === undefined) throw new Error(`no device ${name}`);
    return found;
  };

  async function connect(name: string, membership: Membership, extra: Partial<SecureOptions> = {}): Promise<Device> {
    const plain = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: `${name}-${Math.random()}` });
    const [received, refused]: string[][] = [[], []];
    const client = secure(fromMqttJs(plain), {
      membership,
      suites,
      crypto: nodeCrypto,
      onRefused: (failure, topic) => refused?.push(`${topic}: ${failure}`),
      ...extra,
    });
    const close = async (): Promise<void> => {
      await client.close();
      await plain.endAsync();
    };
    const connected = { membership, client, received: received ?? [], refused: refused ?? [], close };
    devices.set(name, connected);
    cleanUps.push(close);
    return connected;
  }

  async function join(name: string, grant: DeviceGrant): Promise<Membership> {
    const joining = await Membership.request(authority.invite(name, grant), createIdentity(secureRandomBytes), options);
    return joining.complete(await authority.answer(joining.request));
  }

  async function listen({ client, received }: Device, filters: string | string[]): Promise<void> {
    const subscription = await client.subscribe(filters, { qos: 1 });
    void (async () => {
      for await (const message of subscription) received.push(`${message.topic} ${message.text()}`);
    })();
  }

  beforeAll(async () => {
    const broker = await startMosquitto();
    port = broker.port;
    onlooker = await startOnlooker(port);
    authority = await Authority.setup("hospital", ["kp-abe", "cp-abe"], options);
    cleanUps.push(onlooker.stop, broker.stop);
  }, 60_000);

  afterAll(async () => {
    for (const cleanUp of cleanUps.toReversed().filter((c) => c !== onlooker.stop))
      await cleanUp().catch(() => undefined);
    await onlooker.stop();
  }, 30_000);

  it("six devices register: a publisher in roles, a sensor, and four readers", async () => {
    await connect("desk", await join("desk", { publish: ["ward/#"] }), { suite: "cp-abe" });
    await connect("sensor", await join("sensor", { publish: ["ward/3/#"] }), {
      suite: "kp-abe",
      sealing: { countersign: true },
    });
    await connect("doctor", await join("doctor", { attributes: ["doctor", ["ward", 3]], subscribe: ["ward/+/pulse"] }));
    await connect("nurse", await join("nurse", { attributes: ["nurse", ["ward", 3]], subscribe: ["ward/3/#"] }));
    await connect("cleaner", await join("cleaner", { attributes: ["cleaner"] }));
    await connect("monitor", await join("monitor", { subscribe: ["ward/3/pulse"] }));
    for (const name of ["doctor", "nurse", "cleaner", "monitor"]) await listen(device(name), "ward/#");
  }, 60_000);

  it("three policies: each device opens exactly its share", async () => {
    const { client: desk } = device("desk");
    const { client: sensor } = device("sensor");
    await desk.publish("ward/news", "diagnosis", { qos: 1, policy: "doctor" });
    await desk.publish("ward/news", "round", { qos: 1, policy: "(doctor OR nurse) AND ward >= 3" });
    await desk.publish("ward/news", "holiday", { qos: 1, policy: "doctor OR nurse OR cleaner" });
    await sensor.publish("ward/3/pulse", "72", { qos: 1 });
    await sensor.publish("ward/3/door", "open", { qos: 1 });

    const pulse = "ward/3/pulse 72";
    const expected = {
      doctor: ["ward/news diagnosis", "ward/news round", "ward/news holiday", pulse],
      nurse: ["ward/news round", "ward/news holiday", pulse, "ward/3/door open"],
      cleaner: ["ward/news holiday"],
      monitor: [pulse],
    };
    for (const [name, messages] of Object.entries(expected)) {
      await expect.poll(() => device(name).received.toSorted(), { timeout: 15_000 }).toEqual(messages.toSorted());
      await expect.poll(() => device(name).received.length + device(name).refused.length, { timeout: 15_000 }).toBe(5);
    }
  }, 60_000);

  it("an onlooker at the broker sees topics and ciphertext, and nothing of what was said", async () => {
    await expect.poll(() => onlooker.seen()).toContain("ward/3/door ");
    const seen = onlooker.seen();
    for (const secret of ["diagnosis", "holiday", "open", "round"]) {
      expect(seen).not.toContain(toHex(encodeUtf8(secret)));
    }
    const messages = seen.split("\n").filter((line) => line.startsWith("ward/"));
    expect(messages.length).toBe(5);
    for (const line of messages) expect(line.split(" ")[1]).toMatch(/^d083/); // COSE_Encrypt0
  });

  it("the publisher restarts and goes on; a late joiner reads the retained message", async () => {
    const { membership, client } = device("sensor");
    await client.publish("ward/3/pulse", "75", { qos: 1, retain: true });
    await device("sensor").close();
    const restarted = await connect("sensor", membership, { suite: "kp-abe" });
    const late = await connect("late", await join("late", { subscribe: ["ward/+/pulse"] }));
    await listen(late, "ward/3/pulse");
    await expect.poll(() => late.received, { timeout: 15_000 }).toEqual(["ward/3/pulse 75"]);
    await restarted.client.publish("ward/3/pulse", "76", { qos: 1 });
    await expect.poll(() => late.received, { timeout: 15_000 }).toEqual(["ward/3/pulse 75", "ward/3/pulse 76"]);
    await expect.poll(() => device("monitor").received.at(-1), { timeout: 15_000 }).toBe("ward/3/pulse 76");
  }, 60_000);

  it("one is revoked: from then on it opens nothing, the others go on with renewed keys", async () => {
    const revoked = device("nurse");
    await authority.revoke([toHex(revoked.membership.certificate.id)]);
    const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    cleanUps.push(async () => office.endAsync());
    const retained = { qos: 1, retain: true } as const;
    await office.publishAsync(bundleTopic(authority.signingKey), Buffer.from(authority.bundle()), retained);
    const answers = await authority.renewAll();
    const others = [...devices.values()].filter((other) => other !== revoked);
    for (const { membership } of others) {
      const { id } = membership.certificate;
      await office.publishAsync(answerTopic(id), Buffer.from(answers.get(toHex(id)) ?? new Uint8Array(0)), retained);
    }
    for (const { membership } of others) {
      await expect.poll(() => membership.bundle.revoked.length, { timeout: 15_000 }).toBe(1);
      await expect.poll(() => membership.needsRenewal, { timeout: 15_000 }).toBe(false);
    }
    const before = revoked.received.length;
    await device("sensor").client.publish("ward/3/pulse", "80", { qos: 1 });
    await expect.poll(() => device("monitor").received.at(-1), { timeout: 15_000 }).toBe("ward/3/pulse 80");
    await expect.poll(() => revoked.refused.at(-1), { timeout: 15_000 }).toBe("ward/3/pulse: not-for-us");
    expect(revoked.received.length).toBe(before);
  }, 60_000);
});
