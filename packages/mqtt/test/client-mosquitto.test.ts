import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type ProtocolVersion } from "../src/index.js";
import { CERTIFICATE, PRIVATE_KEY } from "./test-certificate.js";

const path = findProgram("mosquitto");

describe.skipIf(path === undefined)("the client and Debian's mosquitto", () => {
  let broker: Mosquitto;
  let topicCount = 0;
  /** A topic that no other test uses. */
  const freshTopic = (): string => `test/${topicCount++}`;

  beforeAll(async () => {
    const tls = { cert: CERTIFICATE, key: PRIVATE_KEY };
    broker = await launchMosquitto(path ?? "", { hasWebSockets: true, tls });
  });

  afterAll(() => broker?.stop());

  const links: [string, () => string, object][] = [
    ["TCP", () => broker.url, {}],
    ["TLS", () => broker.tlsUrl, { tls: { ca: CERTIFICATE } }],
    ["a WebSocket", () => broker.webSocketUrl, {}],
  ];
  const versions: ProtocolVersion[] = [3, 4, 5];

  describe.each(versions)("in protocol version %i", (protocolVersion) => {
    it.each(links)("exchange messages of every QoS over %s, in order", async (_, url, options) => {
      await using client = await connect(url(), { protocolVersion, ...options });
      const topic = freshTopic();
      const subscription = await client.subscribe(`${topic}/#`, { qos: 2 });
      expect(subscription.reasonCodes).toEqual([2]);
      const sending = [0, 1, 2].flatMap((qos) =>
        Array.from({ length: 40 }, (_, i) => client.publish(`${topic}/${qos}`, String(i), { qos: qos as 0 | 1 | 2 })),
      );
      const received: string[][] = [[], [], []];
      let count = 0;
      for await (const message of subscription) {
        expect(message.topic).toBe(`${topic}/${message.qos}`);
        received[message.qos]?.push(message.text());
        if (++count === 120) break;
      }
      await Promise.all(sending);
      const inOrder = Array.from({ length: 40 }, (_, i) => String(i));
      expect(received).toEqual([inOrder, inOrder, inOrder]);
    });

    // [MQTT-7.0.0-2] of MQTT 3.1.1
    it("keep a session while the client is away", async () => {
      const topic = freshTopic();
      const options = { protocolVersion, clientId: `keeper${protocolVersion}`, cleanStart: false };
      const first = await connect(broker.url, options);
      await first.subscribe(topic, { qos: 2 });
      await first.close();
      await using publisher = await connect(broker.url, { protocolVersion });
      for (const qos of [1, 2] as const) await publisher.publish(topic, `q${qos}`, { qos });
      await using second = await connect(broker.url, options);
      const messages = second.messages();
      expect((await messages.next()).value?.text()).toBe("q1");
      expect((await messages.next()).value?.text()).toBe("q2");
    });

    it("keep and clear a retained message", async () => {
      const topic = freshTopic();
      await using client = await connect(broker.url, { protocolVersion });
      await client.publish(topic, "kept", { qos: 1, retain: true });
      const subscription = await client.subscribe(topic);
      const { value } = await subscription.next();
      expect([value?.text(), value?.retain]).toEqual(["kept", true]);
      await subscription.close();
      await client.publish(topic, "", { qos: 1, retain: true });
    });

    it("publish the will of a client that breaks off", async () => {
      const topic = freshTopic();
      await using watcher = await connect(broker.url, { protocolVersion });
      const subscription = await watcher.subscribe(topic);
      const abort = new AbortController();
      const doomed = await connect(broker.url, {
        protocolVersion,
        clientId: `doomed${protocolVersion}`,
        will: { topic, payload: "gone", qos: 1 },
        signal: abort.signal,
        reconnect: false,
      });
      // A second client of the same name makes the broker break the first one off.
      await using _thief = await connect(broker.url, { protocolVersion, clientId: `doomed${protocolVersion}` });
      expect(await doomed.closed).toBeInstanceOf(Error);
      expect((await subscription.next()).value?.text()).toBe("gone");
    });
  });

  it("carry properties, subscription identifiers, topic aliases, requests and responses (MQTT 5.0)", async () => {
    const packets: string[] = [];
    await using client = await connect(broker.url, {
      trace: (direction, packet) => {
        if (packet.type === "publish" && direction === "sent") packets.push(packet.topic);
      },
    });
    const topic = freshTopic();
    const subscription = await client.subscribe(topic, { noLocal: false });
    const properties = { contentType: "text/plain", userProperties: [["a", "b"]], messageExpiryInterval: 60 } as const;
    for (const text of ["1", "2", "3"]) await client.publish(topic, text, { properties });
    expect((await subscription.next()).value?.properties).toMatchObject({
      ...properties,
      subscriptionIdentifiers: [1],
    });
    expect((await subscription.next()).value?.topic).toBe(topic);
    expect(packets).toEqual([topic, "", ""]);

    const requests = await client.subscribe(`${topic}/double`);
    void (async () => {
      for await (const request of requests) await client.reply(request, String(2 * Number(request.text())));
    })();
    expect((await client.request(`${topic}/double`, "21")).text()).toBe("42");
  });

  it("refuse what the broker refuses", async () => {
    await using client = await connect(broker.url);
    await expect(client.publish("$SYS/broker/x", "x", { qos: 1 })).rejects.toMatchObject({
      name: "RefusedError",
      reasonCode: 0x87,
    });
    const closed = await connect("mqtt://127.0.0.1:1", { connectTimeoutMs: 2_000 }).catch((error: unknown) => error);
    expect(closed).toMatchObject({ code: "ECONNREFUSED" });
    await expect(connect(broker.tlsUrl)).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  });
});

describe.skipIf(path === undefined)("a broker that is restarted", () => {
  it("gets its client back, with its subscriptions, and what was published meanwhile", async () => {
    let broker = await launchMosquitto(path ?? "");
    const { url, port } = broker;
    const events: string[] = [];
    const client = await connect(url, {
      reconnect: { minDelayMs: 20, maxDelayMs: 100 },
      onConnect: ({ isSessionPresent }) => events.push(`connected ${isSessionPresent}`),
    });
    try {
      const subscription = await client.subscribe("a", { qos: 1 });
      await broker.stop();
      const publishing = client.publish("a", "while away", { qos: 1 });
      broker = await launchMosquitto(path ?? "", { port });
      await publishing;
      // The broker has lost the session; whether the message came before the subscription is its business.
      await client.publish("a", "back", { qos: 1 });
      const texts: (string | undefined)[] = [];
      while (texts.at(-1) !== "back") texts.push((await subscription.next()).value?.text());
      expect(events).toEqual(["connected false", "connected false"]);
    } finally {
      await client.close();
      await broker.stop();
    }
  });
});
