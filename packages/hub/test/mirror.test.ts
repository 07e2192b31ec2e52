import { createSocket } from "node:dgram";
import { once } from "node:events";
import { CoapClient, type CoapServer, connectorOf, createClient, createServer, Option } from "@isthmus/coap";
import { bindUdp, type UdpTransport } from "@isthmus/coap/transport-node";
import { decodeUtf8 } from "@isthmus/bytes";
import { MemoryStore } from "@isthmus/exchange";
import { afterEach, describe, expect, test, vi } from "vitest";
import { AnonymousAccess, type Credentials, type Identity } from "../src/access/access.js";
import { CoapDoor } from "../src/doors/coap/coap-door.js";
import { COAP_DEFAULTS } from "../src/doors/coap/coap-options.js";
import { Mirror } from "../src/mirror/mirror.js";
import type { MirrorOptions } from "../src/mirror/mirror-options.js";
import { TopicMapping } from "../src/mirror/topic-mapping.js";
import { MemoryDoor } from "./memory-door.js";

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A hub with a CoAP door and a mirror, and MQTT clients in memory. */
class Bench {
  readonly store: MemoryStore;
  readonly hub: MemoryDoor;
  readonly door: CoapDoor;
  readonly mirror: Mirror;

  constructor(options: MirrorOptions, store: MemoryStore, access = new AnonymousAccess(true, true)) {
    this.store = store;
    this.hub = new MemoryDoor({ exchange: { store }, access });
    const context = this.hub.door;
    this.door = new CoapDoor({ context, options: COAP_DEFAULTS, maxTopicLevels: 128 });
    this.mirror = new Mirror(context, this.door, 128, options);
  }

  static async open(
    options: MirrorOptions = {},
    store = new MemoryStore({ durability: "sync" }),
    access?: AnonymousAccess,
  ): Promise<Bench> {
    const bench = new Bench(options, store, access);
    await bench.door.open({ host: "127.0.0.1", port: 0 });
    await bench.mirror.open();
    closing.push(() => bench.close());
    return bench;
  }

  get url(): string {
    return this.door.url ?? "";
  }

  /** The topic's last value as text. */
  value(topic: string): string | undefined {
    const message = this.hub.exchange.retained.get(topic);
    return message && decodeUtf8(message.payload);
  }

  async waitFor(topic: string, text: string): Promise<void> {
    await vi.waitFor(() => expect([topic, this.value(topic)]).toEqual([topic, text]), { timeout: 10_000 });
  }

  async close(): Promise<void> {
    await this.mirror.close();
    await this.door.close();
    await this.hub.close();
  }
}

/** A device with a temperature that can be observed and a relay that can be switched. */
class Device {
  readonly server: CoapServer = createServer();
  readonly written: string[] = [];
  celsius = "20";
  relay = "off";
  transport: UdpTransport;
  client: CoapClient;
  /** Answers PUTs only once this resolves. */
  hold: Promise<void> | undefined;

  constructor(transport: (server: CoapServer) => UdpTransport) {
    this.server.resource("/temp", { get: () => this.celsius, isObservable: true });
    this.server.resource("/relay", {
      get: () => this.relay,
      put: async (request) => {
        await this.hold;
        this.relay = request.text();
        this.written.push(this.relay);
        this.server.resource("/relay", {}).notify();
      },
      isObservable: true,
    });
    this.transport = transport(this.server);
    this.client = new CoapClient({ connector: connectorOf(this.transport) });
  }

  static async start(): Promise<Device> {
    const server = createServer();
    const transport = await bindUdp({ handler: server });
    closing.push(() => transport.close());
    const device = new Device(() => transport);
    server.mount("/", device.server);
    return device;
  }

  /** It comes up again at another port. */
  async move(): Promise<void> {
    await this.transport.close();
    this.transport = await bindUdp({ handler: this.server });
    const { transport } = this;
    closing.push(() => transport.close());
    this.client = new CoapClient({ connector: connectorOf(this.transport) });
  }

  /** @returns where the registration is. */
  async register(hub: Bench, query = "ep=pump", links = "</temp>;obs,</relay>;obs"): Promise<string> {
    const response = await this.client.request(`${hub.url}/rd?${query}`, {
      method: "POST",
      body: links,
      contentFormat: 40,
    });
    if (!response.ok) throw new Error(String(response));
    return response.location ?? "";
  }

  change(celsius: string): void {
    this.celsius = celsius;
    this.server.resource("/temp", {}).notify();
  }
}

