import { type IClientOptions, type IPublishPacket, type MqttClient, connect, connectAsync } from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";

// MQTT.js, the client that most Node and browser programs use.
let hub: Hub;
let clients: MqttClient[] = [];

beforeAll(async () => {
  hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 } });
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)));
  clients = [];
});
afterAll(() => hub.close());

const WAYS = {
  TCP: () => hub.mqtt?.url ?? "",
  WebSocket: () => `${hub.http?.url.replace("http", "ws")}/mqtt`,
} as const;
const LEVELS = [3, 4, 5] as const;
const QOS = [0, 1, 2] as const;

/** What MQTT.js calls protocol level 3 has another protocol name. */
async function client(
  way: keyof typeof WAYS,
  protocolVersion: 3 | 4 | 5,
  rest: IClientOptions = {},
): Promise<MqttClient> {
  const protocolId = protocolVersion === 3 ? "MQIsdp" : "MQTT";
  const opened = await connectAsync(WAYS[way](), { protocolVersion, protocolId, reconnectPeriod: 0, ...rest });
  clients.push(opened);
  return opened;
}

interface Heard {
  readonly topic: string;
  readonly text: string;
  readonly packet: IPublishPacket;
}

function hear(from: MqttClient, count: number): Promise<Heard[]> {
  const heard: Heard[] = [];
  return new Promise((resolve) => {
    from.on("message", (topic, payload, packet) => {
      heard.push({ topic, text: payload.toString(), packet });
      if (heard.length === count) resolve(heard);
    });
  });
}

describe.each(["TCP", "WebSocket"] as const)("MQTT.js over %s", (way) => {
  describe.each(LEVELS)("protocol level %i", (level) => {
    test.each(QOS)("publishes and subscribes at QoS %i", async (qos) => {
      const [publisher, subscriber] = [await client(way, level), await client(way, level)];
      const topic = `${way}/${level}/${qos}`;
      await subscriber.subscribeAsync(topic, { qos });
      const messages = hear(subscriber, 100);
      await Promise.all(Array.from({ length: 100 }, (_, i) => publisher.publishAsync(topic, String(i), { qos })));
      const heard = await messages;
      expect(heard.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
      expect(heard.every(({ packet }) => packet.qos === qos)).toBe(true);
    });

    test("gets the retained message, and its own will when it is lost", async () => {
      const topic = `retained/${way}/${level}`;
      const publisher = await client(way, level);
      await publisher.publishAsync(topic, "kept", { qos: 1, retain: true });
      const subscriber = await client(way, level);
      const first = hear(subscriber, 1);
      await subscriber.subscribeAsync([topic, `will/${way}/${level}`]);
      expect((await first).map(({ text, packet }) => [text, packet.retain])).toEqual([["kept", true]]);
      const will = { topic: `will/${way}/${level}`, payload: Buffer.from("lost"), qos: 1, retain: false } as const;
      const dying = await client(way, level, { will });
      const lost = hear(subscriber, 1);
      dying.stream.destroy();
      expect((await lost).map(({ text }) => text)).toEqual(["lost"]);
    });

    test("finds its session again", async () => {
      const options: IClientOptions = {
        clientId: `session-${way}-${level}`,
        clean: false,
        ...(level === 5 ? { properties: { sessionExpiryInterval: 100 } } : {}),
      };
      const topic = `session/${way}/${level}`;
      const before = await client(way, level, options);
      await before.subscribeAsync(topic, { qos: 2 });
      await before.endAsync();
      const publisher = await client(way, level);
      for (const qos of QOS) await publisher.publishAsync(topic, String(qos), { qos });
      const { protocolVersion, protocolId } = publisher.options;
      const messages: string[] = [];
      const back = await new Promise<MqttClient>((resolve, reject) => {
        // The messages may come with CONNACK, before a promise could tell of it.
        const opening = connect(WAYS[way](), { ...options, protocolVersion, protocolId, reconnectPeriod: 0 });
        opening.on("message", (_topic, payload) => {
          messages.push(payload.toString());
          if (messages.length === 2) resolve(opening);
        });
        opening.on("error", reject);
      });
      clients.push(back);
      expect(messages).toEqual(["1", "2"]);
    });
  });

  test("properties, topic aliases and subscription identifiers of MQTT 5.0", async () => {
    const [publisher, subscriber] = [await client(way, 5, { autoAssignTopicAlias: true }), await client(way, 5)];
    await subscriber.subscribeAsync(`p/${way}`, { qos: 1, properties: { subscriptionIdentifier: 42 } });
    const messages = hear(subscriber, 3);
    const properties = {
      contentType: "text/plain",
      responseTopic: "answers",
      correlationData: Buffer.from("id"),
      userProperties: { k: ["v", "w"] },
      messageExpiryInterval: 60,
    };
    for (let i = 0; i < 3; i++)
      await publisher.publishAsync(`p/${way}`, String(i), { qos: 1, properties: { ...properties } });
    const heard = await messages;
    expect(heard.map(({ text }) => text)).toEqual(["0", "1", "2"]);
    for (const { packet } of heard)
      expect(packet.properties).toMatchObject({ ...properties, subscriptionIdentifier: 42 });
  });

  test("a payload of two megabytes", async () => {
    const both = await client(way, 5);
    await both.subscribeAsync(`large/${way}`);
    const messages = hear(both, 1);
    await both.publishAsync(`large/${way}`, Buffer.alloc(2_000_000, 0x78), { qos: 1 });
    expect((await messages)[0]?.packet.payload.length).toBe(2_000_000);
  });
});

test("a client over WebSocket and one over TCP speak to each other", async () => {
  const [web, tcp] = [await client("WebSocket", 5), await client("TCP", 4)];
  await web.subscribeAsync("to/web");
  await tcp.subscribeAsync("to/tcp");
  const [atWeb, atTcp] = [hear(web, 1), hear(tcp, 1)];
  await web.publishAsync("to/tcp", "from web");
  await tcp.publishAsync("to/web", "from tcp");
  expect([(await atWeb)[0]?.text, (await atTcp)[0]?.text]).toEqual(["from tcp", "from web"]);
});
