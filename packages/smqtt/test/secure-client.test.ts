import { encodeUtf8, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { answerTopic, bundleTopic } from "../src/authority/exchange-topics.js";
import type { Membership } from "../src/authority/membership.js";
import { secure, type SecureMessage, type SecureOptions } from "../src/client/secure-client.js";
import type { SecureSubscription } from "../src/client/secure-subscription.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { WrapError } from "../src/suites/suite.js";
import { MemoryBroker } from "./memory-broker.js";
import { createSystem, suites } from "./system-case.js";

type System = Awaited<ReturnType<typeof createSystem>>;

/** The next `count` messages. */
async function take(subscription: SecureSubscription, count: number): Promise<SecureMessage[]> {
  const messages: SecureMessage[] = [];
  if (count === 0) return messages;
  for await (const message of subscription) if (messages.push(message) === count) break;
  return messages;
}

function connect(system: System, broker: MemoryBroker, membership: Membership, extra: Partial<SecureOptions> = {}) {
  const refused: string[] = [];
  const client = secure(broker.connect(), {
    membership,
    suites,
    suite: "psk",
    crypto: nodeCrypto,
    random: system.random,
    now: () => system.clock.now,
    wrapTimeoutMs: 50,
    onRefused: (failure, topic) => refused.push(`${topic}: ${failure}`),
    ...extra,
  });
  return { client, refused };
}

async function start(suiteNames: string[], from: number) {
  const system = await createSystem(suiteNames, from);
  const broker = new MemoryBroker();
  const writer = await system.join("writer", { publish: ["house/#"] });
  const reader = await system.join("reader", { subscribe: ["house/#"], attributes: ["member"] });
  writer.update(system.authority.bundle());
  return { system, broker, writer, reader };
}

describe("a secured client", () => {
  it.each(["psk", "psk-tree", "hpke", "kp-abe", "cp-abe"])("%s: publish and messages work as before", async (suite) => {
    const { system, broker, writer, reader } = await start([suite], 40);
    const { client: publisher } = connect(system, broker, writer, { suite });
    const { client, refused } = connect(system, broker, reader);
    const subscription = await client.subscribe("house/#");
    const policy = suite === "cp-abe" ? { policy: "member" } : {};
    await publisher.publish("house/kitchen", "21.5", { contentType: "text/plain", ...policy });
    await publisher.publish("house/kitchen", new Uint8Array([1, 2, 3]), policy);
    const [first, second] = await take(subscription, 2);
    expect(first?.text()).toBe("21.5");
    expect(first).toMatchObject({ topic: "house/kitchen", contentType: "text/plain", retain: false });
    expect(first?.publisher.name).toBe("writer");
    expect(new Uint8Array(second?.payload ?? [])).toEqual(new Uint8Array([1, 2, 3]));
    expect(refused).toEqual([]);
    for (const { payload } of broker.log) expect(toHex(payload)).not.toContain(toHex(encodeUtf8("21.5")));
    await client.close();
    await publisher.close();
  });

  it("one wrap, published retained before the first message under it", async () => {
    const { system, broker, writer } = await start(["psk"], 41);
    const { client: publisher } = connect(system, broker, writer);
    await Promise.all(Array.from({ length: 20 }, async (_, i) => publisher.publish("house/a", `${i}`)));
    const wraps = broker.log.filter(({ topic }) => topic.startsWith("smqtt/kw/"));
    expect(wraps.length).toBe(1);
    expect(broker.log[0]?.topic).toBe(wraps[0]?.topic);
    expect(broker.retained.has(wraps[0]?.topic ?? "")).toBe(true);
    await publisher.close();
  });

  it("messages of one key come out in order, though its wrap had to be fetched", async () => {
    const { system, broker, writer, reader } = await start(["psk"], 42);
    const { client: publisher } = connect(system, broker, writer);
    const { client } = connect(system, broker, reader);
    const subscription = await client.subscribe("house/#");
    for (let i = 0; i < 300; i++) await publisher.publish("house/a", `${i}`);
    const texts = (await take(subscription, 300)).map((message) => message.text());
    expect(texts).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`));
    await client.close();
    await publisher.close();
  });

  it("messages published at once leave in the order of the calls, though the first makes the key", async () => {
    const { system, broker, writer, reader } = await start(["kp-abe"], 45);
    const { client: publisher } = connect(system, broker, writer, { suite: "kp-abe" });
    const { client } = connect(system, broker, reader);
    const subscription = await client.subscribe("house/#");
    const order = Array.from({ length: 20 }, (_, i) => String(i));
    await Promise.all(order.map(async (text) => publisher.publish("house/kitchen", text)));
    await Promise.all(order.map(async (text) => publisher.publish("house/kitchen", text)));
    const received = await take(subscription, 40);
    expect(received.map((message) => message.text())).toEqual([...order, ...order]);
  });

  it("a message that cannot be sealed fails alone: the next of its topic goes out", async () => {
    const { system, broker, writer, reader } = await start(["cp-abe"], 46);
    const { client: publisher } = connect(system, broker, writer, { suite: "cp-abe" });
    const { client } = connect(system, broker, reader);
    const subscription = await client.subscribe("house/#");
    const [unsealed] = await Promise.allSettled([
      publisher.publish("house/kitchen", "without a policy"),
      publisher.publish("house/kitchen", "with one", { policy: "member" }),
    ]);
    expect(unsealed).toMatchObject({ status: "rejected", reason: expect.any(WrapError) });
    expect((await take(subscription, 1)).map((message) => message.text())).toEqual(["with one"]);
  });

  it("a key that never comes holds up nothing else, and is asked for once", async () => {
    const { system, broker, writer, reader } = await start(["psk"], 43);
    const { client: lost } = connect(system, broker, writer);
    const { client, refused } = connect(system, broker, reader);
    await lost.publish("house/lost", "1");
    const stray = broker.log.at(-1);
    broker.retained.clear(); // its wrap is gone
    const subscription = await client.subscribe("house/#");
    if (stray === undefined) throw new Error("nothing was published");
    for (let i = 0; i < 3; i++) broker.deliver({ ...stray, retain: false, qos: 0 });
    const { client: publisher } = connect(system, broker, writer);
    await publisher.publish("house/a", "found");
    await expect.poll(() => refused).toEqual(Array.from({ length: 3 }, () => "house/lost: unknown-key"));
    expect((await take(subscription, 1)).map((message) => message.text())).toEqual(["found"]);
    await client.close();
    await lost.close();
    await publisher.close();
    const asked = broker.subscribed.filter((filter) => /^smqtt\/kw\/.*\/[0-9a-f]{32}$/.test(filter));
    expect(asked.length).toBe(new Set(asked).size);
  });

  it("plain, replayed, redirected and altered messages do not come out", async () => {
    const { system, broker, writer, reader } = await start(["psk"], 44);
    const { client: publisher } = connect(system, broker, writer);
    const { client, refused } = connect(system, broker, reader);
    const subscription = await client.subscribe("house/#");
    await publisher.publish("house/a", "good");
    const sealed = broker.log.at(-1)?.payload ?? new Uint8Array(0);
    const plain = { retain: false, qos: 0 } as const;
    broker.deliver({ topic: "house/a", payload: encodeUtf8("plain"), ...plain });
    broker.deliver({ topic: "house/a", payload: sealed, ...plain });
    broker.deliver({ topic: "house/b", payload: sealed, ...plain });
    const altered = sealed.slice();
    altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
    broker.deliver({ topic: "house/a", payload: altered, ...plain });
    await publisher.publish("house/a", "last");
    expect((await take(subscription, 2)).map((message) => message.text())).toEqual(["good", "last"]);
    expect(refused.toSorted()).toEqual([
      "house/a: malformed",
      "house/a: repeated",
      "house/a: repeated",
      "house/b: repeated",
    ]);
    await client.close();
    await publisher.close();
  });

  it("a late joiner reads a retained message, which brings its wrap along", async () => {
    const { system, broker, writer } = await start(["kp-abe"], 45);
    const { client: publisher } = connect(system, broker, writer, { suite: "kp-abe" });
    await publisher.publish("house/kitchen", "21.5", { retain: true });
    for (const topic of broker.retained.keys()) if (topic.startsWith("smqtt/kw")) broker.retained.delete(topic);
    system.clock.now += 3 * 86_400;
    const late = await system.join("late", { subscribe: ["house/+"] });
    const { client } = connect(system, broker, late);
    for (let round = 0; round < 2; round++) {
      const [message] = await take(await client.subscribe("house/#"), 1);
      expect(message?.text()).toBe("21.5"); // also at the second subscription
      expect(message?.retain).toBe(true);
    }
    await client.close();
    await publisher.close();
  });

  it("an empty retained payload clears the topic", async () => {
    const { system, broker, writer } = await start(["psk"], 46);
    const { client: publisher } = connect(system, broker, writer);
    await publisher.publish("house/a", "x", { retain: true });
    await publisher.publish("house/a", "", { retain: true });
    expect(broker.retained.has("house/a")).toBe(false);
    await publisher.close();
  });

  it("a publisher that starts again clears what it left when nobody needs it any more", async () => {
    const { system, broker, writer } = await start(["psk"], 47);
    const { client: first } = connect(system, broker, writer);
    await first.publish("house/a", "1");
    await first.close();
    const [oldTopic] = [...broker.retained.keys()].filter((topic) => topic.startsWith("smqtt/kw"));
    system.clock.now += 2 * 86_400;
    const { client: second } = connect(system, broker, writer);
    await second.publish("house/a", "2");
    system.clock.now += 3600;
    await second.publish("house/a", "3"); // by now the inventory is in
    expect(broker.retained.has(oldTopic ?? "")).toBe(false);
    expect([...broker.retained.keys()].filter((topic) => topic.startsWith("smqtt/kw")).length).toBe(2);
    await second.close();
  });

  it("revocation over the broker: bundle and new keys are taken as the authority publishes them", async () => {
    const { system, broker, writer, reader } = await start(["kp-abe"], 48);
    const outcast = await system.join("outcast", { subscribe: ["house/#"] });
    const { client: publisher } = connect(system, broker, writer, { suite: "kp-abe" });
    const { client } = connect(system, broker, reader);
    const { client: outsider, refused } = connect(system, broker, outcast);
    const [inside, outside] = [await client.subscribe("house/#"), await outsider.subscribe("house/#")];
    await publisher.publish("house/a", "for both");
    expect((await take(outside, 1))[0]?.text()).toBe("for both");

    const { authority } = system;
    await authority.revoke([toHex(outcast.certificate.id)]);
    const office = broker.connect();
    await office.publish(bundleTopic(authority.signingKey), authority.bundle(), { retain: true, qos: 1 });
    for (const [id, answer] of await authority.renewAll()) {
      const device = authority.devices.get(id);
      if (device === undefined) throw new Error("a device without a record");
      const topic = answerTopic(id === toHex(reader.certificate.id) ? reader.certificate.id : writer.certificate.id);
      await office.publish(topic, answer, { retain: true, qos: 1 });
    }
    await office.publish(bundleTopic(authority.signingKey), encodeUtf8("forged"), { retain: true });
    await expect.poll(() => reader.needsRenewal).toBe(false);
    await expect.poll(() => writer.publisher("kp-abe").generation).toBe(2);

    const again = await outsider.subscribe("house/#");
    await publisher.publish("house/a", "without the outcast");
    expect((await take(inside, 2)).map((message) => message.text())).toEqual(["for both", "without the outcast"]);
    await expect.poll(() => refused).toContain("house/a: not-for-us");
    await again.close();
    await client.close();
    await outsider.close();
    await publisher.close();
  });

  it("what may not be published fails at the publisher", async () => {
    const { system, broker, writer } = await start(["cp-abe"], 49);
    const { client: publisher } = connect(system, broker, writer, { suite: "cp-abe" });
    await expect(publisher.publish("garden/a", "x", { policy: "member" })).rejects.toThrow(WrapError);
    await expect(publisher.publish("house/a", "x")).rejects.toThrow("needs a policy");
    await expect(publisher.publish("house/a", "x", { policy: "member AND" })).rejects.toThrow("unexpected");
    expect(broker.log).toEqual([]);
    expect(() => connect(system, broker, writer, { suite: "none" })).toThrow(RangeError);
    await publisher.close();
  });

  it("messages that wait for wraps are bounded", async () => {
    const { system, broker, writer, reader } = await start(["psk"], 50);
    const { client, refused } = connect(system, broker, reader, { pendingLimitBytes: 5 * 190, wrapTimeoutMs: 20 });
    const { client: publisher } = connect(system, broker, writer);
    for (let i = 0; i < 8; i++) await publisher.publish("house/a", `${i}`);
    const messages = broker.log.filter(({ topic }) => topic === "house/a");
    broker.retained.clear();
    const subscription = await client.subscribe("house/#");
    for (const message of messages) broker.deliver({ ...message, retain: false, qos: 0 });
    await expect.poll(() => refused.length).toBe(8);
    expect(new Set(refused)).toEqual(new Set(["house/a: unknown-key"]));
    await subscription.close();
    await client.close();
    await publisher.close();
  });
});