describe("a device that registers", () => {
  test("appears as topics, which follow it", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    const subscriber = await hub.hub.connect();
    await subscriber.subscribe("devices/#", { qos: 1 });
    await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    await hub.waitFor("devices/pump/relay", "off");
    await hub.waitFor("devices/pump/$online", "true");
    expect(hub.hub.exchange.retained.get("devices/pump/temp")?.properties?.contentType).toBe(
      "text/plain; charset=utf-8",
    );
    device.change("21");
    await hub.waitFor("devices/pump/temp", "21");
    const { origin } = hub.hub.exchange.retained.get("devices/pump/temp") ?? {};
    expect([origin?.door, origin?.name]).toEqual(["coap", "pump"]);
  });

  test("is put what is published to its topics: the newest when it is slow", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    await device.register(hub);
    await hub.waitFor("devices/pump/relay", "off");
    const { promise, resolve } = Promise.withResolvers<void>();
    device.hold = promise;
    const publisher = await hub.hub.connect();
    for (const text of ["on", "half", "full"]) await publisher.publish("devices/pump/relay", text, { qos: 1 });
    resolve();
    await hub.waitFor("devices/pump/relay", "full");
    await using reader = createClient();
    // The proxy does not go on to tell what was before.
    await vi.waitFor(async () => expect((await reader.request(`${hub.url}/pump/relay`)).text()).toBe("full"));
    expect(device.written).toEqual(["on", "full"]);
  });

  test("is asked through the hub, at the address that it has", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    await device.register(hub, "ep=nest_bedroom", "</temp>;obs");
    await using client = createClient();
    const response = await client.request(`${hub.url}/nest_bedroom/temp`);
    expect([response.status, response.text()]).toEqual(["2.05", "20"]);
    const put = await client.request(`${hub.url}/nest_bedroom/relay`, { method: "PUT", body: "on" });
    expect([put.status, device.relay]).toEqual(["2.04", "on"]);
    expect((await client.request(`${hub.url}/nest_bedroom/nothing`)).status).toBe("4.04");
    expect((await client.request(`${hub.url}/nobody/temp`)).status).toBe("4.04");
  });

  test("is asked for nothing that its topic does not name", async () => {
    const access = new (class extends AnonymousAccess {
      override mayPublish(_: unknown, topic: { name: string }): boolean {
        return topic.name.startsWith("devices/pump/public/") || topic.name === "devices/pump/$online";
      }
    })(true, true);
    const hub = await Bench.open({}, undefined, access);
    const device = await Device.start();
    await device.register(hub, "ep=pump", "");
    await using client = createClient();
    const put = async (...segments: string[]): Promise<string> => {
      const options = segments.map((segment) => [Option.URI_PATH, segment] as const);
      return (await client.request(`${hub.url}/pump`, { method: "PUT", body: "on", options })).status;
    };
    expect(await put("relay")).toBe("4.03");
    expect(await put("public", "..", "relay")).toBe("4.00");
    expect(await put("public", ".", "..", "relay")).toBe("4.00");
    expect(await put("public", "relay")).toBe("4.04");
    expect(device.written).toEqual([]);
  });

  test("is observed once, however many observe it through the hub", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    await using client = createClient();
    const streams = Array.from({ length: 3 }, () => client.observe(`${hub.url}/pump/temp`));
    const next = async (): Promise<string[]> =>
      Promise.all(streams.map(async (stream) => (await stream.next()).value?.text() ?? ""));
    expect(await next()).toEqual(["20", "20", "20"]);
    device.change("25");
    expect(await next()).toEqual(["25", "25", "25"]);
    // The mirror itself, and the proxy for all others.
    expect(device.server.resource("/temp", {}).observerCount).toBeLessThanOrEqual(2);
    for (const stream of streams) await stream.return?.();
  });

  test("says that it is gone when it deregisters, and when its lifetime is over", async () => {
    const hub = await Bench.open();
    const [first, second] = [await Device.start(), await Device.start()];
    const location = await first.register(hub, "ep=first");
    await second.register(hub, "ep=second&lt=1");
    await hub.waitFor("devices/first/$online", "true");
    await first.client.request(`${hub.url}${location}`, { method: "DELETE" });
    await hub.waitFor("devices/first/$online", "false");
    await hub.waitFor("devices/second/$online", "false");
    expect(hub.mirror.deviceCount).toBe(0);
    await using client = createClient();
    expect((await client.request(`${hub.url}/first/temp`)).status).toBe("4.04");
  });

  test("is followed to another address", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    const location = await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    await device.move();
    device.celsius = "30";
    expect((await device.client.request(`${hub.url}${location}`, { method: "POST" })).status).toBe("2.04");
    await hub.waitFor("devices/pump/temp", "30");
    await using client = createClient();
    expect((await client.request(`${hub.url}/pump/temp`)).text()).toBe("30");
  });

  test("is still known after the hub has been restarted", async () => {
    const before = await Bench.open();
    const device = await Device.start();
    const location = await device.register(before);
    await before.waitFor("devices/pump/temp", "20");
    const after = await Bench.open({}, before.store.crash());
    device.change("22");
    await after.waitFor("devices/pump/temp", "22");
    expect((await device.client.request(`${after.url}${location}`, { method: "POST" })).status).toBe("2.04");
  });

  test("that never answers blocks nobody", async () => {
    const hub = await Bench.open();
    const silent = createSocket("udp4");
    silent.bind(0, "127.0.0.1");
    await once(silent, "listening");
    closing.push(() => void silent.close());
    const device = await Device.start();
    await device.register(hub, `ep=silent&base=coap://127.0.0.1:${silent.address().port}`);
    await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    const publisher = await hub.hub.connect();
    for (let i = 0; i < 100; i++) await publisher.publish("devices/silent/relay", `${i}`, { qos: 1 });
    await publisher.publish("devices/pump/relay", "on", { qos: 1 });
    await hub.waitFor("devices/pump/relay", "on");
    expect(hub.hub.metrics.messagesDropped.superseded).toBe(98);
  });

  test("that does not take a value has its topic say so, and show what it has", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    const client = await hub.hub.connect();
    await client.subscribe("devices/pump/$error");
    await client.publish("devices/pump/temp", "99", { qos: 1, retain: true });
    const { payload } = await client.first("publish");
    expect(JSON.parse(decodeUtf8(payload))).toMatchObject({ path: "/temp", problem: expect.stringContaining("4.05") });
    await hub.waitFor("devices/pump/temp", "20");
  });

  test("may not have the hub knock anywhere else", async () => {
    const hub = await Bench.open();
    const device = await Device.start();
    await device.register(hub, "ep=spy&base=coap://192.0.2.1");
    await device.register(hub, "ep=web&base=http://127.0.0.1");
    await device.register(hub);
    await hub.waitFor("devices/pump/temp", "20");
    expect(hub.mirror.deviceCount).toBe(1);
    expect(hub.hub.log.some(({ msg, endpoint }) => msg === "device not mirrored" && endpoint === "spy")).toBe(true);
    const allowing = await Bench.open({ allowedBases: ["192.0.2.0/24"] });
    await device.register(allowing, "ep=spy&base=coap://192.0.2.1");
    expect(allowing.mirror.deviceCount).toBe(1);
  });

  test("needs the right to publish what it has to say", async () => {
    const access = new (class extends AnonymousAccess {
      override mayPublish(_: unknown, topic: { name: string }): boolean {
        return !topic.name.startsWith("devices/evil/");
      }
    })(true, true);
    const hub = await Bench.open({}, undefined, access);
    const device = await Device.start();
    await expect(device.register(hub, "ep=evil")).rejects.toThrow("4.03");
    await device.register(hub, "ep=good");
    await hub.waitFor("devices/good/temp", "20");
  });
});

describe("the name of a device", () => {
  const access = new (class extends AnonymousAccess {
    override authenticate(credentials?: Credentials): Identity {
      return { user: credentials?.user };
    }
  })(true, true);

  test("belongs to who registered it, for as long as it is registered", async () => {
    const hub = await Bench.open({}, undefined, access);
    const device = await Device.start();
    const location = await device.register(hub, "ep=pump&user=anna");
    await expect(device.register(hub, "ep=pump&user=ben")).rejects.toThrow("4.03");
    await device.register(hub, "ep=pump&user=anna");
    const remove = async (user: string): Promise<string> =>
      (await device.client.request(`${hub.url}${location}?user=${user}`, { method: "DELETE" })).status;
    expect([await remove("ben"), await remove("anna")]).toEqual(["4.03", "2.02"]);
    await device.register(hub, "ep=pump&user=ben");
  });

  test("is not taken by a registration that failed", async () => {
    const hub = await Bench.open({ maxDevices: 1 }, undefined, access);
    const device = await Device.start();
    await expect(device.register(hub, "ep=pump&user=anna", "</temp")).rejects.toThrow("4.00");
    const location = await device.register(hub, "ep=pump&user=ben");
    await expect(device.register(hub, "ep=lamp&user=anna")).rejects.toThrow("5.03");
    await device.client.request(`${hub.url}${location}?user=ben`, { method: "DELETE" });
    await device.register(hub, "ep=lamp&user=ben");
  });
});

describe("the mapping from resources to topics", () => {
  const mapping = new TopicMapping("devices", [
    { path: "/.well-known/*", topic: false },
    { endpoint: "thermo-*", path: "/t", topic: "house/{endpoint}/temperature" },
    { endpoint: "lamp", topic: "lights{path}" },
  ]);

  test.each([
    ["pump", "/temp", "devices/pump/temp"],
    ["pump", "/a/b", "devices/pump/a/b"],
    ["pump", "/", "devices/pump"],
    ["pump", "/temp?unit=K", "devices/pump/temp?unit=K"],
    ["a/b+c#", "/x+y#z", "devices/a%2Fb%2Bc%23/x%2By%23z"],
    ["pump", "/.well-known/core", undefined],
    ["thermo-7", "/t", "house/thermo-7/temperature"],
    ["thermo-7", "/u", "devices/thermo-7/u"],
    ["lamp", "/on", "lightson"],
    // Names that say something else where text is replaced.
    ["$&$'$$", "/$&/$`", "devices/$&$'$$/$&/$`"],
    ["{path}", "/{endpoint}", "devices/{path}/{endpoint}"],
  ])("makes %s %s %s", (endpoint, path, topic) => {
    expect(mapping.topicOf(endpoint, path)).toBe(topic);
  });
});
